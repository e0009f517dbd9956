"""Rules that a program holds against its own events: `ctl break` pauses where they hold and says so, or logs them; `ctl mask` keeps events back.

What is logged is compared with what `query` finds in a recording of the same run, event by event.
"""
import json
import os
import signal
import subprocess
import time
import unittest

import harness

BUSY_BODIES = os.path.join(harness.BIN, "busy_bodies")


class Program:
    """busy_bodies, and what it counts itself."""

    def __init__(self, process):
        self.process, self.pid = process, process.pid

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def look(self):
        return self.say("look")["rounds"]


class Break(unittest.TestCase):
    def start(self, *command, **more):
        process = harness.started(*command, **more)
        program = process.__enter__()
        self.addCleanup(process.__exit__, None, None, None)
        harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
        return program

    def busy(self, count=4):
        busy = Program(self.start(BUSY_BODIES, count, 0, 60, stdin=subprocess.PIPE))
        harness.wait_until(lambda: sum(n > 0 for n in busy.look()) == count, what="everybody running")
        return busy

    def viewer(self, pid, rule, *options):
        """An armed `ctl break`."""
        viewer = harness.started(harness.COROSCOPE, "ctl", "--pid", pid, "break", rule, *options)
        process = viewer.__enter__()
        self.addCleanup(viewer.__exit__, None, None, None)
        self.assertIn("holds the rule", process.stderr.readline())
        return process

    @staticmethod
    def whole_object(stream):
        """An indented JSON object from a program that goes on."""
        text = ""
        for line in stream:
            text += line
            if line.startswith("}"):
                return json.loads(text)
        raise AssertionError("no object: " + text)

    def assert_stands_still(self, busy):
        before = busy.look()
        for _ in range(20):
            self.assertEqual(busy.look(), before)

    def assert_runs(self, busy):
        before = busy.look()
        harness.wait_until(lambda: all(b > a for a, b in zip(before, busy.look())), what="everybody running on")

    def test_a_program_stands_where_the_rule_held_until_its_viewer_goes(self):
        busy = self.busy()
        viewer = self.viewer(busy.pid, 'suspend and name == "body" and wait == yield', "--json")
        report = self.whole_object(viewer.stdout)
        self.assertEqual((report["hit"]["event"], report["hit"]["name"], report["hit"]["detail"]), ("suspend", "body", "yield"))
        self.assertTrue(report["hit"]["paused"])
        self.assertEqual((report["hold"]["paused"], report["hold"]["held"]), (True, 2))
        self.assertEqual(report["stands"]["coroutine"], report["hit"]["id"])
        self.assertTrue(any("count_rounds" in frame["function"] for frame in report["stands"]["frames"]), report)
        self.assert_stands_still(busy)
        viewer.send_signal(signal.SIGINT)
        self.assertEqual(viewer.wait(), 0)
        self.assert_runs(busy)

    def test_the_nth_time_is_the_one_that_counts(self):
        busy = self.busy()
        viewer = self.viewer(busy.pid, 'resume and name == "body"', "--count", 1000, "--json")
        report = self.whole_object(viewer.stdout)
        self.assertEqual(report["hit"]["number"], 1000)
        viewer.send_signal(signal.SIGINT)
        viewer.wait()

    def test_it_stays_so_when_asked_to_and_somebody_else_may_resume(self):
        busy = self.busy()
        ran = harness.coroscope("ctl", "--pid", busy.pid, "break", 'resume and site =~ "busy_bodies"', "--keep", check=0)
        self.assertIn("the rule held at", ran.out)
        self.assertIn("is paused: 2 of 2 workers held", ran.out)
        self.assert_stands_still(busy)
        harness.coroscope("ctl", "--pid", busy.pid, "resume", check=0)
        self.assert_runs(busy)
        viewer = self.viewer(busy.pid, 'resume and name == "body"')
        self.assertIn("the rule held", viewer.stdout.readline())
        harness.coroscope("ctl", "--pid", busy.pid, "resume", check=0)
        self.assertEqual(viewer.wait(), 0)
        self.assert_runs(busy)

    def test_names_that_come_later_are_known_when_they_count(self):
        busy = self.busy()
        viewer = self.viewer(busy.pid, 'spawn and name == "wanted"', "--json")
        # Each of these is in doubt, stops the program for a moment, and is not the one.
        for i in range(20):
            busy.say(f"spawn other-{i}")
            self.assert_runs(busy)
        self.assertIsNone(viewer.poll())
        busy.say("spawn wanted")
        report = self.whole_object(viewer.stdout)
        self.assertEqual((report["hit"]["name"], report["hit"]["number"]), ("wanted", 1))
        self.assert_stands_still(busy)
        viewer.send_signal(signal.SIGTERM)
        self.assertEqual(viewer.wait(), 0)
        self.assert_runs(busy)

    def test_a_viewer_that_is_killed_leaves_nothing_behind(self):
        busy = self.busy()
        armed = self.viewer(busy.pid, 'exit and name == "nobody"')
        refused = harness.coroscope("ctl", "--pid", busy.pid, "break", "spawn", check=3)
        self.assertIn(f"has a rule armed already, by process {armed.pid}", refused.err)
        armed.kill()
        armed.wait()
        self.assert_runs(busy)
        paused = self.viewer(busy.pid, 'suspend and name == "body"')
        self.assertIn("the rule held", paused.stdout.readline())
        self.assert_stands_still(busy)
        paused.kill()
        paused.wait()
        self.assert_runs(busy)

    def test_viewers_that_come_and_go_at_any_moment_never_leave_it_standing(self):
        busy = self.busy()
        for i in range(40):
            rule = ('suspend and name == "body"', 'resume and site =~ "busy"', "wake", 'spawn or suspend and run_ns > 1us')[i % 4]
            with harness.started(harness.COROSCOPE, "ctl", "--pid", busy.pid, "break", rule, "--count", 1 + i % 3 * 500) as viewer:
                self.assertIn("holds the rule", viewer.stderr.readline())
                time.sleep(i % 7 * 0.002)  # before, while and after the rule holds
                viewer.send_signal((signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[i % 3])
                viewer.wait()
            self.assert_runs(busy)

    def test_a_rule_needs_nobody_who_listens_and_writes_no_events(self):
        busy = self.busy()
        viewer = self.viewer(busy.pid, "not resume and not suspend and not wake", "--action", "log")
        self.assert_runs(busy)
        stat = harness.coroscope("stat", "--pid", busy.pid, "--json", check=0).json()
        self.assertEqual(stat["events"], 0)
        viewer.send_signal(signal.SIGINT)
        viewer.wait()

    def test_a_state_of_the_program_is_a_rule_like_any_other(self):
        demo = self.start(harness.DEMO, "--seconds", 30, "--swarm", 100)
        viewer = self.viewer(demo.pid, 'channel["words"].len > 0', "--json")
        report = self.whole_object(viewer.stdout)
        self.assertTrue(report["hold"]["paused"])
        self.assertEqual(report["hit"]["object"], "channel:words")
        state = harness.coroscope("query", "--pid", demo.pid, 'channel["words"].len > 0', "--json", check=0).json()
        self.assertTrue(state["holds"], state)

    def test_what_is_logged_is_what_a_recording_finds(self):
        for rule in ('spawn and name =~ "parser|digest"', 'suspend and site =~ "parser" and run_ns > 5us', "wake and blocked_ns > 5ms and not (cause == close)",
                     'channel-send and channel.name == "words" and name != "x"', "lock-acquire and lock.kind == mutex and lock.owner != 0"):
            with self.subTest(rule=rule), harness.folder() as folder:
                demo = self.start(harness.DEMO, "--seconds", 30, "--swarm", 200)
                trace, log = os.path.join(folder, "run.coro"), os.path.join(folder, "log")
                with open(log, "w") as out:
                    viewer = subprocess.Popen([harness.COROSCOPE, "ctl", "--pid", str(demo.pid), "break", rule, "--action", "log", "--json"],
                                              stdout=out, stderr=subprocess.PIPE, text=True)
                self.addCleanup(viewer.kill)
                self.assertIn("holds the rule", viewer.stderr.readline())
                with harness.started(harness.COROSCOPE, "record", "-o", trace, "--pid", demo.pid) as recorder:
                    harness.wait_until(lambda: os.path.exists(trace) and os.path.getsize(trace) > 100_000, what="the recording")
                    time.sleep(1.5)  # of what is compared: the more the better
                    recorder.send_signal(signal.SIGINT)
                    self.assertEqual(recorder.wait(), 0)
                viewer.send_signal(signal.SIGINT)
                _, complaints = viewer.communicate()
                demo.kill()
                self.assertNotIn("came faster", complaints)
                with open(log) as lines:
                    hits = [json.loads(line) for line in lines]
                answer = harness.coroscope("query", trace, rule, "--limit", 1_000_000, "--json", check=0).json()
                self.assertEqual(answer["gaps"], 0)
                rows = {(row["t_ns"], row["event"], row["id"]): row for row in answer["events"]}
                self.assertGreater(len(rows), 10)
                logged = {(int(hit["t_ns"]), hit["event"], hit["id"]): hit for hit in hits}
                self.assertEqual(set(rows) - set(logged), set())
                for key, row in rows.items():
                    for word in ("name", "site", "detail"):
                        self.assertEqual(logged[key][word], row[word] or "")
                # What was logged while it was recorded is in the recording; of waits that had begun before that it knows no length.
                first, last = min(row[0] for row in rows), max(row[0] for row in rows)
                begins = {key: key[0] - max(hit.get("blocked_ns", 0), hit.get("run_ns", 0)) for key, hit in logged.items()}
                inside = {key for key in logged if begins[key] > first and key[0] < last}
                self.assertEqual(inside - set(rows), set())

    def test_what_is_withheld_is_a_loss_in_a_recording_and_comes_back(self):
        demo = self.start(harness.DEMO, "--seconds", 60, "--swarm", 300)
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            with harness.started(harness.COROSCOPE, "record", "-o", trace, "--pid", demo.pid, "--keyframe-ms", 200) as recorder:
                harness.wait_until(lambda: os.path.exists(trace) and os.path.getsize(trace) > 100_000, what="the recording")
                ran = harness.coroscope("ctl", "--pid", demo.pid, "mask", "all,", check=2)
                self.assertIn("there is no category ''", ran.err)
                ran = harness.coroscope("ctl", "--pid", demo.pid, "mask", "all,-coroutine,-channel", "--json", check=0).json()
                self.assertEqual(ran["withheld"], "coroutine, channel")
                time.sleep(0.6)  # of a recording without them
                self.assertEqual(harness.coroscope("ctl", "--pid", demo.pid, "mask", "all", "--json", check=0).json()["withheld"], "none")
                time.sleep(0.6)
                recorder.send_signal(signal.SIGINT)
                self.assertEqual(recorder.wait(), 0)
            answer = harness.coroscope("query", trace, "resume", "--limit", 1_000_000, "--json", check=0).json()
            self.assertGreater(answer["gaps"], 0)
            times = [row["t_ns"] for row in answer["events"]]
            length, begin = max((b - a, a) for a, b in zip(times, times[1:]))
            self.assertGreater(length, 400_000_000, "resumes were not withheld")
            # In the middle of it hardly anybody is believed to be as he was; before and after it everybody is.
            def known(t_ns):
                answer = harness.coroscope("query", trace, "coroutine.state == parked or coroutine.state != parked", "--at", f"{t_ns}ns", "--json", check=0).json()
                return answer["matched"] / answer["of"]

            self.assertLess(known(begin + length // 2), 0.2)
            self.assertEqual(known((times[0] + begin) // 2), 1)
            self.assertEqual(known(times[-1]), 1)

    def test_a_mistake_is_shown_with_its_place(self):
        busy = self.busy(count=1)
        for rule, sentence, column in (('suspend and nmae == "x"', "there is no event and no field 'nmae'", 12), ("coroutine.state == parked and run_ns > 1ms", "changes with time alone", 30),
                                       ('channel["jobs"].len == cap', "the program has no channel[\"jobs\"] now", 0)):
            ran = harness.coroscope("ctl", "--pid", busy.pid, "break", rule, check=2)
            self.assertEqual(ran.out, "")
            lines = ran.err.rstrip("\n").split("\n")
            self.assertEqual(len(lines), 3, ran.err)
            self.assertIn(sentence, lines[0])
            self.assertEqual(lines[1].strip(), rule)
            self.assertEqual(len(lines[2]) - 1 - (len(lines[1]) - len(rule)), column, ran.err)
        for words, sentence in ((("break",), "needs one rule"), (("break", "spawn", "--action", "drop"), "is nothing that a rule can do"),
                                (("break", "spawn", "--count", "0"), "--count begins with 1"), (("pause", "--count", "2"), "go with ctl break"),
                                (("mask",), "needs categories"), (("mask", "chanel"), "there is no category 'chanel'"),
                                (("mask", "pool,+timer"), "which categories there are and which change")):
            ran = harness.coroscope("ctl", "--pid", busy.pid, *words)
            harness.one_sentence(self, ran, 2, sentence)


if __name__ == "__main__":
    harness.main()
