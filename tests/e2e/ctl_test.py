"""Taking hold of a running program: pause, resume, step and stop, from the command line and in the window; the program's own counts say who ran."""
import json
import os
import signal
import subprocess
import time
import unittest

import harness

BUSY_BODIES = os.path.join(harness.BIN, "busy_bodies")


class Busy:
    """busy_bodies, and what it counts itself."""

    def __init__(self, process):
        self.process, self.pid = process, process.pid

    def look(self):
        self.process.stdin.write("look\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def ctl(self, *words, check=0):
        return harness.coroscope("ctl", "--pid", self.pid, *words, "--json", check=check).json()

    def coroutines(self, name):
        stacks = harness.coroscope("stacks", "--pid", self.pid, "--json", check=0).json()
        return [row for row in stacks["coroutines"] if row["name"] == name]


class Ctl(unittest.TestCase):
    def busy(self, count=4, spin_ms=0, seconds=60):
        process = harness.started(BUSY_BODIES, count, spin_ms, seconds, stdin=subprocess.PIPE)
        program = self.enterContext(process) if hasattr(self, "enterContext") else process.__enter__()
        if not hasattr(self, "enterContext"):
            self.addCleanup(process.__exit__, None, None, None)
        harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
        busy = Busy(program)
        harness.wait_until(lambda: len(busy.coroutines("body")) == count, what="its coroutines being spawned")
        return busy

    def assert_stands_still(self, busy):
        before = busy.look()
        for _ in range(20):
            self.assertEqual(busy.look(), before)

    def assert_runs(self, busy):
        before = busy.look()["rounds"]
        harness.wait_until(lambda: all(b > a for a, b in zip(before, busy.look()["rounds"])), what="everybody running on")

    def test_a_kept_pause_holds_everything_until_resume(self):
        busy = self.busy()
        report = busy.ctl("pause", "--keep")
        self.assertTrue(report["paused"])
        self.assertEqual((report["held"], report["workers"]), (2, 2))
        self.assertEqual(report["stragglers"], [])
        self.assert_stands_still(busy)
        # Exact state everywhere: nobody runs, every stack is whole.
        stacks = harness.coroscope("stacks", "--pid", busy.pid, "--json", check=0).json()["coroutines"]
        self.assertEqual({row["consistency"] for row in stacks}, {"exact"})
        self.assertNotIn("running", {row["state"] for row in stacks})
        self.assertFalse(busy.ctl("resume")["paused"])
        self.assert_runs(busy)

    def test_a_step_runs_one_coroutine_to_its_next_scheduling_point(self):
        busy = self.busy()
        busy.ctl("pause", "--keep")
        for _ in range(20):
            before = busy.look()["rounds"]
            step = busy.ctl("step")
            self.assertNotEqual(step["coroutine"], 0)
            self.assertFalse(step["under_way"])
            moved = [b - a for a, b in zip(before, busy.look()["rounds"])]
            self.assertLessEqual(sum(moved), 1, "one scheduling decision is one coroutine's")
        bodies = busy.coroutines("body")
        for body in bodies * 3:
            before = busy.look()["rounds"]
            step = busy.ctl("step", body["id"])
            self.assertEqual((step["coroutine"], step["name"]), (body["id"], "body"))
            self.assertTrue(any("count_rounds" in frame["function"] for frame in step["frames"]), step)
            moved = [b - a for a, b in zip(before, busy.look()["rounds"])]
            self.assertEqual(sorted(moved), [0, 0, 0, 1])
        busy.ctl("resume")
        self.assert_runs(busy)

    def test_a_chosen_coroutine_is_kept_while_the_others_run(self):
        busy = self.busy()
        chosen = busy.coroutines("body")[0]["id"]
        report = busy.ctl("pause", chosen, "--keep")
        self.assertEqual([(row["coroutine"], row["does"]) for row in report["chosen"]], [(chosen, "paused")])
        state = {row["id"]: row["state"] for row in busy.coroutines("body")}
        self.assertEqual(state[chosen], "paused")
        before = busy.look()["rounds"]
        harness.wait_until(lambda: sum(b > a for a, b in zip(before, busy.look()["rounds"])) == 3)
        kept = [i for i, (a, b) in enumerate(zip(before, busy.look()["rounds"])) if a == b]
        self.assertEqual(len(kept), 1)
        step = busy.ctl("step", chosen)
        self.assertEqual(step["coroutine"], chosen)
        harness.wait_until(lambda: busy.look()["rounds"][kept[0]] == before[kept[0]] + 1)
        busy.ctl("resume", chosen)
        self.assert_runs(busy)

    def test_a_viewer_that_is_killed_lets_go_of_what_it_paused(self):
        busy = self.busy()
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            with harness.started(harness.COROSCOPE, "ctl", "--pid", busy.pid, "pause") as viewer:
                self.assertIn("is paused", viewer.stdout.readline())
                self.assert_stands_still(busy)
                viewer.send_signal(number)
                self.assertEqual(viewer.wait(), -number if number == signal.SIGKILL else 0)
            self.assert_runs(busy)

    def test_somebody_else_may_resume_what_a_viewer_holds(self):
        busy = self.busy()
        with harness.started(harness.COROSCOPE, "ctl", "--pid", busy.pid, "pause") as viewer:
            self.assertIn("is paused", viewer.stdout.readline())
            busy.ctl("resume")
            self.assertEqual(viewer.wait(), 0)
        self.assert_runs(busy)

    def test_a_worker_that_spins_is_named_and_can_be_stopped_hard(self):
        busy = self.busy(spin_ms=20000)
        spinner = harness.wait_until(
            lambda: [row for row in busy.coroutines("spinner") if row["state"] == "running"], what="the spinner spinning")[0]
        report = busy.ctl("pause", "--keep", "--wait", "300ms", check=1)
        self.assertEqual([row["coroutine"] for row in report["stragglers"]], [spinner["id"]])
        self.assertEqual(report["held"], 1)
        text = harness.coroscope("ctl", "--pid", busy.pid, "pause", "--keep", "--wait", "100ms", check=1).out
        self.assertIn(f"stop {spinner['id']}'", text)
        # Its stack is seen although it runs.
        looked = harness.coroscope("stacks", "--pid", busy.pid, "--running", "--json", check=0).json()["running"]
        self.assertEqual([row["id"] for row in looked], [spinner["id"]])
        self.assertTrue(any("spin_for" in frame["function"] for frame in looked[0]["frames"]), looked)
        self.assertTrue(looked[0]["whole"])
        # Stopped: the thread uses no time any more, and goes on when the viewer goes.
        with harness.started(harness.COROSCOPE, "ctl", "--pid", busy.pid, "stop", spinner["id"], "--json") as viewer:
            for line in viewer.stdout:
                if line.startswith("}"):
                    break
            before = self.thread_times(busy.pid)
            time.sleep(0.3)
            self.assertEqual(self.thread_times(busy.pid), before, "a worker still computes")
        harness.wait_until(lambda: self.thread_times(busy.pid) != before, what="the spinner spinning on")
        refused = harness.coroscope("ctl", "--pid", busy.pid, "stop", busy.coroutines("body")[0]["id"], check=3)
        self.assertIn("does not run", refused.err)
        busy.ctl("resume")
        self.assert_runs(busy)

    @staticmethod
    def thread_times(pid):
        """What each worker has used, in ticks."""
        times = {}
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                name, rest = file.read().rsplit(")", 1)
            if "cprime-" in name and "signals" not in name:
                times[thread] = rest.split()[11:13]
        return times

    def test_what_cannot_be_done_is_said_in_a_sentence(self):
        busy = self.busy(count=1)
        for words, code, sentence in (
            (("step",), 3, "nothing to step: pause it first"),
            (("step", "999999"), 3, "has no coroutine 999999"),
            (("pause", "999999"), 3, "has no coroutine 999999"),
            (("stop",), 2, "needs the id of one coroutine"),
            (("jump",), 2, "is nothing that can be done"),
            (("pause", "x"), 2, "'x' is no coroutine"),
            (("resume", "--keep"), 2, "--keep goes with ctl pause"),
        ):
            ran = harness.coroscope("ctl", "--pid", busy.pid, *words)
            self.assertEqual((ran.code, ran.out), (code, ""), ran.err)
            self.assertIn(sentence, ran.err)
            self.assertEqual(ran.err.count("\n"), 1, ran.err)
        gone = harness.coroscope("ctl", "--pid", "1", "pause")
        self.assertEqual(gone.code, 3)

    def test_a_program_launched_paused_runs_nothing_before_it_is_stepped(self):
        with harness.folder() as folder:
            script = os.path.join(folder, "script")
            shot = os.path.join(folder, "paused.png")
            dumps = [os.path.join(folder, f"{i}.json") for i in range(3)]
            with open(script, "w") as file:
                file.write(f"""wait-for paused == true
wait-for workers.held == 2
wait-for coroutines == 1
dump {dumps[0]}
screenshot {shot}
key f10
wait-for steps == 1
dump {dumps[1]}
key f9
wait-for paused == false
wait-for coroutines > 4
dump {dumps[2]}
quit
""")
            harness.coroscope("launch", "--paused", "--offscreen", "--script", script, "--", BUSY_BODIES, 4, 0, 30, check=0,
                              env={"XDG_STATE_HOME": folder})
            facts = []
            for path in dumps:
                with open(path) as file:
                    facts.append(json.load(file)["facts"])
            self.assertEqual(facts[0]["coroutines"], 1)
            self.assertEqual((facts[1]["steps"], facts[1]["paused"]), (1, True))
            self.assertFalse(facts[2]["paused"])


if __name__ == "__main__":
    harness.main()
