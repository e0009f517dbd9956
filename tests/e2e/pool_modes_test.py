#!/usr/bin/env python3
"""The heatmap's modes, its rubber band and its strip of used slots, by script over a recorded run; figures are those of the command line."""
import collections
import json
import os
import unittest

import harness


class PoolModes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "run.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 200, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def script(self, *lines, size="1280x800"):
        path, dumped = os.path.join(self.folder, "pools.script"), os.path.join(self.folder, "dumped.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "time 500ms", "view pools", "key m", "wait-for settled", *lines, "wait-for settled", f"dump {dumped}", "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", size, "--script", path, check=0, timeout=180)
        with open(dumped) as file:
            return json.load(file)

    def test_each_mode_has_a_legend_that_tells_of_every_used_slot(self):
        seen = set()
        for number in range(6):
            pools = self.script(f"click pools.mode.{number}")["views"]["pools"]
            seen.add(pools["mode"])
            legend = pools["legend"]
            if pools["mode"] == "state":
                self.assertIsNone(legend)
                continue
            used = sum(row["used"] for row in pools["pools"])
            unowned = sum(row["looks"].get("being handed over", 0) for row in pools["pools"])
            self.assertEqual(legend["known"] + legend["unknown"] + unowned, used, legend)
            self.assertEqual(bool(legend["kinds"]), pools["mode"] in ("site", "worker"))
        self.assertEqual(seen, {"state", "age", "high-water", "site", "worker", "growth"})

    def test_keys_go_through_the_modes_and_rank_them(self):
        dump = self.script("key alt+p", "key ctrl+alt+p")["views"]["pools"]
        self.assertEqual((dump["mode"], dump["legend"]["ranked"]), ("age", True))
        dump = self.script("key alt+p", "click pools.ranked", "key alt+p", "key alt+p")["views"]["pools"]
        self.assertEqual((dump["mode"], dump["legend"]["ranked"]), ("site", False))

    def test_sites_have_as_many_slots_as_their_coroutines_and_a_click_filters_by_one(self):
        dump = self.script("click pools.mode.3")
        kinds = {kind["name"]: kind["slots"] for kind in dump["views"]["pools"]["legend"]["kinds"]}
        alive = collections.Counter(row["site"] for row in self.script("view coroutines")["views"]["coroutines"]["rows"])
        swarm = next(site for site in alive if "swarm" in site and alive[site] == 200)
        self.assertEqual(kinds[swarm], 200)
        number = list(kinds).index(swarm)
        filtered = self.script("click pools.mode.3", f"click pools.kind.{number}")
        self.assertEqual(sum(row["passing"] for row in filtered["views"]["pools"]["pools"]), 200)

    def test_a_rubber_band_lists_the_owners_inside_and_a_click_selects_one(self):
        banded = ["drag pools.grid.2 0.01 0.01 0.5 0.2"]
        dump = self.script(*banded)
        band = dump["views"]["pools"]["band"]
        self.assertGreater(len(band["owners"]), 3)
        self.assertEqual(sum(count for look, count in band["looks"].items()), band["slots"])
        self.assertLess(band["slots"], dump["views"]["pools"]["pools"][2]["slots"])
        clicked = self.script(*banded, "click pools.owner.2")
        self.assertEqual(clicked["selection"]["coroutine"], band["owners"][2])
        self.assertIsNone(self.script(*banded, "click pools.band.close")["views"]["pools"]["band"])

    def test_a_key_lists_a_whole_pool_and_lets_go_of_it(self):
        dump = self.script("key alt+b")["views"]["pools"]
        pool = next(row for row in dump["pools"] if row["slots"] == dump["band"]["slots"])
        self.assertEqual(dump["band"]["used"], pool["used"])
        self.assertIsNone(self.script("key alt+b", "wait-for settled", "key alt+b")["views"]["pools"]["band"])

    def test_the_strip_goes_to_the_time_that_is_clicked(self):
        before = self.script()
        after = self.script("drag pools.strip 0.8 0.5 0.8 0.5")
        self.assertGreater(after["time_ns"], before["time_ns"])
        self.assertGreater(after["time_ns"], 700_000_000)


if __name__ == "__main__":
    unittest.main()
