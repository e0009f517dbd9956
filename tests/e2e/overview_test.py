"""Overview, Channels, Timers and Workers over a recorded demo: what they show is what `stat`, `waits` and `stacks` print of the same trace."""
import json
import os
import unittest

import harness

STATES = {"running": "running", "ready": "ready"}


class OverTime(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "run.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 500, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def window(self, view, *lines, word=None, at="1000ms"):
        """Runs the script over the view alone at a time of the trace and returns its last dump."""
        path, dump = os.path.join(self.folder, "view.script"), os.path.join(self.folder, "dump.json")
        moment = [f"time {at}"] if at else []
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", *moment, f"view {view}", "key m", "wait-for settled", *lines, "wait-for settled", f"dump {dump}", "quit"]) + "\n")
        command = word if word is not None else ["replay", self.trace]
        harness.coroscope(*command, "--offscreen", "--size", "1400x900", "--script", path, check=0, timeout=200)
        with open(dump) as file:
            return json.load(file)

    def printed(self, word, at=None):
        return harness.coroscope(word, self.trace, *(["--at", at] if at else []), "--json", check=0).json()

    def test_the_overview_counts_what_stat_counts_and_ends_as_the_trace_does(self):
        shown = self.window("overview", at=None)["views"]["overview"]
        stat = self.printed("stat")
        series = shown["series"]
        self.assertFalse(series["sampled"])
        first = self.printed("stacks", at=f"{series['begin_ns']}ns")["coroutines"]
        self.assertEqual(len(first) + series["spawned"] - series["exited"], sum(stat["states"].values()))
        self.assertGreater(series["spawned"], 500)
        self.assertEqual(series["lost"], stat["lost"])
        for look, state in STATES.items():
            self.assertEqual(series["looks"].get(look, [0])[-1], stat["states"].get(state, 0), look)
        self.assertEqual(sum(row[-1] for row in series["looks"].values()), sum(stat["states"].values()))
        self.assertGreater(max(sum(parts) for parts in zip(*series["looks"].values())), 500)
        for size_class, row in series["slots_used"].items():
            self.assertEqual(row[-1], sum(pool["used"] for pool in stat["pools"] if pool["class"] == size_class), size_class)
        self.assertEqual(len(series["busy"]), stat["workers"])
        self.assertTrue(all(0 <= share <= 1 for row in series["busy"] for share in row))

    def test_what_is_now_stands_in_numbers_and_a_click_into_the_charts_goes_to_its_time(self):
        shown = self.window("overview", "hover overview.chart", "wait-for settled", "click overview.chart")
        self.assertNotEqual(shown["time_ns"], 1_000_000_000)
        now = shown["views"]["overview"]["now"]
        stacks = self.printed("stacks", at=f"{shown['time_ns']}ns")["coroutines"]
        self.assertEqual(sum(now["looks"].values()), len(stacks))
        self.assertIn("overview.number.0", shown["widgets"])

    def test_a_deadlock_is_an_alarm_that_leads_to_the_wait_graph(self):
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 50, "--deadlock") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            shown = self.window("overview", "wait-for cycles > 0", "wait-for settled", "click overview.alarm.0", word=["attach", demo.pid], at=None)
        self.assertEqual(shown["visible"], ["waits"])
        cycles = [cycle["ids"] for cycle in shown["views"]["waits"]["cycles"] if cycle["certainty"] == "deadlock"]
        self.assertIn(str(shown["selection"]["coroutine"]), [str(identity) for ids in cycles for identity in ids])

    def test_channels_are_those_that_people_wait_for_and_their_past_adds_up(self):
        shown = self.window("channels", "click channels.row.0")
        view = shown["views"]["channels"]
        edges = self.printed("waits", at="1000ms")["edges"]
        at_channel = {row["name"]: row["senders_waiting"] + row["receivers_waiting"] for row in view["rows"]}
        for name in {edge["to"] for edge in edges if str(edge["to"]).startswith("channel:") and "select" not in edge["kind"]}:
            waiting = sum(1 for edge in edges if edge["to"] == name and edge["kind"] in ("send", "receive", "select-send", "select-receive"))
            self.assertEqual(at_channel[name], waiting, name)
        sent = [row["sent"] for row in view["rows"]]
        self.assertEqual(sent, sorted(sent, reverse=True))
        chosen = view["chosen"]["channel"]
        self.assertEqual(shown["selection"]["channel"], chosen["name"])
        self.assertEqual(chosen["identity"], view["rows"][0]["identity"])
        past = view["past"]
        totals = harness.coroscope("stat", self.trace, "--json", check=0).json()["totals"]["channels"]
        self.assertEqual(past["sent"], totals[chosen["name"].split(":", 1)[1]]["sent"])
        self.assertGreater(past["handed_over"] + max(past["depth_most"]), 0)

    def test_a_word_filters_channels_and_a_click_on_who_waits_selects_him(self):
        shown = self.window("channels", "click channels.header.6", "wait-for settled", "click channels.row.0", "wait-for settled", "click channels.waiter.0")
        view = shown["views"]["channels"]
        receivers = [row["receivers_waiting"] for row in view["rows"]]
        self.assertEqual(receivers, sorted(receivers, reverse=True))
        self.assertEqual(shown["selection"]["coroutine"], view["chosen"]["waiters"][0]["id"])
        name = view["rows"][0]["name"].split(":", 1)[1]
        filtered = self.window("channels", "click channels.filter", f"type {name}")["views"]["channels"]
        self.assertTrue(all(name in row["name"] for row in filtered["rows"]))
        self.assertLess(len(filtered["rows"]), filtered["channels"])

    def test_timers_are_those_who_sleep_or_wait_with_a_limit(self):
        shown = self.window("timers", "click timers.row.0")
        view = shown["views"]["timers"]
        sleepers = {edge["from"] for edge in self.printed("waits", at="1000ms")["edges"] if edge["kind"] == "sleep"}
        self.assertGreater(len(sleepers), 0)
        self.assertEqual({row["id"] for row in view["rows"] if row["reason"] == "sleep"}, sleepers)
        due = [row["due_ns"] for row in view["rows"]]
        self.assertEqual(due, sorted(due))
        self.assertEqual(sum(view["due"].values()), view["armed"])
        self.assertEqual(shown["selection"]["coroutine"], view["rows"][0]["id"])
        # Every deadline that woke somebody is told of, and nobody runs before he is woken.
        self.assertGreater(view["late_wake"]["samples"], 0)
        self.assertGreaterEqual(view["late_run"]["p99_ns"], view["late_wake"]["p50_ns"])

    def test_workers_show_their_counters_and_both_matrices(self):
        shown = self.window("workers", "click workers.page.2", "wait-for settled", at="end")
        view = shown["views"]["workers"]
        stat = self.printed("stat")
        self.assertEqual(view["workers"], stat["per_worker"])
        self.assertEqual(view["steals"]["total"], sum(row["steals"] for row in stat["per_worker"]))
        profile = harness.coroscope("profile", self.trace, "--json", check=0).json()
        self.assertEqual(view["wakes"]["total"], sum(row["count"] for row in profile["wakes"]))
        self.assertEqual(sum(cell["count"] for cell in view["wakes"]["cells"]), view["wakes"]["total"])
        clicked = self.window("workers", "click workers.page.2", "wait-for settled", "click workers.wakes.0.0", at=None)
        self.assertGreater(clicked["selection"]["coroutine"], 0)


if __name__ == "__main__":
    harness.main()
