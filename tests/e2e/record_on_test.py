"""Recording until a rule holds: when it ended is when the recording itself says that the rule held."""
import os
import re
import unittest

import harness


class RecordOn(unittest.TestCase):
    def record(self, folder, rule, *options, seconds=2):
        trace = os.path.join(folder, "run.coro")
        ran = harness.coroscope("record", "-o", trace, "--on", rule, *options, "--", harness.DEMO, "--seconds", seconds, "--swarm", 500, check=0)
        return trace, ran

    def query(self, trace, rule, *options):
        return harness.coroscope("query", trace, rule, "--json", *options, check=0).json()

    def held_at(self, ran):
        said = re.search(r"the rule held at ([0-9.]+) ms", ran.err)
        self.assertIsNotNone(said, ran.err)
        return said[1]

    def range_of(self, trace):
        whole = self.query(trace, "worker.index >= 0", "--when")
        return whole["from_ns"], whole["to_ns"]

    def test_ends_with_the_first_event_that_matches(self):
        for rule in ("exit", 'exit and name == "reader"', "channel-send and channel.name == \"words\""):
            with harness.folder() as folder:
                trace, ran = self.record(folder, rule)
                first = self.query(trace, rule, "--limit", 1)["events"][0]
                self.assertEqual(self.held_at(ran), f"{first['t_ns'] / 1e6:.3f}", ran.err)
                self.assertIn(f"of {first['id']} \"{first['name']}\"", ran.err)
                stat = harness.coroscope("stat", trace, "--json", check=0).json()
                self.assertIn("the rule held", stat["ended"])

    def test_goes_on_for_as_long_as_was_asked(self):
        with harness.folder() as folder:
            trace, ran = self.record(folder, "exit", "--after", "300ms")
            _, end = self.range_of(trace)
            self.assertGreaterEqual(end, float(self.held_at(ran)) * 1e6 + 300e6)

    def test_a_wait_that_lasts_long_enough_ends_it_although_it_is_not_over(self):
        with harness.folder() as folder:
            # Who waits for the program's end waits long; that is known long before.
            trace, ran = self.record(folder, "suspend and blocked_ns > 200ms", seconds=3)
            events = self.query(trace, "suspend and blocked_ns > 200ms", "--limit", 10000)["events"]
            self.assertIn(self.held_at(ran), {f"{row['t_ns'] / 1e6:.3f}" for row in events})
            self.assertTrue(any(row["still_blocked"] for row in events), events)

    def test_a_rule_about_state_ends_it(self):
        with harness.folder() as folder:
            trace, ran = self.record(folder, "pool[micro].used > 20")
            _, end = self.range_of(trace)
            self.assertGreaterEqual(end, float(self.held_at(ran)) * 1e6)
            self.assertGreater(self.query(trace, "pool[micro].used > 20", "--when")["matched"], 0)

    def test_a_rule_that_never_holds_is_said_to(self):
        with harness.folder() as folder:
            _, ran = self.record(folder, 'exit and name == "nobody"', seconds=1)
            self.assertIn("the rule did not hold", ran.err)
            self.assertIn("the program ended", ran.err)

    def test_a_mistake_is_shown_before_anything_is_started(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            ran = harness.coroscope("record", "-o", trace, "--on", "exit and stauts == failed", "--", "/bin/echo", "started")
            self.assertEqual((ran.code, ran.out), (2, ""))
            self.assertEqual(ran.err.splitlines(), [
                "coroscope: there is no event and no field 'stauts'; did you mean 'status'?",
                "  exit and stauts == failed",
                "           ^"])
            self.assertFalse(os.path.exists(trace))
            alone = harness.coroscope("record", "-o", trace, "--after", "1s", "--", "/bin/true")
            harness.one_sentence(self, alone, 2, "--after goes with --on")


if __name__ == "__main__":
    harness.main()
