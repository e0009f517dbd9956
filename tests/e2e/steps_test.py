"""Stepping through a trace in the window and on the command line: both land on the same events, one by one."""
import json
import os
import unittest

import harness


class Steps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "t.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 300, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def query(self, rule, *more):
        return harness.coroscope("query", self.trace, rule, "--json", *more, check=0).json()

    def window(self, *lines):
        """What each `dump` of the script shows."""
        script, dumps = [], []
        for line in lines:
            if line == "dump":
                dumps.append(os.path.join(self.folder, f"{len(dumps)}.json"))
                line = f"dump {dumps[-1]}"
            script.append(line)
        path = os.path.join(self.folder, "steps.script")
        with open(path, "w") as file:
            file.write("\n".join([*script, "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--script", path, check=0, timeout=180)
        shown = []
        for dump in dumps:
            with open(dump) as file:
                shown.append(json.load(file))
        return shown

    def test_steps_of_a_coroutine_are_its_events_one_by_one(self):
        wanted = self.query('name == "main"', "--at", "1000ms")["objects"][0]
        events = self.query(f"id == {wanted['id']} and not message and not note", "--from", "1000ms", "--limit", 6)["events"]
        self.assertEqual(len(events), 6)
        shown = self.window("wait-for moment", "time 1000ms", "wait-for time_ns == 1000000000", f"select coroutine {wanted['id']}",
                            *["step next", "dump"] * 6, "step previous", "dump")
        for event, dump in zip(events, shown):
            facts = dump["facts"]
            self.assertEqual(facts["step.event"], event["event"])
            self.assertEqual(facts["step.id"], wanted["id"])
            self.assertEqual(facts["time_ns"], dump["time_ns"])
            self.assertAlmostEqual(facts["time_ns"], event["t_ns"], delta=1)
            self.assertIn(event["event"] + " of " + str(wanted["id"]), facts["step"])
        self.assertEqual(shown[6]["facts"]["step"], shown[4]["facts"]["step"])

    def test_keys_step_by_the_rule_in_the_filter_as_the_command_line_does(self):
        rule = "suspend and wait == join"
        after = self.query(rule, "--after", "500ms")
        before = self.query(rule, "--before", "500ms")
        type_it = ["key /", f"type {rule}", "wait-for settled", "key enter"]
        shown = self.window("wait-for moment", "time 500ms", "wait-for time_ns == 500000000", *type_it, "step next rule", "dump",
                            "time 500ms", "wait-for time_ns == 500000000", "step previous rule", "dump")
        for step, dump in zip((after, before), shown):
            if step is None:
                self.assertIn("there is no", dump["facts"]["step"])
                continue
            self.assertIn(step["text"], dump["facts"]["step"])
            self.assertEqual(dump["facts"]["selected"], step["id"])
            self.assertAlmostEqual(dump["time_ns"], step["t_ns"], delta=1)
        self.assertTrue(shown[0]["views"]["coroutines"]["about_events"])
        self.assertEqual(shown[0]["views"]["coroutines"]["mistake"], "")

    def test_a_rule_about_state_leads_to_where_it_began_to_hold(self):
        rule = 'channel["words"].len > 0'
        spans = self.query(rule, "--when", "--limit", 100000)["spans"]
        begins = [span["since_ns"] for span in spans if not span["held_at_begin"]]
        self.assertGreater(len(begins), 3)
        middle = begins[len(begins) // 2]
        self.assertAlmostEqual(self.query(rule, "--after", f"{middle - 1}ns")["t_ns"], middle, delta=1)
        last = self.query(rule, "--before", f"{middle - 1}ns")
        self.assertAlmostEqual(last["t_ns"], max(t for t in begins if t < middle - 1), delta=1)
        self.assertIn("from here on", last["text"])

    def test_at_the_end_there_is_no_later_event_and_a_sentence_says_so(self):
        shown = self.window("wait-for moment", "time end", "wait-for settled", "step next", "dump", "step previous", "dump")
        self.assertEqual(shown[0]["facts"]["step"], "there is no later event")
        self.assertNotEqual(shown[1]["facts"]["step.event"], "")

    def test_a_program_that_runs_keeps_no_past_and_says_what_to_do(self):
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 100) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            dump = os.path.join(self.folder, "live.json")
            path = os.path.join(self.folder, "live.script")
            with open(path, "w") as file:
                file.write(f"attach {demo.pid}\nwait-for coroutines > 0\nstep next\ndump {dump}\nquit\n")
            harness.coroscope("--offscreen", "--script", path, check=0, timeout=120)
        with open(dump) as file:
            facts = json.load(file)["facts"]
        self.assertTrue(facts["step.event"] != "" or "record" in facts["notice"], facts)

    def test_times_and_words_that_do_not_go_together_are_refused(self):
        harness.one_sentence(self, harness.coroscope("query", self.trace, "spawn", "--before", "1s", "--after", "1s"), 2, "choose one")
        harness.one_sentence(self, harness.coroscope("query", self.trace, "spawn", "--before", "1000s"), 2, "outside")


if __name__ == "__main__":
    harness.main()
