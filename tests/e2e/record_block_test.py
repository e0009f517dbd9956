"""record --when-full block: the program waits for a slow reader, nothing is lost; a recorder that stops or dies holds it up for a second."""
import os
import re
import signal
import subprocess
import unittest

import harness

BUSY = os.path.join(harness.BIN, "busy_bodies")
PATIENCE_S = 1.0  # that the help text promises


class Busy:
    """A program that emits as fast as it can, and says how far it is apart from its runtime."""

    def __init__(self, process):
        self.process = process

    def rounds(self):
        self.process.stdin.write("look\n")
        self.process.stdin.flush()
        return sum(harness.json.loads(self.process.stdout.readline())["rounds"])

    def held_up(self):
        """Whether nothing happens in it for a while."""
        before = self.rounds()
        harness.time.sleep(0.2)
        return self.rounds() == before


class RecordBlock(unittest.TestCase):
    def busy(self, seconds=60):
        return harness.started(BUSY, 100, 0, seconds, stdin=subprocess.PIPE)

    def record(self, stdout, *more):
        return subprocess.Popen([harness.COROSCOPE, "record", "-o", "-", "--when-full", "block", *map(str, more)], stdout=stdout,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def account_for(self, path):
        stat = harness.coroscope("stat", path, "--json", check=0).json()
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)
        return stat

    def wait_for_line(self, recorder, pattern):
        """The first line of its stderr in which the pattern is found."""
        while line := recorder.stderr.readline():
            if found := re.search(pattern, line):
                return found
        self.fail(f"nothing was said of {pattern}")

    def read_to_the_end(self, reader, path):
        with open(path, "wb") as file:
            while piece := os.read(reader, 1 << 20):
                file.write(piece)
        os.close(reader)

    def test_a_program_that_emits_as_fast_as_it_can_waits_for_a_slow_reader_and_loses_nothing(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            reader, writer = os.pipe()
            recorder = self.record(writer, "--progress", "--", BUSY, 100, 0, 2)
            os.close(writer)
            # Nothing is read until the program is known to wait.
            waited = float(self.wait_for_line(recorder, r"the program's threads waited ([0-9.]+) s")[1])
            self.assertGreater(waited, 0)
            self.read_to_the_end(reader, path)
            _, err = recorder.communicate(timeout=60)
            self.assertEqual(recorder.returncode, 0, err)
            said = re.search(r"stdout: (\d+) events, none lost, its threads waited ([0-9.]+) s", err)
            self.assertIsNotNone(said, err)
            stat = self.account_for(path)
            self.assertEqual(stat["lost"], 0)
            self.assertEqual(stat["events"], int(said[1]))
            self.assertGreater(stat["events"], 4_000_000)  # more than rings and recorder hold
            emitted = {name: row["emitted"] for name, row in stat["events_by_type"].items()}
            self.assertEqual(emitted["resume"], emitted["suspend"] + emitted["exit"])
            self.assertAlmostEqual(stat["recording"]["blocked_seconds"], float(said[2]), delta=0.01)
            self.assertGreater(stat["recording"]["blocked_seconds"], waited * 0.99)
            self.assertIn("threads waited", harness.coroscope("stat", path, check=0).out)

    def test_the_recording_of_a_running_program_is_ended_without_a_loss(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with self.busy() as process:
                harness.wait_until(lambda: harness.attachable(process.pid), what="the program being attachable")
                with harness.started(harness.COROSCOPE, "record", "-o", path, "--when-full", "block", "--progress", "--pid",
                                     process.pid) as recorder:
                    for _ in range(2):
                        recorder.stderr.readline()  # a second each
                    recorder.send_signal(signal.SIGINT)
                    _, err = recorder.communicate(timeout=60)
                    self.assertEqual(recorder.returncode, 0, err)
                self.assertFalse(Busy(process).held_up())
            self.assertEqual(self.account_for(path)["lost"], 0, err)

    def test_a_recorder_that_stands_still_holds_the_program_up_no_longer_than_its_patience_and_the_loss_is_stated(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with self.busy() as process:
                harness.wait_until(lambda: harness.attachable(process.pid), what="the program being attachable")
                busy = Busy(process)
                with harness.started(harness.COROSCOPE, "record", "-o", path, "--when-full", "block", "--progress", "--pid",
                                     process.pid) as recorder:
                    recorder.stderr.readline()
                    recorder.send_signal(signal.SIGSTOP)
                    # Far more than its rings hold: it goes on, without waiting for each event again.
                    begin, rounds = harness.time.monotonic(), busy.rounds()
                    harness.wait_until(lambda: busy.rounds() > rounds + 5_000_000, what="the program going on")
                    self.assertGreater(harness.time.monotonic() - begin, PATIENCE_S / 2)  # it did wait
                    recorder.send_signal(signal.SIGCONT)
                    recorder.send_signal(signal.SIGINT)
                    _, err = recorder.communicate(timeout=60)
                    self.assertEqual(recorder.returncode, 0, err)
                stat = self.account_for(path)
                self.assertGreater(stat["lost"], 0)
                # Each of two workers, and of what else emits.
                self.assertLess(stat["recording"]["blocked_seconds"], 10 * PATIENCE_S)

    def test_a_recorder_that_is_killed_lets_the_program_go_on(self):
        reader, writer = os.pipe()
        with self.busy() as process:
            harness.wait_until(lambda: harness.attachable(process.pid), what="the program being attachable")
            busy = Busy(process)
            recorder = self.record(writer, "--pid", process.pid)
            os.close(writer)
            harness.wait_until(busy.held_up, what="the program waiting")
            recorder.kill()
            recorder.communicate(timeout=10)
            harness.wait_until(lambda: not busy.held_up(), seconds=10, what="the program going on")
        os.close(reader)

    def test_a_flight_recorder_never_holds_a_program_up(self):
        ran = harness.coroscope("record", "-o", "t.coro", "--flight-recorder", "8MB", "--when-full", "block", "--", "/bin/echo", "started")
        harness.one_sentence(self, ran, 2, "--when-full block", "--flight-recorder")
        ran = harness.coroscope("record", "-o", "t.coro", "--when-full", "perhaps", "--", "/bin/echo", "started")
        harness.one_sentence(self, ran, 2, "perhaps", "lose or block")


if __name__ == "__main__":
    harness.main()
