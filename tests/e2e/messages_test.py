"""What a program says itself, in the window: the same messages, notes, zones and counters that `query` and the tables show."""
import json
import os
import unittest

import harness


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "t.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 300, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def query(self, rule, *more):
        return harness.coroscope("query", self.trace, rule, "--limit", 1000000, "--json", *more, check=0).json()["events"]

    def script(self, *lines, size="1280x800", word=None):
        path = os.path.join(self.folder, "messages.script")
        with open(path, "w") as file:
            file.write("\n".join([*lines, "quit"]) + "\n")
        command = word if word is not None else ["replay", self.trace]
        harness.coroscope(*command, "--offscreen", "--size", size, "--script", path, check=0, timeout=180)

    def dumped(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return json.load(file)

    def said_by(self, t_ns):
        """Texts up to a time, pieces joined, as (id, kind, text)."""
        texts, whole = [], True
        for event in self.query("message or note", "--to", f"{t_ns}ns"):
            piece = event["detail"]
            begun = [event["id"], event["event"], ""] if whole else texts.pop()
            whole = not piece.endswith("…")
            begun[2] += piece if whole else piece[:-1]
            texts.append(begun)
        return texts

    def test_the_view_lists_what_was_said_up_to_the_moment_and_counters_as_they_were(self):
        path = os.path.join(self.folder, "all.json")
        self.script("wait-for moment", "time 1000ms", "wait-for time_ns == 1000000000", "view messages", f"dump {path}")
        shown = self.dumped("all.json")["views"]["messages"]
        self.assertTrue(shown["past"])
        self.assertFalse(shown["more_before"])
        texts = self.said_by(1_000_000_000)
        self.assertGreater(len(texts), 5)
        rows = [[row["id"], row["kind"], row["text"]] for row in shown["rows"][:shown["until_now"]]]
        self.assertEqual(sorted(rows), sorted(texts))
        self.assertGreater(len(shown["rows"]), shown["until_now"])
        told = self.query("counter", "--to", "1000000000ns")
        self.assertEqual(f"{shown['counters'][0]['name']} = {shown['counters'][0]['value']}", told[-1]["detail"])

    def test_a_click_selects_who_said_it_and_goes_to_when(self):
        before, after = os.path.join(self.folder, "before.json"), os.path.join(self.folder, "after.json")
        shown = ["wait-for moment", "time 1000ms", "wait-for time_ns == 1000000000", "view messages", "wait-for settled", f"dump {before}"]
        self.script(*shown)
        table = self.dumped("before.json")["views"]["messages"]
        number = table["until_now"] - 2
        row = table["rows"][number]
        self.script(*shown, f"click messages.row.{number}", f"wait-for time_ns == {row['t_ns']}", f"dump {after}")
        dump = self.dumped("after.json")
        self.assertEqual(dump["selection"]["coroutine"], row["id"])
        self.assertEqual(dump["views"]["messages"]["until_now"], number + 1)
        says = dump["selection"]["says"]
        self.assertEqual(says["messages" if row["kind"] == "message" else "notes"][-1]["text"], row["text"])

    def test_words_filter_the_messages(self):
        path = os.path.join(self.folder, "filtered.json")
        self.script("wait-for moment", "view messages", "click messages.filter", "type deal", "wait-for settled", f"dump {path}")
        shown = self.dumped("filtered.json")["views"]["messages"]
        self.assertGreater(len(shown["rows"]), 2)
        self.assertTrue(all(row["text"].startswith("deal: ") for row in shown["rows"]))

    def test_a_coroutine_is_in_the_zones_that_it_has_not_left(self):
        # Between its begin and the end that follows it in the same coroutine.
        zones = self.query("zone-begin or zone-end")
        begin = next(i for i, event in enumerate(zones) if event["event"] == "zone-begin" and event["t_ns"] > 500_000_000)
        who, name = zones[begin]["id"], zones[begin]["detail"]
        path = os.path.join(self.folder, "zones.json")
        self.script("wait-for moment", f"time {zones[begin]['t_ns'] + 1}ns", f"wait-for time_ns == {zones[begin]['t_ns'] + 1}",
                    f"select coroutine {who}", "view stack", f"dump {path}")
        says = self.dumped("zones.json")["selection"]["says"]
        self.assertTrue(says["complete"])
        open_zones = []
        for event in zones[:begin + 1]:
            if event["id"] == who:
                if event["event"] == "zone-begin":
                    open_zones.append(event["detail"])
                else:
                    open_zones.pop()
        self.assertEqual([zone["name"] for zone in says["zones"]], open_zones)
        self.assertEqual(says["zones"][-1]["name"], name)

    def test_without_a_past_the_view_says_how_to_get_one(self):
        path = os.path.join(self.folder, "live.json")
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 100) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            self.script(f"attach {demo.pid}", "wait-for coroutines > 0", "view messages", f"dump {path}", word=[])
        self.assertIn("past", self.dumped("live.json")["views"]["messages"])


if __name__ == "__main__":
    harness.main()
