"""What a trace says a program did equals what the program counted for itself, and every event is accounted for."""
import os
import unittest

import harness


class RecordTotals(unittest.TestCase):
    def record(self, path, *demo_arguments, **more):
        return harness.coroscope("record", "-o", path, "--", harness.DEMO, *demo_arguments, check=0, timeout=200, **more)

    def check_totals(self, demo, stat):
        totals = stat["totals"]
        self.assertEqual(totals["spawned"], demo["spawned"])
        self.assertEqual(totals["exited"], demo["exited"])
        self.assertTrue(demo["channels"])
        for name, counts in demo["channels"].items():
            self.assertEqual(totals["channels"].get(name), counts, name)
        self.assertEqual({k: v for k, v in totals["signals"].items() if v}, {k: v for k, v in demo["signals"].items() if v})

    def check_accounting(self, stat):
        self.assertIn("spawn", stat["events_by_type"])
        for name, row in stat["events_by_type"].items():
            self.assertEqual(row["events"] + row["lost"], row["emitted"], name)

    def test_totals_of_a_recorded_demo_equal_its_own(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            demo = self.record(path, "--seconds", 3).last_json()
            stat = harness.coroscope("stat", path, "--json", check=0).json()
            self.check_totals(demo, stat)
            self.check_accounting(stat)
            stacks = harness.coroscope("stacks", path, "--at", "2500ms", "--json", check=0).json()
            self.assertGreaterEqual(len(stacks["coroutines"]), 100_000)

    def test_one_worker_at_default_sizes_loses_nothing(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            demo = self.record(path, "--seconds", 3, "--workers", 1).last_json()
            stat = harness.coroscope("stat", path, "--json", check=0).json()
            self.check_totals(demo, stat)
            self.check_accounting(stat)
            self.assertEqual(stat["lost"], 0)

    def test_waits_at_the_hold_are_the_edges_the_demo_wrote_down(self):
        with harness.folder() as folder:
            path, edges_path = os.path.join(folder, "t.coro"), os.path.join(folder, "edges.json")
            self.record(path, "--seconds", 3, "--swarm", 2000, "--edges", edges_path)
            with open(edges_path) as file:
                written = harness.json.load(file)
            waits = harness.coroscope("waits", path, "--at", f"{written['at_ms']}ms", "--json", check=0).json()
            key = lambda edge: (str(edge["from"]), str(edge["to"]), edge["kind"])
            self.assertEqual(sorted(map(key, waits["edges"])), sorted(map(key, written["edges"])))
            self.assertGreater(len(written["edges"]), 2000)


if __name__ == "__main__":
    harness.main()
