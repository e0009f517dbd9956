"""Signals in `stat`, in queries and in the window, against what was sent."""
import json
import os
import re
import signal
import subprocess
import unittest

import harness

SENT = 20


def signals_of(stat):
    return {row["name"]: row for row in stat["signals"]}


class SignalsView(unittest.TestCase):
    def window(self, folder, *command, lines):
        path, dumped = os.path.join(folder, "view.script"), os.path.join(folder, "dumped.json")
        with open(path, "w") as file:
            file.write("\n".join([*lines, f"dump {dumped}", "quit"]) + "\n")
        harness.coroscope(*command, "--offscreen", "--size", "1280x800", "--script", path, check=0, timeout=180)
        with open(dumped) as file:
            return json.load(file)["views"]["signals"]

    def delivered_live(self, pid, count):
        def arrived():
            done = harness.coroscope("stat", "--pid", pid, "--json")
            return done.code == 0 and signals_of(done.json()).get("SIGUSR1", {}).get("delivered", 0) >= count
        return harness.wait_until(arrived, what=f"{count} signals being delivered")

    def test_a_recording_tells_each_signal_that_was_sent(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            with harness.started(harness.COROSCOPE, "record", "-o", trace, "--", harness.DEMO, "--seconds", 4, "--swarm", 100,
                                 stdin=subprocess.DEVNULL) as recorder:
                pid = harness.wait_until(lambda: self.demo_of(recorder.pid), what="the demo running")
                harness.wait_until(lambda: harness.attachable(pid), what="the demo being attachable")
                for number in range(1, SENT + 1):
                    before = signals_of(harness.coroscope("stat", "--pid", pid, "--json", check=0).json()).get("SIGUSR1", {}).get("delivered", 0)
                    os.kill(pid, signal.SIGUSR1)
                    if number % 5 == 0:  # the kernel puts those together that come faster than they are taken
                        self.delivered_live(pid, before + 1)
                recorder.wait(timeout=60)
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            row = signals_of(stat)["SIGUSR1"]
            self.assertGreaterEqual(row["arrived"], SENT // 5)
            self.assertEqual(row["arrived"], row["delivered"] + row["coalesced"] + row["lost"] + row["waiting"])
            self.assertEqual(row["finished"], row["delivered"])
            self.assertEqual(stat["totals"]["signals"]["SIGUSR1"], row["delivered"])
            self.assertGreater(row["latency_mean_ns"], 0)
            self.assertLessEqual(row["latency_mean_ns"], row["latency_most_ns"])
            self.assertEqual(stat["signal_latency_ns"]["samples"], sum(r["delivered"] for r in stat["signals"]))
            told = harness.coroscope("query", trace, "signal", "--json", "--limit", 10000, check=0).json()["events"]
            ours = [event for event in told if event["object"] == "signal:SIGUSR1"]
            self.assertLessEqual(len(ours), row["delivered"])
            self.assertTrue(any(f"from process {os.getpid()}" in event["detail"] for event in ours), ours[:3])
            handled = harness.coroscope("query", trace, "signal-handled", "--json", "--limit", 10000, check=0).json()["events"]
            self.assertTrue(handled)
            self.assertTrue(all(re.match(r"first instruction after [\d.]+ \w+, end after", event["detail"]) for event in handled), handled[:3])

            shown = self.window(folder, "replay", trace, lines=["wait-for moment", "time end", "view signals", "wait-for settled"])
            self.assertEqual(signals_of(shown)["SIGUSR1"], row)
            self.assertEqual(shown["latency_samples"], stat["signal_latency_ns"]["samples"])
            self.assertIsNone(shown["masks"])
            of_signals = ("signal", "signal-handled", "signal-dropped", "fault", "raise", "recover")
            rows = [event for event in shown["came"]["rows"] if event["event"] in of_signals]
            self.assertEqual(len(rows), len(shown["came"]["rows"]))
            self.assertGreaterEqual(len(rows), min(len(told) + len(handled), 200))

    def demo_of(self, recorder):
        try:
            with open(f"/proc/{recorder}/task/{recorder}/children") as file:
                children = file.read().split()
        except OSError:
            return None
        for child in children:
            try:
                if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "demo":
                    return int(child)
            except OSError:
                pass
        return None

    def test_a_row_that_is_clicked_shows_its_own_and_threads_show_their_masks(self):
        with harness.folder() as folder, harness.started(harness.DEMO, "--seconds", 60, "--swarm", 100, stdin=subprocess.DEVNULL) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            os.kill(demo.pid, signal.SIGUSR1)
            self.delivered_live(demo.pid, 1)
            shown = self.window(folder, "attach", demo.pid,
                                lines=["wait-for moment", "view signals", "wait-for settled", "click signals.row.0", "wait-for settled", "key alt+g",
                                       "key alt+g", "key alt+g", "wait-for settled"])
            self.assertEqual(shown["chosen"], "SIGUSR1")
            self.assertGreaterEqual(signals_of(shown)["SIGUSR1"]["delivered"], 1)
            threads = {row["name"]: row for row in shown["masks"]["threads"]}
            self.assertEqual(threads["cprime-signals"]["blocked"], "all but SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGSEGV")
            self.assertIn("SIGUSR1", shown["masks"]["caught"])


if __name__ == "__main__":
    harness.main()
