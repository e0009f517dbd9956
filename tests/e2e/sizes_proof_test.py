"""sizes: proof and profile in one table, over builds, in any order; and two runs held against each other."""
import itertools
import os
import shutil
import unittest

import harness


def record(folder, name, *more, program=harness.DEMO, env=None):
    path = os.path.join(folder, name)
    harness.coroscope("record", "-o", path, "--", program, "--seconds", 1, "--swarm", 500, *more, check=0, timeout=200, env=env)
    return path


def sizes(*arguments, code=0):
    return harness.coroscope("sizes", *arguments, "--json", check=code).json()


class SizesProof(unittest.TestCase):
    def test_rows_carry_the_proof_of_the_binary_that_ran(self):
        with harness.folder() as folder:
            table = sizes(record(folder, "run.coro"))
        proven = {s["site"]: s["bound_bytes"] for s in harness.coroscope("analyze", harness.DEMO, "--json", check=1).json()["sites"] if s["proven"]}
        rows = {row["site"]: row for row in table["sites"]}
        self.assertGreaterEqual(len(proven), 5)
        self.assertEqual(table["contradictions"], [])
        for site, bound in proven.items():
            row = rows[site]  # also of those that no run reached
            self.assertEqual((row["evidence"], row["bound_bytes"]), ("proven", bound), site)
            self.assertGreater(len(row["proof"]["path"]), 0)
            if row["samples"]:
                self.assertLessEqual(row["high_water_bytes"]["max"], bound, site)
        self.assertTrue(any(rows[site]["samples"] == 0 for site in proven))
        self.assertTrue(any(rows[site]["samples"] > 0 for site in proven))
        unproven = [row for row in table["sites"] if row["proof"] and not row["proof"]["proven"]]
        self.assertGreater(len(unproven), 0)
        for row in unproven:
            self.assertGreater(len(row["proof"]["reasons"]), 0, row["site"])
            self.assertIsNone(row["bound_bytes"])
        (build,) = table["builds"]
        self.assertEqual(build["program"], "demo")
        self.assertGreater(len(build["build_id"]), 8)
        self.assertGreater(len(build["assumptions"]), 0)

    def test_a_binary_of_another_build_proves_nothing_and_is_named(self):
        with harness.folder() as folder:
            program = os.path.join(folder, "demo")
            shutil.copy(harness.DEMO, program)
            trace = record(folder, "run.coro", program=program)
            os.remove(program)
            ran = harness.coroscope("sizes", trace, "--json", check=0)
            self.assertIn("cannot be opened", ran.err)
            self.assertTrue(all(row["proof"] is None for row in ran.json()["sites"]))
            shutil.copy(harness.COROSCOPE, program)
            ran = harness.coroscope("sizes", trace, "--json", check=0)
            self.assertEqual(len(ran.err.strip().splitlines()), 1, ran.err)
            self.assertIn("another build", ran.err)
            self.assertTrue(all(row["proof"] is None for row in ran.json()["sites"]))
            ran = harness.coroscope("sizes", trace, "--binary", harness.DEMO, "--json", check=0)
            self.assertEqual(ran.err, "")
            self.assertTrue(any(row["evidence"] == "proven" for row in ran.json()["sites"]))
            harness.one_sentence(self, harness.coroscope("sizes", trace, "--binary", "/nowhere"), 3, "/nowhere")

    def test_runs_merged_in_any_order_and_grouping_are_the_same_bytes(self):
        with harness.folder() as folder:
            traces = [record(folder, f"{i}.coro", "--seed", i) for i in range(3)]
            expected = harness.coroscope("sizes", *traces, "--json", check=0).out
            for order in itertools.permutations(traces):
                self.assertEqual(harness.coroscope("sizes", *order, "--json", check=0).out, expected)
            pair = os.path.join(folder, "pair.json")
            harness.coroscope("sizes", traces[2], traces[0], "-o", pair, check=0)
            for grouped in ((traces[1], "--merge", pair), (pair, traces[1])):
                self.assertEqual(harness.coroscope("sizes", *grouped, "--json", check=0).out, expected)

    def test_a_run_deeper_than_its_proof_is_shouted_out(self):
        with harness.folder() as folder:
            table = sizes(record(folder, "run.coro"))
            (build,) = table["builds"]
            seen = {row["site"]: row["high_water_bytes"]["max"] for row in build["measured"] if row["samples"]}
            proof = next(p for p in build["proofs"] if p["proven"] and p["site"] in seen)
            proof["bound_bytes"] = seen[proof["site"]] - 8
            path = os.path.join(folder, "t.json")
            with open(path, "w") as file:
                harness.json.dump(table, file)
            ran = harness.coroscope("sizes", path, check=1)
            self.assertIn("CONTRADICTION: " + proof["site"], ran.out)
            row = next(r for r in sizes(path, code=1)["sites"] if r["site"] == proof["site"])
            self.assertEqual((row["evidence"], row["bound_bytes"]), ("profiled", None))

    def test_a_rerun_under_a_table_says_what_was_predicted_and_what_it_changed(self):
        with harness.folder() as folder:
            before, table = record(folder, "before.coro"), os.path.join(folder, "sizes.json")
            expected = {row["site"]: row["expected_bytes"] for row in sizes(before, "-o", table)["sites"] if row["evidence"] != "unknown"}
            after = record(folder, "after.coro", env={"CPRIME_SIZES": table})
            rows = [row for row in sizes(after)["sites"] if row["predicted_bytes"] and row["run_seen_bytes"]]
            self.assertGreater(len(rows), 10)
            for row in rows:
                self.assertEqual(row["predicted_bytes"], expected[row["site"]], row["site"])
                low, high = sorted((row["predicted_bytes"], row["run_seen_bytes"]))
                self.assertAlmostEqual(row["accuracy"], low / high)
            compared = harness.coroscope("sizes", "--compare", before, after, "--json", check=0).json()
            self.assertGreater(compared["shrunk"], 2)
            self.assertEqual(compared["before"]["resident_bytes"], sum(s["before"]["resident_bytes"] for s in compared["sites"] if s["before"]))
            swarm = next(s for s in compared["sites"] if "swarm" in s["site"])
            self.assertEqual((swarm["before"]["class_used"], swarm["after"]["class_used"]), ("medium", "micro"))
            text = harness.coroscope("sizes", "--compare", table, after, check=0).out
            self.assertIn("times less", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 120)


if __name__ == "__main__":
    harness.main()
