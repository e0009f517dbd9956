"""Recording to a pipe: the trace alone goes there, a reader that is slow or goes away never harms the program."""
import fcntl
import os
import pty
import re
import signal
import subprocess
import time
import unittest

import harness

BUSY = os.path.join(harness.BIN, "busy_bodies")


class RecordPipe(unittest.TestCase):
    def record_to(self, stdout, *program, **more):
        command = [str(part) for part in (harness.COROSCOPE, "record", "-o", "-", "--", *program)]
        return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=False, **more)

    def account_for(self, path):
        stat = harness.coroscope("stat", path, "--json", check=0).json()
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)
        return stat

    def test_what_comes_out_is_the_trace_and_what_the_program_says_goes_to_stderr(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            recorder = self.record_to(subprocess.PIPE, harness.DEMO, "--seconds", 2, "--swarm", 500)
            trace, err = recorder.communicate(timeout=60)
            self.assertEqual(recorder.returncode, 0, err)
            with open(path, "wb") as file:
                file.write(trace)
            stat = self.account_for(path)
            lines = err.decode().splitlines()
            totals = harness.json.loads(next(line for line in lines if line.startswith('{"spawned"')))
            self.assertEqual(stat["totals"]["spawned"], totals["spawned"])
            self.assertTrue(any(line.startswith(f"coroscope: stdout: {stat['events']} events") for line in lines), err)
            self.assertEqual(stat["ended"], "recorded; the program ended")

    def test_a_reader_that_goes_is_one_sentence_and_the_program_ends_by_itself(self):
        recorder = self.record_to(subprocess.PIPE, harness.DEMO, "--seconds", 3, "--swarm", 2000)
        recorder.stdout.read(100_000)
        recorder.stdout.close()
        with recorder.stderr:
            err = recorder.stderr.read().decode()
        self.assertEqual(recorder.wait(timeout=60), 3)
        ours = [line for line in err.splitlines() if line.startswith("coroscope: ")]
        self.assertEqual(len(ours), 1, err)
        self.assertIn("whoever read the trace from stdout has gone", ours[0])
        totals = harness.json.loads(next(line for line in err.splitlines() if line.startswith('{"spawned"')))
        self.assertEqual(totals["spawned"], totals["exited"])

    def test_a_terminal_is_refused(self):
        ours, terminal = pty.openpty()
        try:
            done = subprocess.run([harness.COROSCOPE, "record", "-o", "-", "--", "/bin/echo", "started"], stdout=terminal, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
        finally:
            os.close(terminal)
            os.close(ours)
        harness.one_sentence(self, harness.Ran(done.returncode, "", done.stderr), 2, "terminal")

    def rounds_of(self, recorder):
        """What the recorded program says at its end."""
        line = b""
        while not line.startswith(b'{"rounds"'):
            line = recorder.stderr.readline()
            self.assertNotEqual(line, b"")
        return harness.json.loads(line)["rounds"]

    def keep(self, reader, path):
        """What comes out of a pipe, to its end."""
        with open(path, "wb") as file:
            while piece := os.read(reader, 1 << 20):
                file.write(piece)
        os.close(reader)

    def test_a_reader_that_does_not_read_stalls_nobody_and_every_loss_is_counted(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            reader, writer = os.pipe()
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
            recorder = self.record_to(writer, BUSY, 100, 0, 2)
            os.close(writer)
            # The program says its rounds and ends in its own time, although nothing was read yet.
            self.assertGreater(min(self.rounds_of(recorder)), 1000)
            self.keep(reader, path)
            with recorder.stderr:
                err = recorder.stderr.read().decode()
            self.assertEqual(recorder.wait(timeout=60), 0, err)
            stat = self.account_for(path)
            self.assertGreater(stat["recording"]["verbatim_chunks"], 0)
            # What was recorded and what was lost make up all that happened: whoever began to run was suspended or came to its end.
            emitted = {name: row["emitted"] for name, row in stat["events_by_type"].items()}
            self.assertEqual(emitted["resume"], emitted["suspend"] + emitted["exit"])
            self.assertEqual(stat["events_by_type"]["spawn"]["emitted"], stat["totals"]["spawned"])
            self.assertEqual(stat["events"], sum(row["events"] for row in stat["events_by_type"].values()))

    def test_a_signal_ends_the_recording_although_nobody_reads_and_what_is_missing_is_said(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with harness.folder() as folder, harness.started(BUSY, 100, 0, 60, stdin=subprocess.PIPE) as busy:
                path = os.path.join(folder, "t.coro")
                harness.wait_until(lambda: harness.attachable(busy.pid), what="the program being attachable")
                reader, writer = os.pipe()
                recorder = subprocess.Popen([harness.COROSCOPE, "record", "-o", "-", "--progress", "--pid", str(busy.pid)], stdout=writer,
                                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
                os.close(writer)
                for _ in range(2):
                    recorder.stderr.readline()  # a second each, although nobody reads
                recorder.send_signal(number)
                begin = time.monotonic()
                _, err = recorder.communicate(timeout=60)
                self.assertLess(time.monotonic() - begin, 20)
                self.assertEqual(recorder.returncode, 3, err)
                said = re.search(r"taken nothing for 2 s.*; (\d+) of (\d+) events are missing in it", err)
                self.assertIsNotNone(said, err)
                missing, taken = int(said[1]), int(said[2])
                self.assertIsNone(busy.poll())
                self.keep(reader, path)
                self.assertEqual(harness.coroscope("stat", path, "--json", check=0).json()["events"], taken - missing)

    def test_a_signal_ends_it_once_the_program_has_ended(self):
        reader, writer = os.pipe()
        recorder = self.record_to(writer, BUSY, 100, 0, 1)
        os.close(writer)
        self.rounds_of(recorder)
        # Who asks before the program is gone asks the program.
        end = time.monotonic() + 60
        while recorder.poll() is None and time.monotonic() < end:
            recorder.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        with recorder.stderr:
            err = recorder.stderr.read().decode()
        self.assertEqual(recorder.wait(timeout=1), 3, err)
        self.assertIn("taken nothing", err)
        os.close(reader)


if __name__ == "__main__":
    harness.main()
