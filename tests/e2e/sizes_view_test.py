"""The Sizes view: what `coroscope sizes` prints, wishes and the table that they go into, and two runs beside each other."""
import json
import os
import unittest

import harness

ORDER = ["micro", "small", "medium", "large"]


def deepest_of(side):
    """0 of a site that is proven and that nobody measured."""
    return (side["high_water_bytes"] or {"max": 0})["max"]


class SizesView(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace, cls.table, cls.again = (os.path.join(cls.folder, name) for name in ("run.coro", "advised.json", "again.coro"))
        cls.record(cls.trace)
        harness.coroscope("sizes", cls.trace, "-o", cls.table, check=0)
        cls.record(cls.again, CPRIME_SIZES=cls.table)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    @classmethod
    def record(cls, path, **env):
        return harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", 2, "--swarm", 500, check=0, timeout=200, env=env)

    def window(self, *lines, word=None, size="1400x900", code=0):
        """Runs the script over the view alone and returns its last dump."""
        path, dump = os.path.join(self.folder, "sizes.script"), os.path.join(self.folder, "dump.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "view sizes", "key m", "wait-for settled", *lines, "wait-for settled", f"dump {dump}", "quit"]) + "\n")
        command = word if word is not None else ["replay", self.trace]
        harness.coroscope(*command, "--offscreen", "--size", size, "--script", path, check=code, timeout=180, cwd=self.folder)
        with open(dump) as file:
            return json.load(file)

    def printed(self, trace):
        return harness.coroscope("sizes", trace, "--json", check=0).json()

    def test_shows_the_numbers_that_the_command_line_prints(self):
        shown = self.window()["views"]["sizes"]
        printed = {row["site"]: row for row in self.printed(self.trace)["sites"]}
        self.assertGreater(len(printed), 10)
        self.assertEqual(sorted(row["site"] for row in shown["rows"]), sorted(printed))
        for row in shown["rows"]:
            said = printed[row["site"]]
            for key in ("symbol", "class_advised", "evidence", "saved_bytes"):
                self.assertEqual(row[key], said[key], row["site"])
            for key in ("class_used", "samples", "migrations", "peak_coroutines", "predicted_bytes", "bound_bytes", "seen_bytes"):
                self.assertEqual(row["now"][key], said[key], row["site"])
            self.assertEqual(row["now"]["high_water_bytes"] is None, said["high_water_bytes"] is None, row["site"])
            for key in row["now"]["high_water_bytes"] or ():
                self.assertEqual(row["now"]["high_water_bytes"][key], said["high_water_bytes"][key], row["site"])
        self.assertEqual(shown["saved_bytes"], sum(row["saved_bytes"] for row in printed.values()))
        self.assertEqual(shown["migrations"], sum(row["migrations"] for row in printed.values()))
        saved = [row["saved_bytes"] for row in shown["rows"]]
        self.assertEqual(saved, sorted(saved, reverse=True))

    def test_titles_sort_and_words_filter(self):
        shown = self.window("click sizes.header.4")["views"]["sizes"]
        deepest = [deepest_of(row["now"]) for row in shown["rows"]]
        self.assertEqual(deepest, sorted(deepest, reverse=True))
        shown = self.window("click sizes.header.4", "wait-for settled", "click sizes.header.4")["views"]["sizes"]
        self.assertEqual([deepest_of(row["now"]) for row in shown["rows"]], sorted(deepest))
        shown = self.window("click sizes.filter", "type swarm micro")["views"]["sizes"]
        self.assertEqual([row["class_advised"] for row in shown["rows"]], ["micro"])
        self.assertGreater(shown["sites"], 10)

    def test_a_click_selects_one_coroutine_of_the_site_after_the_other(self):
        shown = self.window("click sizes.row.0")
        first, site = shown["selection"]["coroutine"], shown["views"]["sizes"]["rows"][0]["site"]
        self.assertEqual(shown["views"]["sizes"]["chosen"], site)
        second = self.window("click sizes.row.0", "wait-for settled", "click sizes.row.0")["selection"]["coroutine"]
        stacks = harness.coroscope("stacks", self.trace, "--at", f"{shown['time_ns']}ns", "--json", check=0).json()["coroutines"]
        of_site = sorted(c["id"] for c in stacks if c["site"] == site)
        self.assertGreater(len(of_site), 400)
        self.assertEqual([first, second], of_site[:2])

    def test_wishes_by_mouse_and_key_are_marked_undone_and_exported(self):
        rows = self.window("click sizes.header.0")["views"]["sizes"]["rows"]  # by site
        number = next(i for i, row in enumerate(rows) if row["class_advised"] == "medium" and 0 < deepest_of(row["now"]) < 1000)
        site = rows[number]["site"]
        wish = ["click sizes.header.0", "wait-for settled", f"click sizes.classes.{number}", "wait-for settled", "click sizes.wish.1"]

        def row_of(shown):
            return next(row for row in shown["views"]["sizes"]["rows"] if row["site"] == site)

        shown = self.window(*wish)
        self.assertEqual(shown["views"]["sizes"]["wishes"], 1)
        wished = row_of(shown)
        self.assertEqual((wished["class_advised"], wished["evidence"], wished["wished"], wished["fits"]), ("small", "wished", True, True))
        self.assertEqual(row_of(self.window(*wish, "key ctrl+right", "key ctrl+right"))["class_advised"], "large")
        self.assertFalse(row_of(self.window(*wish, "key ctrl+u"))["wished"])
        self.assertFalse(row_of(self.window(*wish, "wait-for settled", "click sizes.undo"))["wished"])
        self.assertFalse(row_of(self.window(*wish, "key ctrl+left"))["fits"])

        said = self.window(*wish, "key ctrl+e")["said"]
        path = os.path.join(self.folder, "demo-sizes.json")
        self.assertIn(path, said)
        with open(path) as file:
            exported = {row["site"]: row for row in json.load(file)["sites"]}
        with open(self.table) as file:
            advised = {row["site"]: row for row in json.load(file)["sites"]}
        self.assertEqual((exported[site]["class_advised"], exported[site]["class_computed"]), ("small", "medium"))
        self.assertEqual({s: row for s, row in exported.items() if s != site}, {s: row for s, row in advised.items() if s != site})
        # A program that starts with it spawns there as wished.
        rerun = os.path.join(self.folder, "wished.coro")
        self.record(rerun, CPRIME_SIZES=path)
        used = {row["site"]: row["class_used"] for row in self.printed(rerun)["sites"]}
        self.assertEqual(used[site], "small")
        self.window(*wish, "key ctrl+e")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "demo-sizes-2.json")), "nothing is overwritten")

    def test_two_runs_stand_beside_each_other(self):
        by_option = self.window(word=["replay", self.again, "--before", self.trace])["views"]["sizes"]
        self.assertEqual(by_option["before"], "run.coro")
        before, after = ({row["site"]: row for row in self.printed(trace)["sites"]} for trace in (self.trace, self.again))
        for row in by_option["rows"]:
            for side, said in (("now", after), ("before", before)):
                self.assertEqual(row[side]["class_used"], said[row["site"]]["class_used"])
                self.assertEqual(deepest_of(row[side]), deepest_of(said[row["site"]]))
        self.assertGreater(by_option["resident_before_bytes"], 2 * by_option["resident_bytes"])
        self.assertIn("times less", by_option["comparison"])
        self.assertTrue(any(row["now"]["predicted_bytes"] for row in by_option["rows"]), "a rerun under a table knows what was predicted")
        by_key = self.window("key ctrl+b", "wait-for settled", f"type {self.trace}", "key enter", "wait-for settled",
                             word=["replay", self.again])["views"]["sizes"]
        self.assertEqual(by_key, by_option)
        dropped = self.window("click sizes.before.drop", word=["replay", self.again, "--before", self.trace])["views"]["sizes"]
        self.assertIsNone(dropped["before"])
        # A table stands for the run that it was made of.
        of_table = self.window(word=["replay", self.again, "--before", self.table])["views"]["sizes"]
        self.assertEqual(of_table["before"], "advised.json")
        self.assertEqual(of_table["migrations_before"], by_option["migrations_before"])

    def test_a_run_before_that_cannot_be_read_is_said(self):
        path = os.path.join(self.folder, "no.coro")
        with open(path, "w") as file:
            file.write("this is no trace\n" * 20)
        shown = self.window(word=["replay", self.trace, "--before", path])
        self.assertIn("no.coro", shown["facts"]["notice"])
        self.assertIsNone(shown["views"]["sizes"]["before"])
        ran = harness.coroscope("replay", self.trace, "--before", "/nonexistent/x.coro", "--offscreen", "--dump", os.path.join(self.folder, "x.json"))
        harness.one_sentence(self, ran, 2, "/nonexistent/x.coro")

    def test_a_live_program_shows_its_sites_with_and_without_events(self):
        for events in ("always", "never"):
            with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 300) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                shown = self.window("wait-for coroutines > 300", word=["attach", demo.pid, "--events", events])["views"]["sizes"]
            swarm = next(row for row in shown["rows"] if row["now"]["peak_coroutines"] >= 300)
            self.assertEqual(swarm["now"]["class_used"], "medium", events)
            self.assertGreater(swarm["now"]["seen_bytes"], 0, events)
            self.assertGreater(len(shown["rows"]), 5, events)


if __name__ == "__main__":
    harness.main()
