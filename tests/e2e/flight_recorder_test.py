"""The flight recorder: nothing is written until somebody asks, each dump is a whole trace, and the recorder stays small."""
import os
import re
import signal
import subprocess
import unittest

import harness

BUSY = os.path.join(harness.BIN, "busy_bodies")
DYING = os.path.join(harness.BIN, "dying")


def stat_of(path):
    return harness.coroscope("stat", path, "--json", check=0).json()


def high_water_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])


class FlightRecorder(unittest.TestCase):
    def account_for(self, stat):
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)

    def dumped(self, err, path):
        """What the line about that dump says: seconds, events, lost, why."""
        said = re.search(re.escape(path) + r": the last ([0-9.]+) s, (\d+) events, (none|\d+) lost, ([0-9.]+) MB; (.*)", err)
        self.assertIsNotNone(said, err)
        return float(said[1]), int(said[2]), 0 if said[3] == "none" else int(said[3]), said[5]

    def recording(self, path, pid):
        return harness.started(harness.COROSCOPE, "record", "-o", path, "--flight-recorder", "8MB", "--progress", "--pid", pid)

    def test_a_program_that_ends_leaves_its_last_seconds(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", path, "--flight-recorder", "64MB,2s", "--", harness.DEMO, "--seconds", 5,
                                    "--swarm", 2000, check=0)
            seconds, events, lost, why = self.dumped(ran.err, path)
            self.assertEqual(why, "the program ended")
            self.assertGreater(seconds, 1.4)
            self.assertLess(seconds, 4)
            stat = stat_of(path)
            self.assertEqual((stat["events"], stat["lost"], stat["ended"]), (events, lost, "recorded; the program ended"))
            self.account_for(stat)
            # What is left is a trace as any other.
            for words in (("stacks", path), ("waits", path), ("query", path, "resume", "--count"), ("profile", path)):
                harness.coroscope(*words, check=0)
            self.assertGreater(stat["recording"]["cpu_share"], 0)

    def test_a_signal_asks_for_a_dump_and_recording_goes_on(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 2000) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                with self.recording(path, demo.pid) as recorder:
                    self.assertIn("coroscope: ", recorder.stderr.readline())  # it records
                    self.assertEqual(os.listdir(folder), [])
                    lines = []
                    for name in (path, path + "-2"):
                        recorder.send_signal(signal.SIGUSR1)
                        while not lines or name + ": the last" not in lines[-1]:
                            lines.append(recorder.stderr.readline())
                        self.assertIn("asked for by SIGUSR1", lines[-1])
                        self.account_for(stat_of(name))
                    recorder.send_signal(signal.SIGINT)
                    _, err = recorder.communicate(timeout=30)
                    self.assertEqual(recorder.returncode, 0, err)
                self.assertEqual(self.dumped(err, path + "-3")[3], "asked to stop")
                self.assertIsNone(demo.poll())
                self.assertEqual(sorted(os.listdir(folder)), ["t.coro", "t.coro-2", "t.coro-3"])
                self.account_for(stat_of(path + "-3"))

    def test_a_rule_ends_it_with_what_led_to_it(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", path, "--flight-recorder", "8MB", "--on", "exit", "--after", "200ms", "--",
                                    harness.DEMO, "--seconds", 3, "--swarm", 500, check=0)
            self.assertIn("the rule held", self.dumped(ran.err, path)[3])
            found = harness.coroscope("query", path, "exit", "--json", check=0).json()
            self.assertGreaterEqual(found["matched"], 1)

    def test_a_program_that_is_killed_or_dies_leaves_how_it_ended(self):
        for program, why in (([harness.DEMO, "--seconds", 3, "--swarm", 2000, "--kill-self"], "killed by signal 9"), ([DYING, "write"], "signal 11")):
            with harness.folder() as folder:
                path = os.path.join(folder, "t.coro")
                ran = harness.coroscope("record", "-o", path, "--flight-recorder", "8MB", "--", *program, check=0)
                self.assertIn(why, self.dumped(ran.err, path)[3])
                self.assertIn(why, stat_of(path)["ended"])

    def test_a_busy_program_does_not_make_the_recorder_grow(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with harness.started(BUSY, 100, 0, 60, stdin=subprocess.DEVNULL) as busy:
                harness.wait_until(lambda: harness.attachable(busy.pid), what="the program being attachable")
                with self.recording(path, busy.pid) as recorder:
                    for _ in range(8):
                        recorder.stderr.readline()  # a second each
                    grown = high_water_kib(recorder.pid)
                    recorder.send_signal(signal.SIGTERM)
                    _, err = recorder.communicate(timeout=60)
                    self.assertEqual(recorder.returncode, 0, err)
            # 8 MB that are kept and 16 until a look lets go of what is older, 16 MB that may wait, what a round of two rings brings, twice while it
            # is stored; a recorder that holds nothing is 30 MiB.
            self.assertLess(grown, 160 * 1024)
            seconds, events, lost, _ = self.dumped(err, path)
            self.assertGreater(seconds, 0.1)
            stat = stat_of(path)
            self.assertEqual((stat["events"], stat["lost"]), (events, lost))
            self.account_for(stat)
            self.assertLess(os.path.getsize(path), 24_000_000)

    def test_a_time_that_memory_cannot_hold_is_said_to_be_cut_short(self):
        with harness.folder() as folder:
            def said(size, seconds):
                path = os.path.join(folder, "t.coro")
                ran = harness.coroscope("record", "-o", path, "--flight-recorder", size, "--", BUSY, 100, 0, seconds, stdin=subprocess.DEVNULL, check=0)
                self.assertLess(self.dumped(ran.err, path)[0], 60)
                return ran.err

            self.assertNotIn("hold no more", said("1GB,60s", 2))
            # How long it takes to fill so little depends on the machine.
            self.assertTrue(any("of the 60 s that were to be kept 1 MB hold no more" in said("1MB,60s", seconds) for seconds in (2, 8, 24)))

    def test_a_dump_that_fails_says_so_and_recording_goes_on(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "gone", "t.coro")
            os.mkdir(os.path.dirname(path))
            with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 500) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                with self.recording(path, demo.pid) as recorder:
                    recorder.stderr.readline()
                    os.rmdir(os.path.dirname(path))
                    recorder.send_signal(signal.SIGUSR1)
                    line = recorder.stderr.readline()
                    while "recording goes on in memory" not in line:
                        self.assertIn("coroscope: ", line)
                        line = recorder.stderr.readline()
                    self.assertIn(path, line)
                    os.mkdir(os.path.dirname(path))
                    recorder.send_signal(signal.SIGINT)
                    _, err = recorder.communicate(timeout=30)
                    self.assertEqual(recorder.returncode, 0, err)
                self.account_for(stat_of(path))

    @unittest.skipUnless(subprocess.run(["unshare", "-rm", "true"], stderr=subprocess.DEVNULL).returncode == 0, "needs a mount namespace")
    def test_a_dump_to_a_full_disk_is_one_sentence_and_the_program_runs_on(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            script = """mount -t tmpfs -o size=64k none "$1"; shift; exec "$@" """
            ran = harness.run("unshare", "-rm", "sh", "-c", script, "sh", folder, harness.COROSCOPE, "record", "-o", path,
                              "--flight-recorder", "8MB", "--", harness.DEMO, "--seconds", 3, "--swarm", 20000)
            harness.one_sentence(self, ran, 3, path, "space")
            totals = ran.last_json()
            self.assertEqual(totals["spawned"], totals["exited"])

    def test_wrong_amounts_are_told_before_anything_starts(self):
        for size, word in (("64", "memory (64MB)"), ("0.1MB", "1MB"), ("64MB,8MB", "one amount"), ("10ms", "a second"), ("a lot of MB", "no amount")):
            ran = harness.coroscope("record", "-o", "/tmp/never.coro", "--flight-recorder", size, "--", "/bin/echo", "started")
            harness.one_sentence(self, ran, 2, word)
            self.assertEqual(ran.out, "")
        harness.one_sentence(self, harness.coroscope("record", "-o", "-", "--flight-recorder", "8MB", "--", "/bin/echo", "started"), 2, "whole files")


if __name__ == "__main__":
    harness.main()
