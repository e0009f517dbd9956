"""The views that tell of whole stretches of a trace, Events, Flame and Compare, against what the command line says of the same traces."""
import json
import os
import unittest

import harness


def folded(text):
    """Values by stack of folded lines."""
    rows = {}
    for line in text.splitlines():
        stack, value = line.rsplit(" ", 1)
        rows[stack] = rows.get(stack, 0) + int(value)
    return rows


class PastViews(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace, cls.before = os.path.join(cls.folder, "after.coro"), os.path.join(cls.folder, "before.coro")
        for path, seconds, swarm in ((cls.before, 1, 100), (cls.trace, 2, 300)):
            harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", seconds, "--swarm", swarm, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def script(self, *lines, more=(), word=None, size="1280x800"):
        """Runs a script over the trace; returns what it dumped last."""
        path, dumped = os.path.join(self.folder, "views.script"), os.path.join(self.folder, "dumped.json")
        with open(path, "w") as file:
            file.write("\n".join([*lines, f"dump {dumped}", "quit"]) + "\n")
        command = word if word is not None else ["replay", self.trace, *more]
        harness.coroscope(*command, "--offscreen", "--size", size, "--script", path, check=0, timeout=180)
        with open(dumped) as file:
            return json.load(file)

    def query(self, rule, *more):
        return harness.coroscope("query", self.trace, rule, "--limit", 1000000, "--json", *more, check=0).json()["events"]

    AT_ONE_SECOND = ("wait-for moment", "time 1000ms", "wait-for time_ns == 1000000000")

    # ---- events

    def test_the_events_around_a_time_are_those_of_a_query(self):
        rule = "suspend and wait == receive"
        shown = self.script(*self.AT_ONE_SECOND, "view events", "click events.filter", f"type {rule}", "wait-for settled")["views"]["events"]
        self.assertEqual(shown["mistake"], "")
        rows = shown["rows"]
        self.assertGreater(len(rows), 100)
        for row in rows:
            row.pop("at_ns")
        inside = [event for event in self.query(rule) if rows[0]["t_ns"] <= event["t_ns"] <= rows[-1]["t_ns"]]
        key = lambda event: (event["t_ns"], event["id"])
        edge = {rows[0]["t_ns"], rows[-1]["t_ns"]}  # where the window ends, others with the same stamp may lie outside
        self.assertEqual(sorted((row for row in rows if row["t_ns"] not in edge), key=key),
                         sorted((event for event in inside if event["t_ns"] not in edge), key=key))
        self.assertTrue(all(row["t_ns"] <= 1_000_000_000 for row in rows[:shown["until_now"]]))
        self.assertTrue(all(row["t_ns"] >= 999_999_999 for row in rows[shown["until_now"]:]))

    def test_a_mistake_in_the_filter_shows_a_caret_and_a_rule_about_state_is_refused(self):
        for typed, word in (("suspnd", "^"), ("pool[small].free == 0", "about state")):
            shown = self.script("wait-for moment", "view events", "click events.filter", f"type {typed}", "wait-for settled")["views"]["events"]
            self.assertIn(word, shown["mistake"])

    def test_a_click_selects_whose_event_it_is_and_enter_goes_to_its_time(self):
        shown = [*self.AT_ONE_SECOND, "view events", "key m", "click events.filter", "type resume", "wait-for settled"]
        before = self.script(*shown)["views"]["events"]
        number = before["until_now"] - 3
        row = before["rows"][number]
        after = self.script(*shown, f"click events.row.{number}", "key enter", f"wait-for time_ns == {row['at_ns']}")
        self.assertEqual(after["selection"]["coroutine"], row["id"])
        self.assertEqual(after["views"]["events"]["rows"][after["views"]["events"]["until_now"] - 1]["t_ns"], row["t_ns"])

    def test_only_those_of_the_selected_coroutine_can_be_shown(self):
        # Somebody who lives at that time: of those that had run and not ended, one that ran again.
        latest, who = {}, None
        for event in self.query("resume or exit"):
            if event["t_ns"] <= 1_000_000_000:
                latest[event["id"]] = event["event"]
            elif event["event"] == "resume" and latest.get(event["id"]) == "resume":
                who = event["id"]
                break
        shown = self.script(*self.AT_ONE_SECOND, "view events", f"select coroutine {who}", "click events.of.1", "wait-for settled")["views"]["events"]
        self.assertGreater(len(shown["rows"]), 1)
        self.assertEqual({row["id"] for row in shown["rows"]}, {who})

    # ---- flame

    def exported(self, kind):
        return folded(harness.coroscope("export", self.trace, "--format", "folded", "--kind", kind, "-o", "-", check=0).out)

    def test_flames_are_the_stacks_that_the_export_has(self):
        for number, kind, mode in ((0, "cpu", "on-cpu"), (1, "blocked", "off-cpu")):
            shown = self.script("wait-for moment", "view flame", f"click flame.mode.{number}", "wait-for settled")["views"]["flame"]
            self.assertEqual(shown["mode"], mode)
            exported = {stack: value for stack, value in self.exported(kind).items() if value != 0}
            self.assertEqual(folded(shown["folded"]), exported)
            self.assertEqual(shown["frames"][0]["total"], sum(exported.values()))

    def test_a_click_zooms_into_a_frame_and_backspace_comes_back(self):
        lines = ["wait-for moment", "view flame", "wait-for settled"]
        shown = self.script(*lines)["views"]["flame"]
        widest = max(range(1, len(shown["frames"])), key=lambda i: (shown["frames"][i]["depth"] == 2) * shown["frames"][i]["total"])
        zoomed = self.script(*lines, f"click flame.frame.{widest}")["views"]["flame"]
        self.assertEqual(zoomed["zoom"], shown["frames"][widest]["name"])
        back = self.script(*lines, f"click flame.frame.{widest}", "key backspace")["views"]["flame"]
        self.assertEqual(back["zoom"], shown["frames"][shown["frames"][widest]["parent"]]["name"])

    def roots_by_living(self, shown, rows):
        """Frames of roots that can be clicked, with who of them lives: of one alone, of several."""
        living = {}
        for row in rows:
            root = f"{row['name']} ({row['site']})"
            living.setdefault(root, []).append(row["id"])
        roots = [(number, frame, living.get(frame["name"], [])) for number, frame in enumerate(shown["views"]["flame"]["frames"])
                 if frame["kind"] == "spawn site" and f"flame.frame.{number}" in shown["widgets"]]
        return [root for root in roots if len(root[2]) == 1], [root for root in roots if len(root[2]) > 1]

    def test_a_click_on_a_frame_selects_who_stands_behind_it_or_filters_by_their_site(self):
        lines = [*self.AT_ONE_SECOND, "view coroutines", "view flame", "key m", "wait-for settled"]
        arranged = [*self.AT_ONE_SECOND, "view flame", "wait-for settled"]
        both = self.script(*arranged)
        rows = both["views"]["coroutines"]["rows"]
        _, several = self.roots_by_living(both, rows)
        number, frame, who = several[0]
        short = "/".join(frame["site"].split("/")[-2:])
        hovered = self.script(*lines, f"hover flame.frame.{number}")["hovered"]
        self.assertTrue(hovered.startswith(f"a click filters by {short}, of which {len(who)} live · {frame['name']}"), hovered)
        filtered = self.script(*arranged, f"click flame.frame.{number}", "wait-for settled")
        self.assertEqual(filtered["facts"]["filter"], frame["site"])
        self.assertEqual({row["site"] for row in filtered["views"]["coroutines"]["rows"]}, {frame["site"]})
        self.assertEqual(filtered["views"]["flame"]["zoom"], frame["name"])
        self.assertEqual(filtered["views"]["flame"]["frames"][0]["total"], both["views"]["flame"]["frames"][0]["total"], "its tree stays that of all")
        again = self.script(*arranged, f"click flame.frame.{number}", "wait-for settled", f"click flame.frame.{number}", "wait-for settled")
        self.assertEqual(again["selection"]["coroutine"], min(who))
        self.assertEqual(again["facts"]["filter"], frame["site"])
        sizes = self.script(*arranged, f"click flame.frame.{number}", "view sizes", "wait-for settled")["views"]["sizes"]
        self.assertEqual([row["site"] for row in sizes["rows"]], [frame["site"]])
        # Of the times on workers one alone has enough to be wide.
        lines += ["click flame.mode.0", "wait-for settled"]
        ones, _ = self.roots_by_living(self.script(*lines), rows)
        number, frame, who = ones[0]
        hovered = self.script(*lines, f"hover flame.frame.{number}")["hovered"]
        self.assertTrue(hovered.startswith(f"a click selects coroutine {who[0]} · "), hovered)
        selected = self.script(*lines, f"click flame.frame.{number}", "wait-for settled")
        self.assertEqual(selected["selection"]["coroutine"], who[0])
        self.assertEqual(selected["facts"]["filter"], "")

    # ---- histograms

    def histograms(self, *lines, before=True):
        return self.script("wait-for moment", "view histograms", "key m", "wait-for settled", *lines, "wait-for settled",
                           more=["--before", self.before] if before else [])

    def test_the_other_runs_histograms_lie_over_this_ones_and_a_key_takes_them_away(self):
        said = harness.coroscope("diff", self.before, self.trace, "--json", check=0).json()["distributions"]
        for kind, of in (("running", "slice"), ("blocked", "blocked")):
            shown = self.histograms(*["key shift+w"] * (2 if kind == "running" else 3))["views"]["histograms"]
            self.assertEqual((shown["kind"], shown["error"]), (kind, ""))
            self.assertEqual(shown["other"]["name"], "before.coro")
            for side, panels in (("after", shown[kind]), ("before", shown["other"][kind])):
                self.assertEqual(panels[0]["samples"], said[of][side]["samples"])
                for mark in ("p50", "p90", "p99", "p999"):
                    self.assertAlmostEqual(panels[0][mark] / shown["ticks_per_ns"], said[of][side][f"{mark}_ns"], delta=1e-3 * said[of][side][f"{mark}_ns"])
        stat = harness.coroscope("stat", self.before, "--json", check=0).json()
        shown = self.histograms()["views"]["histograms"]
        self.assertEqual(shown["kind"], "switch")
        self.assertEqual([panel["title"] for panel in shown["other"]["switch"]], [panel["title"] for panel in shown["switch"]])
        self.assertGreater(shown["other"]["switch"][0]["samples"], 10)
        self.assertEqual(shown["other"]["wake_to_run"][0]["samples"], stat["wake_to_run_ns"]["samples"])
        self.assertIsNone(self.histograms("key alt+w")["views"]["histograms"]["other"])
        self.assertIsNotNone(self.histograms("key alt+w", "key alt+w")["views"]["histograms"]["other"])
        self.assertIsNone(self.histograms(before=False)["views"]["histograms"]["other"])

    def test_a_range_of_slices_or_blocked_times_that_is_dragged_filters_the_events_that_say_it(self):
        for keys, kind, events, field in ((2, "running", {"suspend", "exit"}, "run_ns"), (3, "blocked", {"suspend"}, "blocked_ns")):
            dump = self.script("wait-for moment", "view histograms", "wait-for settled", *["key shift+w"] * keys, "wait-for settled",
                               "drag histograms.panel.large 0.4 0.5 0.8 0.5", "view events", "wait-for settled")
            rule = dump["facts"]["filter"]
            self.assertIn(f"{field} >= ", rule)
            rows = dump["views"]["events"]["rows"]
            self.assertTrue(rows)
            self.assertLessEqual({row["event"] for row in rows}, events)
            matching = self.query(rule)
            self.assertLessEqual({(row["t_ns"], row["id"]) for row in rows}, {(row["t_ns"], row["id"]) for row in matching})
            # As many as the bars between say; those at the edges reach over them.
            low, high = (float(words.split()[0]) for words in (rule.split(">= ")[1], rule.split("< ")[1]))
            histogram = dump["views"]["histograms"]
            per_ns = histogram["ticks_per_ns"]
            inside = [bar for bar in histogram[kind][0]["bars"] if bar[0] / per_ns >= low and bar[1] / per_ns <= high]
            touching = [bar for bar in histogram[kind][0]["bars"] if bar[1] / per_ns >= low * 0.98 and bar[0] / per_ns <= high * 1.02]
            self.assertGreaterEqual(len(matching), 0.98 * sum(bar[2] for bar in inside) - 2)
            self.assertLessEqual(len(matching), 1.02 * sum(bar[2] for bar in touching) + 2)

    def test_a_search_says_its_share_of_the_whole(self):
        shown = self.script("wait-for moment", "view flame", "wait-for settled", "click flame.search", "type channel-receive", "wait-for settled")["views"]["flame"]
        stacks = self.exported("blocked")
        inside = sum(value for stack, value in stacks.items() if "channel-receive" in stack)
        self.assertGreater(shown["found"]["matches"], 0)
        self.assertAlmostEqual(shown["found"]["share"], inside / sum(stacks.values()), places=9)

    def test_parked_stacks_of_a_moment_count_who_is_parked(self):
        shown = self.script(*self.AT_ONE_SECOND, "view flame", "click flame.mode.2", "wait-for settled")
        self.assertEqual(shown["views"]["flame"]["frames"][0]["total"], shown["facts"]["states.parked"])

    def test_a_program_whose_past_is_not_kept_shows_who_is_parked(self):
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 100) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            shown = self.script(f"attach {demo.pid}", "wait-for coroutines > 0", "view flame", word=["--events", "never"])["views"]["flame"]
        self.assertFalse(shown["past"])
        self.assertEqual(shown["mode"], "parked")
        self.assertGreater(shown["frames"][0]["total"], 50)

    # ---- compare

    def test_two_runs_are_compared_as_on_the_command_line(self):
        said = harness.coroscope("diff", self.before, self.trace, "--json", check=0).json()
        shown = self.script("wait-for moment", "view compare", "wait-for settled", more=["--before", self.before])["views"]["compare"]
        self.assertEqual(shown["error"], "")
        self.assertEqual(shown["comparison"], said)
        totals = {total["name"]: (total["before"], total["after"]) for total in said["totals"]}
        for side, path in enumerate((self.before, self.trace)):
            profile = harness.coroscope("profile", path, "--top", 0, "--json", check=0).json()
            self.assertEqual(totals["spawned"][side], profile["totals"]["spawned"])
        self.assertTrue(any("last" in note for note in said["notes"]), said["notes"])
        swarm = max(said["sites"], key=lambda site: site["after"]["coroutines"] if site["after"] else 0)
        self.assertGreater(swarm["after"]["coroutines"], swarm["before"]["coroutines"])
        self.assertGreater(said["distributions"]["slice"]["after"]["samples"], 1000)

    def test_a_comparison_reads_as_text(self):
        text = harness.coroscope("diff", self.before, self.trace, check=0).out
        for words in ("runs a second", "switch", "sites, most changed first", "note: the runs last"):
            self.assertIn(words, text)

    def test_what_is_no_trace_is_said_in_one_sentence(self):
        path = os.path.join(self.folder, "no.coro")
        with open(path, "w") as file:
            file.write("nothing\n")
        harness.one_sentence(self, harness.coroscope("diff", path, self.trace), 3, "no.coro")
        shown = self.script("wait-for moment", "view compare", "wait-for settled", more=["--before", path])["views"]["compare"]
        self.assertIn("no.coro", shown["error"])


if __name__ == "__main__":
    harness.main()
