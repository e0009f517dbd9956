"""Other times than now: of a program that runs on, of a file that is still recorded, of a trace that comes through a pipe."""
import json
import os
import subprocess
import unittest

import harness


def script(folder, *lines):
    path = os.path.join(folder, "script")
    with open(path, "w") as file:
        file.write("\n".join([*lines, "quit", ""]))
    return path


def dumped(folder, name):
    with open(os.path.join(folder, name)) as file:
        return json.load(file)


def window(folder, *arguments, lines, **more):
    return harness.coroscope(*arguments[:1], "--offscreen", "--script", script(folder, *lines), *arguments[1:], check=0, **more)


class TimeTravel(unittest.TestCase):
    def test_a_program_that_runs_on_is_looked_at_as_it_was_to_the_nanosecond(self):
        with harness.folder() as folder:
            window(folder, "launch", "--events", "always", "--", harness.DEMO, "--seconds", 60, "--swarm", 200, lines=[
                "wait-for time_ns > 3000000000",
                "time 2.123456789s", "wait-for time_ns == 2123456789", f"dump {folder}/then.json",
                "time 1.987654321s", "wait-for time_ns == 1987654321",
                "key end", "wait-for time_ns > 3000000000", f"dump {folder}/now.json"])
            then, now = dumped(folder, "then.json"), dumped(folder, "now.json")
            self.assertEqual(then["time_ns"], 2123456789)
            self.assertGreater(now["time_ns"], 3_000_000_000)

    def test_and_still_when_it_has_ended(self):
        with harness.folder() as folder:
            window(folder, "launch", "--events", "always", "--", harness.DEMO, "--seconds", 2, "--swarm", 200, lines=[
                "wait-for time_ns > 1500000000", "wait-for exited > 200 timeout 30s", "wait-for coroutines == 0 timeout 30s",
                "time 1.234567891s", "wait-for time_ns == 1234567891", "wait-for coroutines > 200", f"dump {folder}/then.json"])
            self.assertEqual(dumped(folder, "then.json")["time_ns"], 1234567891)

    def test_a_file_that_is_still_recorded_is_followed(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            with harness.started(harness.COROSCOPE, "record", "-o", trace, "--", harness.DEMO, "--seconds", 6, "--swarm", 200) as recorder:
                harness.wait_until(lambda: os.path.exists(trace) and harness.coroscope("stat", trace).code == 0, what="a first look in the file")
                self.assertIn("being recorded", harness.coroscope("stat", trace, check=0).out)
                # It opens long before the end, and what is written later comes.
                window(folder, "replay", trace, lines=["wait-for time_ns > 100000000", "wait-for time_ns > 2500000000", f"dump {folder}/followed.json"])
                self.assertIsNone(recorder.poll())
                self.assertGreater(dumped(folder, "followed.json")["time_ns"], 2_500_000_000)
                recorder.wait(timeout=60)
            self.assertIn("the program ended", harness.coroscope("stat", trace, check=0).out)

    def test_a_recording_is_watched_through_a_pipe(self):
        with harness.folder() as folder:
            lines = script(folder, "wait-for coroutines > 200", "wait-for time_ns > 1500000000", f"dump {folder}/piped.json",
                           "time 1.111111111s", "wait-for time_ns == 1111111111", "select coroutine 1", f"dump {folder}/then.json")
            with harness.started(harness.COROSCOPE, "record", "-o", "-", "--", harness.DEMO, "--seconds", 5, "--swarm", 200) as recorder:
                watched = subprocess.run([harness.COROSCOPE, "replay", "-", "--offscreen", "--script", lines], stdin=recorder.stdout,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100)
                self.assertEqual(watched.returncode, 0, watched.stderr)
                recorder.stdout.close()
                # Who read it has gone; the program runs to its end all the same.
                recorder.wait(timeout=60)
                said = recorder.stderr.read()
            self.assertIn("gone", said)
            self.assertGreater(dumped(folder, "piped.json")["time_ns"], 1_500_000_000)
            self.assertEqual(dumped(folder, "then.json")["time_ns"], 1_111_111_111)

    def test_what_comes_through_a_pipe_to_its_end_answers_as_the_file(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0)
            with open(trace, "rb") as file:
                piped = harness.coroscope("stat", "-", "--json", stdin=file, check=0).json()
            named = harness.coroscope("stat", trace, "--json", check=0).json()
            self.assertEqual({key: value for key, value in piped.items() if value != named[key]}, {})
            self.assertEqual(piped.keys(), named.keys())

    def test_what_is_no_trace_is_refused_in_one_sentence(self):
        with open(harness.DEMO, "rb") as file:
            harness.one_sentence(self, harness.coroscope("stat", "-", stdin=file), 3, "not a Coroscope trace")
        harness.one_sentence(self, harness.coroscope("stat", "-", stdin=subprocess.DEVNULL), 3, "not a Coroscope trace")


if __name__ == "__main__":
    harness.main()
