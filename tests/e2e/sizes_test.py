"""run -> sizes -> run again in a fraction of the memory."""
import os
import unittest

import harness


class Sizes(unittest.TestCase):
    def test_a_rerun_with_the_table_uses_an_eighth_of_the_stack_memory(self):
        with harness.folder() as folder:
            path, table = os.path.join(folder, "t.coro"), os.path.join(folder, "sizes.json")
            again = os.path.join(folder, "again.coro")
            first = harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", 3, check=0, timeout=200).last_json()
            harness.coroscope("sizes", path, "-o", table, check=0)
            with open(table) as file:
                rows = harness.json.load(file)["sites"]
            order = ["micro", "small", "medium", "large"]
            used = [(order.index(r["class_used"]), order.index(r["class_advised"])) for r in rows]
            self.assertTrue(any(advised < was for was, advised in used), rows)
            self.assertTrue(any(advised > was for was, advised in used), rows)
            second = harness.coroscope("record", "-o", again, "--", harness.DEMO, "--seconds", 3, check=0, timeout=200,
                                       env={"CPRIME_SIZES": table}).last_json()
            self.assertGreaterEqual(first["stack_bytes"], 8 * second["stack_bytes"])
            stat = harness.coroscope("stat", again, "--json", check=0).json()
            self.assertAlmostEqual(stat["peak_rss_kib"], second["peak_rss_kib"], delta=0.05 * second["peak_rss_kib"])
            self.assertEqual(second["spawned"], second["exited"])

    def test_a_malformed_table_ends_in_one_sentence(self):
        with harness.folder() as folder:
            table = os.path.join(folder, "sizes.json")
            with open(table, "w") as file:
                file.write('{"version": 1, "sites": [ {"site": 3')
            ran = harness.run(harness.DEMO, "--seconds", 1, "--swarm", 10, env={"CPRIME_SIZES": table})
            harness.one_sentence(self, ran, 2, table)


if __name__ == "__main__":
    harness.main()
