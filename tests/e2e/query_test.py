"""Rules over a real recording: what they find agrees with `stat`, `stacks` and with each other; a mistake is shown with its place."""
import os
import unittest

import harness


class Query(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        folder = cls.context.__enter__()
        cls.addClassCleanup(cls.context.__exit__, None, None, None)
        cls.trace = os.path.join(folder, "run.coro")
        recorded = harness.coroscope("record", "-o", cls.trace, "--keyframe-ms", 100, "--", harness.DEMO, "--seconds", 2, "--swarm", 3000, check=0)
        cls.demo = recorded.last_json()
        # On a busy machine the program begins late: times are parts of what the trace covers.
        whole = harness.coroscope("query", cls.trace, "pool[small].used > 0", "--when", "--json", check=0).json()
        cls.begin, cls.end = whole["from_ns"], whole["to_ns"]
        cls.stat = harness.coroscope("stat", cls.trace, "--json", check=0).json()

    def at(self, part):
        """A moment of the trace, as the command line takes it."""
        return f"{self.begin + int((self.end - self.begin) * part)}ns"

    def query(self, rule, *options, trace=None):
        return harness.coroscope("query", trace or self.trace, rule, "--json", *options, check=0).json()

    def counted(self, rule):
        return int(harness.coroscope("query", self.trace, rule, "--count", check=0).out)

    def test_counts_of_events_are_those_of_stat(self):
        self.assertEqual(self.stat["lost"], 0)
        accepted = {name: row if isinstance(row, int) else row["emitted"] for name, row in self.stat["events_by_type"].items()}
        self.assertGreater(len(accepted), 10)
        for name, count in accepted.items():
            self.assertEqual(self.counted(name), count, name)
        self.assertEqual(self.counted("not loss"), self.stat["events"])
        self.assertEqual(self.query("spawn")["scanned"], self.stat["events"])

    def test_counts_of_objects_are_what_the_program_says_itself(self):
        self.assertEqual(self.counted("spawn"), self.demo["spawned"])
        self.assertEqual(self.counted("exit"), self.demo["exited"])
        for name, counts in self.demo["channels"].items():
            if counts["sent"] > 50000:
                continue  # one scan each is enough
            self.assertEqual(self.counted(f'channel-send and channel.name == "{name}"'), counts["sent"], name)

    def test_rows_carry_what_the_rule_asked_for(self):
        answer = self.query('suspend and site =~ "parser" and blocked_ns > 1ms', "--limit", 50)
        self.assertGreater(answer["matched"], 0)
        self.assertEqual(len(answer["events"]), min(50, answer["matched"]))
        for row in answer["events"]:
            self.assertEqual(row["event"], "suspend")
            self.assertIn("parser", row["site"])
            self.assertGreater(row["blocked_ns"], 1_000_000)
            self.assertTrue(row["name"])
        times = [row["t_ns"] for row in answer["events"]]
        self.assertEqual(times, sorted(times))
        # What a wait took is said by its end as well, but for those that nobody ended.
        begun = self.counted("suspend and wait == sleep and blocked_ns > 1ms")
        ended = self.counted("wake and cause == timer and blocked_ns > 1ms")
        self.assertGreater(begun, 0)
        self.assertGreater(ended, 0)

    def test_a_stretch_of_time_is_a_part_of_the_whole(self):
        whole, middle = self.counted("suspend"), self.at(0.5)
        halves = [self.query("suspend", *part)["matched"] for part in (("--to", middle), ("--from", f"{int(middle[:-2]) + 1}ns"))]
        self.assertEqual(sum(halves), whole)
        self.assertGreater(min(halves), 0)

    def test_state_at_a_moment_is_that_of_stacks(self):
        stacks = harness.coroscope("stacks", self.trace, "--at", self.at(0.5), "--json", check=0).json()["coroutines"]
        for state in ("parked", "ready", "running"):
            answer = self.query(f"coroutine.state == {state}", "--at", self.at(0.5), "--limit", 100000)
            wanted = {row["id"] for row in stacks if row["state"] == state}
            self.assertEqual({row["id"] for row in answer["objects"]}, wanted)
            self.assertEqual(answer["of"], len(stacks))
        self.assertTrue(self.query("pool[small].used > 0", "--at", self.at(0.3))["holds"])
        self.assertFalse(self.query('channel["nobody"].len == 0', "--at", self.at(0.3))["known"])

    def test_when_a_rule_held_agrees_with_the_moments_in_between(self):
        rule = 'channel["words"].len > 0'
        spans = self.query(rule, "--when", "--limit", 1000000, "--from", self.at(0.2), "--to", self.at(0.8))
        self.assertGreater(spans["matched"], 0)
        for part in (0.25, 0.4, 0.5, 0.65, 0.75):
            t = int(self.at(part)[:-2])
            held = any(row["since_ns"] <= t < row["until_ns"] for row in spans["spans"])
            self.assertEqual(self.query(rule, "--at", self.at(part))["holds"], held, part)
        # Each span is one object's, and its lengths add up.
        parked = self.query("coroutine.blocked_ns > 100ms", "--when", "--limit", 1000000)
        self.assertGreater(parked["matched"], 0)
        self.assertEqual(sum(row["until_ns"] - row["since_ns"] for row in parked["spans"]), parked["total_ns"])

    def test_a_running_program_is_asked_about_its_state(self):
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 100) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            ask = lambda rule: harness.coroscope("query", "--pid", demo.pid, rule, "--json", check=0).json()
            harness.wait_until(lambda: ask("coroutine.state == parked")["matched"] > 3, what="coroutines being parked")
            self.assertEqual(ask("worker.index >= 0")["matched"], ask("worker.index >= 0")["of"])
            refused = harness.coroscope("query", "--pid", demo.pid, "suspend")
            harness.one_sentence(self, refused, 2, "about events", "record it")

    def test_a_mistake_is_shown_with_its_place(self):
        ran = harness.coroscope("query", self.trace, "suspend and blokced_ns > 10ms")
        self.assertEqual((ran.code, ran.out), (2, ""))
        self.assertEqual(ran.err.splitlines(), [
            "coroscope: there is no event and no field 'blokced_ns'; did you mean 'blocked_ns'?",
            "  suspend and blokced_ns > 10ms",
            "              ^"])

    def test_what_cannot_be_asked_is_said_in_a_sentence(self):
        for words, sentence in (
            ((self.trace,), "query needs a trace and a rule"),
            ((self.trace, "suspend", "--at", "1s"), "go with rules about state"),
            ((self.trace, "suspend", "--when"), "go with rules about state"),
            ((self.trace, "pool.free == 0", "--from", "1s"), "--at for one moment, or --when"),
            ((self.trace, "pool.free == 0", "--at", "1h"), "is no time"),
            ((self.trace, "pool.free == 0", "--at", "900s"), "lies outside"),
            ((self.trace, "suspend", "--from", "2s", "--to", "1s"), "--to lies before --from"),
            ((self.trace, "coroutine.blocked_ns > 1s and pool[small].free == 0", "--when"), "and not both"),
        ):
            ran = harness.coroscope("query", *words)
            harness.one_sentence(self, ran, 2, sentence)
        harness.one_sentence(self, harness.coroscope("query", "/nowhere.coro", "suspend"), 3, "/nowhere.coro")


if __name__ == "__main__":
    harness.main()
