"""The timeline: its sums against `profile` and `query` of the same trace, and what keys and clicks do to it."""
import json
import os
import unittest

import harness


class Timeline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "t.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 300, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def script(self, *lines):
        """Runs the lines on the trace; what the last `dump` wrote."""
        path, dump = os.path.join(self.folder, "timeline.script"), os.path.join(self.folder, "dump.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "view timeline", "wait-for settled", *lines, f"dump {dump}", "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", "1280x800", "--script", path, check=0, timeout=240)
        with open(dump) as file:
            return json.load(file)

    def query(self, rule, *more):
        return harness.coroscope("query", self.trace, rule, "--limit", 1000000, "--json", *more, check=0).json()["events"]

    def test_its_sums_are_those_of_the_profile(self):
        view = self.script()["views"]["timeline"]
        self.assertTrue(view["complete"])
        profile = harness.coroscope("profile", self.trace, "--by", "worker", "--json", check=0).json()
        rows = {int(row["label"].split()[-1]): row for row in profile["rows"]}
        self.assertEqual(sorted(rows), [row["worker"] for row in view["workers"]])
        for row in view["workers"]:
            told = rows[row["worker"]]
            # A run that led before the trace's first look belongs to neither; the walk puts an effect that was stamped before its cause behind it.
            self.assertAlmostEqual(row["running_ns"], told["running_ns"], delta=max(50_000, told["running_ns"] * 0.002))
            self.assertLessEqual(abs(row["slices"] - told["runs"]), 1)
            self.assertEqual(row["losses"], 0)

    def test_a_coroutine_s_lane_is_its_row_of_the_profile(self):
        rows = harness.coroscope("profile", self.trace, "--by", "coroutine", "--top", 0, "--json", check=0).json()["rows"]
        row = max((row for row in rows if row["runs"] > 20), key=lambda row: row["blocked_ns"])
        view = self.script(f"select coroutine {row['id']}", "wait-for settled")["views"]["timeline"]
        lane = view["coroutines"][0]
        self.assertEqual(lane["id"], row["id"])
        self.assertLessEqual(abs(lane["runs"] - row["runs"]), 1)
        for what in ("running", "ready", "blocked"):
            self.assertAlmostEqual(lane[f"{what}_ns"], row[f"{what}_ns"], delta=max(50_000, row[f"{what}_ns"] * 0.002), msg=what)

    def test_resumes_in_a_stretch_are_its_slices(self):
        seen = self.script("key w", "key w", "key w", "key d", "wait-for settled")["views"]["timeline"]
        begin, end = seen["seen"]["begin_ns"], seen["seen"]["end_ns"]
        resumes = self.query("resume", "--from", f"{begin}ns", "--to", f"{end}ns")
        drawn = sum(row["slices_seen"] for row in seen["drawn"])
        # Of each worker one may have run already when the stretch began.
        self.assertGreaterEqual(drawn, len(resumes))
        self.assertLessEqual(drawn, len(resumes) + len(seen["drawn"]))
        self.assertTrue(seen["drawn_complete"])

    def test_keys_zoom_move_and_fit(self):
        def seen(*lines):
            view = self.script(*lines, "wait-for settled")["views"]["timeline"]["seen"]
            return view["begin_ns"], view["end_ns"]
        whole, closer = seen(), seen("key w", "key w")
        self.assertLess(closer[1] - closer[0], (whole[1] - whole[0]) * 0.5)
        later = seen("key w", "key w", "key d")
        self.assertGreater(later[0], closer[0])
        self.assertAlmostEqual(later[1] - later[0], closer[1] - closer[0], delta=4)
        self.assertEqual(seen("key w", "key a", "key f"), whole)

    def test_a_click_selects_who_ran_and_the_ruler_goes_to_its_time(self):
        # In the midst of the longest run: it begins with a RESUME, and the same coroutine's next event of this kind ends it.
        began, longest = {}, (0, 0, 0, 0)
        for event in self.query("resume or suspend or exit"):
            begin = began.pop(event["id"], None)
            if event["event"] == "resume":
                began[event["id"]] = event["t_ns"]
            elif begin is not None:
                longest = max(longest, (event["t_ns"] - begin, begin, event["worker"], event["id"]))
        length, begin, worker, runner = longest
        closer = ["key w"] * 12
        dump = self.script(f"time {begin + length // 2}ns", "wait-for settled", *closer, "wait-for settled", f"click timeline.slice.{worker}",
                           "wait-for settled", "key shift+p", "click timeline.ruler", "wait-for settled")
        view = dump["views"]["timeline"]
        who = dump["selection"]["coroutine"]
        self.assertEqual(who, runner)
        self.assertEqual(view["pinned"], [who])
        self.assertEqual(view["coroutines"][0]["id"], who)
        middle = (view["seen"]["begin_ns"] + view["seen"]["end_ns"]) / 2
        self.assertAlmostEqual(dump["time_ns"], middle, delta=(view["seen"]["end_ns"] - view["seen"]["begin_ns"]) * 0.01)
        self.assertIn(f"timeline.coroutine.{who}", dump["widgets"])

    def zoomed_to(self, lines, begin, end):
        """The lines, and drags of the middle button that bring this stretch of time nearly to fill the lanes."""
        for _ in range(4):
            seen = self.script(*lines, "wait-for settled")["views"]["timeline"]["seen"]
            width = seen["end_ns"] - seen["begin_ns"]
            middle, half = ((begin + end) / 2 - seen["begin_ns"]) / width, max((end - begin) / 2 / width, 0.02)
            if half > 0.4:
                break
            lines = [*lines, f"drag timeline.lanes {max(0, middle - half):.5f} 0.5 {min(1, middle + half):.5f} 0.5 middle", "wait-for settled"]
        return lines

    def test_the_menu_of_a_span_goes_to_its_waker_and_says_why_it_was_late(self):
        # Who was ready longest after a wake-up by a coroutine, and ran then.
        ready, longest = {}, None
        for event in self.query("wake or resume"):
            if event["event"] == "wake":
                ready[event["id"]] = event["t_ns"]
            elif event["id"] in ready:
                late = event["t_ns"] - ready[event["id"]]
                if longest is None or late > longest[0]:
                    longest = (late, ready[event["id"]], event["t_ns"], event["id"], event["worker"])
                del ready[event["id"]]
        late, begin, end, who, worker = longest
        # Its ready span is then the longest that is seen of it, with the run after it in sight.
        to_it = self.zoomed_to([f"select coroutine {who}", f"time {begin + late // 2}ns", "wait-for settled"], begin - late // 4, end + late // 4)
        asked = self.script(*to_it, f"click timeline.span.{who} right", "click timeline.menu.late", "wait-for settled")
        told = asked["views"]["timeline"]["late"]
        self.assertEqual((told["id"], told["worker"]), (who, worker))
        self.assertAlmostEqual(told["end_ns"] - told["begin_ns"], late, delta=1000)
        self.assertLessEqual(told["busy_ns"], late + 1000)
        self.assertEqual(told["busy_ns"], sum(row["ns"] for row in told["runners"]))
        self.assertNotIn(who, [row["id"] for row in told["runners"]])
        self.assertIn("timeline.late", asked["widgets"])
        closed = self.script(*to_it, f"click timeline.span.{who} right", "click timeline.menu.late", "wait-for settled",
                             "click timeline.late.close", "wait-for settled")
        self.assertIsNone(closed["views"]["timeline"]["late"])
        # The time that it goes to is that of the wake-up.
        gone = self.script(*to_it, f"click timeline.span.{who} right", "click timeline.menu.waker", "wait-for settled")
        self.assertAlmostEqual(gone["time_ns"], begin, delta=1000)
        pinned = self.script(*to_it, f"click timeline.span.{who} right", "click timeline.menu.pin", "wait-for settled")
        self.assertEqual(pinned["facts"]["pins"], 1)

    def test_lanes_of_channels_say_how_full_they_were(self):
        view = self.script()["views"]["timeline"]
        depth, most = {}, {}
        for event in self.query("channel-send or channel-receive"):
            name = event["object"]
            depth[name] = depth.get(name, 0) + (1 if event["event"] == "channel-send" else -1)
            most[name] = max(most.get(name, 0), depth[name])
        rows = view["channels"]
        self.assertGreaterEqual(len(rows), 3)
        for row in rows:
            self.assertEqual(row["most"], most[row["channel"]], row)
            self.assertLessEqual(row["most"], row["capacity"] + 1)
        # The busiest of those that can hold something, which all have a lane.
        self.assertEqual([row["channel"] for row in view["drawn_channels"]], [row["channel"] for row in rows][:len(view["drawn_channels"])])
        self.assertGreater(len(view["drawn_channels"]), 0)

    def test_a_click_on_a_channel_s_lane_selects_it_and_a_pin_keeps_it(self):
        first = self.script()["views"]["timeline"]["drawn_channels"][0]["channel"]
        name = first.removeprefix("channel:")
        dump = self.script(f"click timeline.channel.{name}", "wait-for settled", "key shift+p", "key escape", "wait-for settled")
        self.assertIn(f"timeline.unpin.{name}", dump["widgets"])
        lanes = dump["views"]["timeline"]["drawn_channels"]
        self.assertEqual((lanes[0]["channel"], lanes[0]["busiest"]), (first, False))
        chosen = self.script(f"click timeline.channel.{name}", "wait-for settled")
        self.assertEqual(chosen["selection"]["channel"], first)

    def test_what_the_program_said_is_marked_and_its_zones_lie_in_their_lane(self):
        # Of a text in pieces the last one, which does not go on.
        said = [event for event in self.query("message or note") if not event["detail"].endswith("…")]
        zones = self.query("zone-begin")
        who = zones[0]["id"]
        dump = self.script(f"select coroutine {who}", "wait-for settled")
        told = dump["views"]["timeline"]["told"]
        self.assertTrue(told["speaks"] and told["read"] and told["zones_read"])
        self.assertEqual(told["marks"], len(said))
        self.assertEqual(told["notes"], len([event for event in said if event["event"] == "note"]))
        mine = len([event for event in zones if event["id"] == who])
        self.assertEqual(told["zones"], [{"id": who, "zones": mine}])
        self.assertIn("timeline.said", dump["widgets"])
        # All of the trace is in sight: what is drawn is what is there.
        self.assertEqual(dump["views"]["timeline"]["drawn_marks"], len(said))
        self.assertGreaterEqual(dump["views"]["timeline"]["drawn_zones"], mine)

    def test_the_mouse_measures_pans_and_zooms_to_a_range(self):
        def seen(*lines):
            dump = self.script(*lines, "wait-for settled")
            view = dump["views"]["timeline"]["seen"]
            return view["begin_ns"], view["end_ns"], dump["facts"]["range.begin"], dump["facts"]["range.end"]
        begin, end, _, _ = seen()
        whole = end - begin
        _, _, first, last = seen("drag timeline.lanes 0.25 0.5 0.75 0.5")
        self.assertAlmostEqual(first, begin + whole * 0.25, delta=whole * 0.01)
        self.assertAlmostEqual(last, begin + whole * 0.75, delta=whole * 0.01)
        closer = seen("drag timeline.lanes 0.25 0.5 0.75 0.5 middle")
        self.assertEqual(closer[2], 0, "the middle button selects nothing")
        self.assertLess(closer[1] - closer[0], whole * 0.6)
        self.assertGreater(closer[1] - closer[0], whole * 0.4)
        panned = seen("drag timeline.lanes 0.25 0.5 0.75 0.5 middle", "wait-for settled", "drag timeline.lanes 0.75 0.5 0.5 0.5 right")
        self.assertGreater(panned[0], closer[0])
        self.assertAlmostEqual(panned[1] - panned[0], closer[1] - closer[0], delta=4)
        wheel = seen("wheel timeline.strip 3")
        self.assertLess(wheel[1] - wheel[0], whole * 0.7)
        self.assertLess(seen("wheel timeline.lanes 3 ctrl")[1] - begin, end - begin)

    def test_the_filter_is_that_of_the_coroutines_also_in_the_past(self):
        dump = self.script("time end", "key /", "type swarm", "key enter", "view events", "view timeline", "wait-for settled")
        lanes = [lane for lane in dump["views"]["timeline"]["lanes"] if lane["busiest"]]
        self.assertEqual(dump["facts"]["filter"], "swarm")
        known = {event["id"]: f"{event['name']} {event['site']}" for event in self.query("spawn or resume")}
        self.assertTrue(lanes)
        self.assertEqual([known[lane["id"]] for lane in lanes if "swarm" not in known[lane["id"]]], [])
        unfiltered = [lane for lane in self.script()["views"]["timeline"]["lanes"] if lane["busiest"]]
        self.assertTrue([lane for lane in unfiltered if "swarm" not in known[lane["id"]]])
        path, out = os.path.join(self.folder, "events.script"), os.path.join(self.folder, "events.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "key /", "type swarm", "key enter", "view events", "wait-for settled", f"dump {out}",
                                  "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", "1280x800", "--script", path, check=0, timeout=240)
        with open(out) as file:
            rows = json.load(file)["views"]["events"]["rows"]
        self.assertTrue(rows)
        self.assertEqual([row for row in rows if "swarm" not in f"{row['name']} {row['site']}"], [])

    def test_a_range_of_latencies_that_is_dragged_filters_the_events(self):
        path, out = os.path.join(self.folder, "latency.script"), os.path.join(self.folder, "latency.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "view histograms", "wait-for settled", "click histograms.kind.1", "wait-for settled",
                                  "drag histograms.panel.large 0.5 0.5 0.9 0.5", "view events", "wait-for settled", f"dump {out}", "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", "1280x800", "--script", path, check=0, timeout=240)
        with open(out) as file:
            dump = json.load(file)
        rule = dump["facts"]["filter"]
        self.assertTrue(rule.startswith("resume and ready_ns >= "), rule)
        rows = dump["views"]["events"]["rows"]
        self.assertTrue(rows)
        self.assertEqual({row["event"] for row in rows}, {"resume"})
        matching = {(row["t_ns"], row["id"]) for row in self.query(rule)}
        self.assertLessEqual({(row["t_ns"], row["id"]) for row in rows}, matching)
        self.assertIn("chip.filter", dump["widgets"])

    def test_a_live_program_has_a_timeline_that_grows(self):
        path = os.path.join(self.folder, "live.script")
        dumps = [os.path.join(self.folder, f"live{n}.json") for n in range(4)]
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 50) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            # What is kept of the past is asked for by each frame, and is there a few frames later.
            grows = [line for n, dump in enumerate(dumps) for line in (f"wait-for events > {40000 * (n + 1)} timeout 60s", f"dump {dump}")]
            with open(path, "w") as file:
                file.write("\n".join([f"attach {demo.pid}", "wait-for coroutines > 0", "key e", "view timeline", *grows, "quit"]) + "\n")
            harness.coroscope("--offscreen", "--size", "1280x800", "--script", path, check=0, timeout=200)
        slices = []
        for dump in dumps:
            with open(dump) as file:
                view = json.load(file)["views"]["timeline"]
            slices.append(sum(row["slices"] for row in view["workers"]) if view["past"] else 0)
        self.assertEqual(slices, sorted(slices))
        self.assertGreater(slices[-1], 1000)


if __name__ == "__main__":
    harness.main()
