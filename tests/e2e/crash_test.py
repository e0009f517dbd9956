"""A program that dies in a coroutine while it is recorded: its last events and its last state are in the trace, and who ended it."""
import os
import signal
import unittest

import harness

DYING = os.path.join(harness.BIN, "dying")


class Crash(unittest.TestCase):
    def check_accounts(self, stat):
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)

    def recorded(self, how, signal_text):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", trace, "--", DYING, how, check=0)
            self.assertIn(signal_text, ran.err)
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            listed = harness.coroscope("stacks", trace, "--json", check=0).json()["coroutines"]
        self.assertIn("the program was killed by " + signal_text, stat["ended"])
        self.check_accounts(stat)
        # main, five receivers, the victim: that it was spawned, woken and resumed were the last things to happen.
        self.assertEqual((stat["totals"]["spawned"], stat["totals"]["exited"], stat["lost"]), (7, 0, 0))
        self.assertEqual(stat["totals"]["channels"]["begin"], {"sent": 1, "received": 1})
        by_name = {}
        for coroutine in listed:
            by_name.setdefault(coroutine["name"], []).append(coroutine)
        self.assertEqual({name: len(rows) for name, rows in by_name.items()}, {"main": 1, "receiver": 5, "victim": 1})
        self.assertEqual(by_name["victim"][0]["state"], "running")
        for coroutine in by_name["receiver"]:
            self.assertEqual((coroutine["state"], coroutine["waits_on"]), ("parked", "channel:nothing comes"))

    def test_of_a_null_pointer(self):
        self.recorded("write", "signal 11 (SIGSEGV)")

    def test_of_abort(self):
        self.recorded("abort", "signal 6 (SIGABRT)")

    def test_in_the_runtime(self):
        self.recorded("misuse", "signal 6 (SIGABRT)")

    def test_of_an_overflow(self):
        self.recorded("overflow", "signal 11 (SIGSEGV)")

    def test_a_busy_program_that_was_attached_to_is_accounted_for(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 2000) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                with harness.started(harness.COROSCOPE, "record", "-o", trace, "--pid", demo.pid) as recorder:
                    harness.wait_until(lambda: os.path.exists(trace) and os.path.getsize(trace) > 200_000, what="the trace growing")
                    demo.send_signal(signal.SIGABRT)
                    self.assertEqual(recorder.wait(timeout=60), 0)
                self.assertEqual(demo.wait(timeout=60), -signal.SIGABRT)
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            # Nobody told us by which signal: it is somebody else's child.
            self.assertEqual(stat["ended"], "recorded; the program was killed")
            self.check_accounts(stat)
            self.assertGreater(sum(stat["states"].values()), 100)


if __name__ == "__main__":
    harness.main()
