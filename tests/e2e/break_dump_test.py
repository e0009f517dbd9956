"""ctl break RULE --action dump: a rule writes what led to it, as often as it holds, and nothing else does."""
import os
import signal
import subprocess
import unittest

import harness

BUSY_BODIES = os.path.join(harness.BIN, "busy_bodies")


class BreakDump(unittest.TestCase):
    # Bodies that yield without end can fill the rings while a viewer is kept waiting, and the event that a rule matched is then among the lost:
    # where it must be found, a spinner that yields each 5 ms is company enough.
    def start(self, bodies=4, spin_ms=0):
        busy = harness.started(BUSY_BODIES, bodies, spin_ms, 60, stdin=subprocess.PIPE)
        self.busy = busy.__enter__()
        self.addCleanup(busy.__exit__, None, None, None)
        harness.wait_until(lambda: harness.attachable(self.busy.pid), what="the program being attachable")

    def spawn(self, name):
        self.busy.stdin.write(f"spawn {name}\n")
        self.busy.stdin.flush()
        self.busy.stdout.readline()

    def viewer(self, path, rule, *options):
        viewer = harness.started(harness.COROSCOPE, "ctl", "--pid", self.busy.pid, "break", rule, "--action", "dump", "-o", path, *options)
        process = viewer.__enter__()
        self.addCleanup(viewer.__exit__, None, None, None)
        self.assertIn("holds the rule", process.stderr.readline())
        return process

    def found(self, path, rule):
        stat = harness.coroscope("stat", path, "--json", check=0).json()
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)
        return harness.coroscope("query", path, rule, "--json", check=0).json()["matched"]

    def test_each_time_that_it_holds_is_a_file_with_the_event_in_it(self):
        self.start(bodies=0, spin_ms=5)
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            rule = 'spawn and name =~ "needle"'
            viewer = self.viewer(path, rule, "--json", "--count", 2, "--flight-recorder", "8MB,10s")
            self.assertEqual(os.listdir(folder), [])  # nothing is written until it holds
            for name, file in (("needle-1", path), ("needle-2", path + "-2")):
                self.spawn("straw")
                self.spawn(name)
                said = harness.json.loads(viewer.stdout.readline())
                self.assertEqual((said["file"], said["hit"]["name"], said["times"]), (file, name, 1))
                self.assertEqual(said["lost"], 0)
                self.assertGreaterEqual(self.found(file, rule), 1)
                ended = harness.coroscope("stat", file, "--json", check=0).json()
                self.assertIn("the rule held", ended["ended"])
                self.assertEqual(ended["events"], said["events"])
            _, err = viewer.communicate(timeout=60)
            self.assertEqual(viewer.returncode, 0, err)
            self.assertEqual(sorted(os.listdir(folder)), ["t.coro", "t.coro-2"])
            self.assertIsNone(self.busy.poll())  # and goes on, with nobody who records it
            again = self.viewer(os.path.join(folder, "again.coro"), rule, "--count", 1)
            self.spawn("needle-3")
            _, err = again.communicate(timeout=60)
            self.assertEqual(again.returncode, 0, err)

    def test_a_rule_that_holds_all_the_time_is_a_file_a_second_that_says_how_often(self):
        self.start()
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            viewer = self.viewer(path, "suspend", "--json", "--count", 3, "--flight-recorder", "8MB")
            begin = harness.time.monotonic()
            out, err = viewer.communicate(timeout=60)
            self.assertEqual(viewer.returncode, 0, err)
            self.assertGreater(harness.time.monotonic() - begin, 2)
            said = [harness.json.loads(line) for line in out.splitlines()]
            self.assertEqual([row["file"] for row in said], [path, path + "-2", path + "-3"])
            self.assertGreater(said[-1]["times"], 1)

    def test_what_never_held_leaves_no_file(self):
        self.start()
        with harness.folder() as folder:
            viewer = self.viewer(os.path.join(folder, "t.coro"), 'exit and name == "nobody"')
            viewer.send_signal(signal.SIGINT)
            out, err = viewer.communicate(timeout=60)
            self.assertEqual((viewer.returncode, out), (0, ""), err)
            self.assertIn("the rule did not hold, so nothing was written; asked to stop", err)
            self.assertEqual(os.listdir(folder), [])

    def test_wrong_lines_are_one_sentence(self):
        self.start()
        for options, words in ((("--action", "dump"), ("-o FILE",)), (("-o", "t.coro"), ("--action dump",)),
                               (("--action", "log", "-o", "t.coro"), ("--action dump",)), (("--flight-recorder", "8MB"), ("--action dump",)),
                               (("--action", "dump", "-o", "-"), ("whole files",)), (("--action", "dump", "-o", "t.coro", "--keep"), ("--keep",)),
                               (("--action", "dump", "-o", "t.coro", "--flight-recorder", "10"), ("64MB",))):
            harness.one_sentence(self, harness.coroscope("ctl", "--pid", 1, "break", "exit", *options), 2, *words)
        ran = harness.coroscope("ctl", "--pid", self.busy.pid, "break", "exit", "--action", "dump", "-o", "/nowhere/t.coro")
        harness.one_sentence(self, ran, 3, "/nowhere/t.coro")


if __name__ == "__main__":
    harness.main()
