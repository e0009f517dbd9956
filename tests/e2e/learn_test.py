"""CPRIME_LEARN: a program that learns its stack sizes run by run, and a site that grows after an update is caught and remembered."""
import concurrent.futures
import os
import unittest

import harness

PROGRAM = os.path.join(harness.BIN, "growing_site")
GROWABLE = os.path.join(harness.BIN, "growing_site_growable")


class Learn(unittest.TestCase):
    def setUp(self):
        folder = harness.folder()
        self.folder = folder.__enter__()
        self.addCleanup(folder.__exit__, None, None, None)
        self.table = os.path.join(self.folder, "sizes.json")

    def learn(self, program, *arguments, check=0):
        return harness.run(program, *arguments, check=check, env={"CPRIME_LEARN": self.table, "LD_BIND_NOW": "1"})

    def row(self):
        """That of the site where the hundred are spawned."""
        with open(self.table) as file:
            rows = harness.json.load(file)["sites"]
        return next(row for row in rows if row["peak_coroutines"] == 100)

    def test_a_run_gets_smaller_stacks_by_what_the_run_before_saw(self):
        first = self.learn(PROGRAM)
        self.assertEqual(first.err, "")
        row = self.row()
        self.assertEqual((row["class_used"], row["class_advised"], row["samples"]), ("medium", "small", 100))
        second = self.learn(PROGRAM)
        self.assertIn(self.table, second.err)
        self.assertLess(second.last_json()["slot_bytes"], first.last_json()["slot_bytes"] / 4)
        row = self.row()
        self.assertEqual((row["class_used"], row["class_advised"], row["samples"]), ("small", "small", 200))
        self.assertNotIn("wrong", row)
        self.assertEqual(os.listdir(self.folder), ["sizes.json"])

    def test_a_site_that_overflows_after_an_update_is_reported_marked_wrong_and_survives_the_next_run(self):
        self.learn(PROGRAM)
        overflown = self.learn(PROGRAM, "updated", check=None)
        self.assertLess(overflown.code, 0)
        site = self.row()["site"]
        self.assertIn("stack overflow in coroutine", overflown.err)
        self.assertIn(f"the size table's row for {site} did not hold: it says small (profiled", overflown.err)
        self.assertIn(self.table + ".wrong", overflown.err)
        again = self.learn(PROGRAM, "updated")
        self.assertEqual(again.last_json()["ended"], 100)
        self.assertGreater(again.last_json()["slot_bytes"], 6000)
        row = self.row()
        self.assertEqual((row["wrong"], row["wrong_class"], row["class_advised"]), (True, "small", "medium"))
        self.assertGreater(row["wrong_bytes"], 2112)
        self.assertEqual(os.listdir(self.folder), ["sizes.json"])

    def test_a_row_that_was_wrong_does_not_become_small_again(self):
        self.learn(PROGRAM)
        self.learn(PROGRAM, "updated", check=None)
        for _ in range(2):
            self.learn(PROGRAM)  # the shallow one, which Small would hold
        self.assertEqual(self.row()["class_advised"], "medium")

    @unittest.skipUnless(os.path.exists(GROWABLE), "growth by segment needs g++ without sanitizers")
    def test_a_row_whose_stacks_grow_by_segment_is_said_and_marked_wrong_without_an_end(self):
        self.learn(GROWABLE)
        grown = self.learn(GROWABLE, "updated")
        self.assertEqual(grown.err.count("did not hold"), 1, grown.err)
        self.assertEqual(grown.last_json()["ended"], 100)
        row = self.row()
        self.assertEqual((row["wrong"], row["wrong_class"]), (True, "small"))
        self.assertGreater(row["migrations_by_form"]["segments"], 0)
        silent = self.learn(GROWABLE, "updated")
        self.assertNotIn("did not hold", silent.err)

    def test_what_is_learned_is_a_table_for_coroscope_and_for_an_operator(self):
        self.learn(PROGRAM)
        trace = os.path.join(self.folder, "run.coro")
        harness.coroscope("record", "-o", trace, "--", PROGRAM, check=0)
        row = self.row()
        merged = harness.coroscope("sizes", trace, "--merge", self.table, "--json", check=0).json()
        both = next(other for other in merged["sites"] if other["site"] == row["site"])
        self.assertEqual(both["samples"], 200)
        # What no run has done is in the code: the proof knows the deep way, and what was only seen gives way to it.
        self.assertEqual((row["evidence"], row["class_advised"]), ("profiled", "small"))
        self.assertEqual((both["evidence"], both["class_advised"]), ("proven", "medium"))
        self.assertGreater(both["bound_bytes"], 6000)
        given = harness.run(PROGRAM, check=0, env={"CPRIME_SIZES": self.table})
        self.assertEqual(given.last_json()["slot_bytes"], 2112)

    def test_what_is_learned_is_of_the_programs_own_build(self):
        self.learn(PROGRAM)
        with open(self.table) as file:
            builds = harness.json.load(file)["builds"]
        (build,) = builds
        known = harness.coroscope("analyze", PROGRAM, "--json", check=1).json()["build_id"]
        self.assertEqual((build["program"], build["build_id"], build["runs"]), ("growing_site", known, 1))
        self.assertGreater(len(known), 8)
        # So that what is proven of that binary counts for what was learned.
        proven = harness.coroscope("sizes", self.table, "--binary", PROGRAM, "--json", check=0).json()
        row = next(row for row in proven["sites"] if row["peak_coroutines"] == 100)
        self.assertEqual((row["evidence"], row["samples"]), ("proven", 100))

    def test_processes_that_end_at_once_lose_nothing(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            runs = [pool.submit(self.learn, PROGRAM) for _ in range(24)]
        for run in runs:
            run.result()
        with open(self.table) as file:
            self.assertEqual(harness.json.load(file)["runs"], 24)
        self.assertEqual(self.row()["samples"], 2400)

    def test_a_file_that_is_no_table_stays_and_costs_one_sentence(self):
        with open(self.table, "w") as file:
            file.write('{"sites": 7')
        ran = self.learn(PROGRAM)
        harness.one_sentence(self, ran, 0, "learns nothing", self.table)
        with open(self.table) as file:
            self.assertEqual(file.read(), '{"sites": 7')
        self.table = os.path.join(self.folder, "no folder", "sizes.json")
        harness.one_sentence(self, self.learn(PROGRAM), 0, "learns nothing", self.table)


if __name__ == "__main__":
    harness.main()
