"""Programs are found, attached to and looked into, also below a script and where their memory may not be read."""
import json
import os
import signal
import time
import unittest

import harness


def parked(stacks):
    """Coroutines whose stack is whole, by identity, as the names of their frames."""
    return {c["id"]: [f["function"] for f in c["frames"]] for c in stacks["coroutines"] if c["state"] == "parked" and c["consistency"] == "exact"}


class Attach(unittest.TestCase):
    def demo(self, *arguments):
        return harness.started(harness.DEMO, "--seconds", 30, "--swarm", 500, *arguments)

    def test_ls_lists_a_running_program_until_it_ends(self):
        with self.demo() as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            listed = harness.coroscope("ls", "--json", check=0).json()["targets"]
            row = next(t for t in listed if t["pid"] == demo.pid)
            self.assertEqual(os.path.realpath(row["program"]), os.path.realpath(harness.DEMO))
            self.assertIn("--swarm 500", row["command_line"])
            self.assertEqual(row["uid"], os.getuid())
            self.assertIn(str(demo.pid), harness.coroscope("ls", check=0).out)
        listed = harness.coroscope("ls", "--json", check=0).json()["targets"]
        self.assertNotIn(demo.pid, [t["pid"] for t in listed])

    def test_a_program_without_runtime_is_not_listed(self):
        with harness.started("sleep", "30") as sleeper:
            listed = harness.coroscope("ls", "--json", check=0).json()["targets"]
            self.assertNotIn(sleeper.pid, [t["pid"] for t in listed])

    @unittest.skipUnless(os.getuid() == 0, "needs root to become somebody else")
    def test_another_users_program_is_listed_with_the_reason_why_not(self):
        with self.demo() as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            listed = harness.coroscope("ls", "--json", check=0, user=65534, group=65534, extra_groups=[]).json()["targets"]
            row = next(t for t in listed if t["pid"] == demo.pid)
            self.assertFalse(row["attachable"])
            self.assertIn("root", row["why_not"])

    def test_a_live_look_counts_what_is_there_and_leaves_the_program_alone(self):
        with self.demo() as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            harness.wait_until(lambda: harness.coroscope("stat", "--pid", demo.pid, "--json", check=0).json()["states"].get("parked", 0) > 400,
                               what="the swarm being parked")
            stat = harness.coroscope("stat", "--pid", demo.pid, "--json", check=0).json()
            self.assertGreater(stat["totals"]["spawned"], 500)
            self.assertEqual(stat["events"], 0)
            self.assertIsNone(demo.poll())

    def test_copies_by_the_agent_show_the_same_stacks_as_reading_memory(self):
        with self.demo("--hints") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            harness.wait_until(lambda: harness.coroscope("stat", "--pid", demo.pid, "--json", check=0).json()["states"].get("parked", 0) > 400,
                               what="the swarm being parked")
            read = parked(harness.coroscope("stacks", "--pid", demo.pid, "--json", check=0).json())
            copied = parked(harness.coroscope("stacks", "--pid", demo.pid, "--agent-copies", "--json", check=0).json())
            both = set(read) & set(copied)
            self.assertGreater(len(both), 400)
            # Between the two looks some went on to park elsewhere; those who sat still must agree.
            same = sum(read[identity] == copied[identity] for identity in both)
            self.assertGreater(same, 0.9 * len(both))
            for identity in both:
                self.assertTrue(copied[identity], identity)


class Scripts(unittest.TestCase):
    def record(self, script):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", path, "--", "sh", "-c", script, check=0)
            return ran, harness.coroscope("stat", path, "--json", check=0).json()

    def check(self, ran, stat):
        totals = next(json.loads(line) for line in ran.out.splitlines() if line.startswith("{"))
        self.assertEqual(stat["totals"]["spawned"], totals["spawned"])
        self.assertEqual(stat["totals"]["exited"], totals["exited"])

    def test_a_script_that_becomes_the_program(self):
        self.check(*self.record(f"exec '{harness.DEMO}' --seconds 1 --swarm 50"))

    def test_a_script_that_starts_the_program_and_goes_on(self):
        ran, stat = self.record(f"'{harness.DEMO}' --seconds 1 --swarm 50; echo and on")
        self.check(ran, stat)
        self.assertIn("and on", ran.out)

    def test_a_script_that_leaves_the_program_behind(self):
        self.check(*self.record(f"(sh -c \"'{harness.DEMO}' --seconds 1 --swarm 50\" &) ; sleep 0.2"))

    def test_only_the_first_program_of_a_script_waits_to_be_recorded(self):
        one = f"'{harness.DEMO}' --seconds 1 --swarm 10"
        begin = time.monotonic()
        ran, stat = self.record(f"{one}; {one}; {one}; {one}; {one}; {one}")
        self.check(ran, stat)
        self.assertEqual(sum(line.startswith("{") for line in ran.out.splitlines()), 6)
        self.assertLess(time.monotonic() - begin, 6 + 5 * 1.5)  # five of them would wait two seconds each

    def test_a_script_that_fails_is_told_and_its_trace_is_whole(self):
        ran, stat = self.record(f"'{harness.DEMO}' --seconds 1 --swarm 50; exit 7")
        self.check(ran, stat)
        self.assertIn("exited with code 7", ran.err)

    def test_a_program_without_runtime_ends_in_one_sentence(self):
        with harness.folder() as folder:
            ran = harness.coroscope("record", "-o", os.path.join(folder, "t.coro"), "--", "true")
            harness.one_sentence(self, ran, 3, "true", "link it with cprime")

    def test_a_program_that_is_not_there_ends_in_one_sentence(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", path, "--", "/nonexistent/program")
            harness.one_sentence(self, ran, 2, "/nonexistent/program")
            self.assertFalse(os.path.exists(path))

    def interrupted(self, number):
        """A recorder whose program got the signal: how it ended, and what its trace says."""
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with harness.started(harness.COROSCOPE, "record", "-o", path, "--", harness.DEMO, "--seconds", 30, "--swarm", 50) as recorder:
                harness.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 10_000, what="the trace growing")
                recorder.send_signal(number)
                out, err = recorder.communicate(timeout=60)
            return harness.Ran(recorder.returncode, out, err), harness.coroscope("stat", path, "--json", check=0).json()

    def test_an_interrupt_of_the_recorder_ends_the_program_in_order(self):
        ran, stat = self.interrupted(signal.SIGINT)
        self.assertEqual(ran.code, 0, ran.err)
        self.check(ran, stat)

    def test_a_program_that_dies_of_a_forwarded_signal_leaves_a_whole_trace(self):
        ran, stat = self.interrupted(signal.SIGHUP)
        self.assertEqual(ran.code, 0, ran.err)
        self.assertIn("SIGHUP", ran.err)
        self.assertGreater(stat["events"], 0)


if __name__ == "__main__":
    harness.main()
