"""The window around the views: panels dragged, a filter for all views, bookmarks beside a trace, what is remembered from one start to the next."""
import json
import os
import shutil
import unittest

import harness


class Shell(unittest.TestCase):
    def setUp(self):
        context = harness.folder()
        self.folder = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.trace = self.path("demo.coro")
        harness.coroscope("record", "-o", self.trace, "--", os.path.join(harness.BIN, "demo"), "--seconds", "2", "--swarm", "300", check=0)

    def path(self, name):
        return os.path.join(self.folder, name)

    def look(self, *lines, display=False, size="1280x800"):
        """Runs a script on the trace and returns the dump of what it left."""
        script = self.path("window.script")
        with open(script, "w") as file:
            file.write("\n".join(["wait-for moment", *lines, f"dump {self.path('dump.json')}", "quit"]) + "\n")
        command = [harness.COROSCOPE, "replay", self.trace, "--script", script, "--size", size]
        if display:
            command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24 -noreset", *command]
        else:
            command.append("--offscreen")
        harness.run(*command, check=0, timeout=180, cwd=self.folder, env={"XDG_STATE_HOME": self.folder})
        with open(self.path("dump.json")) as file:
            return json.load(file)

    def test_one_filter_is_that_of_the_table_the_pools_and_the_waits(self):
        shown = self.look("time 1s", "wait-for time_ns == 1000000000", "key ctrl+p", "type member", "wait-for settled", "key up", "key enter",
                          "wait-for matching > 0", "preset waits", "wait-for settled")
        rows = shown["views"]["coroutines"]["rows"]
        self.assertEqual(shown["facts"]["filter"], "member")
        self.assertEqual(len(rows), shown["facts"]["matching"])
        self.assertTrue(all("member" in f"{row['name']} {row['site']}" for row in rows), rows[:3])
        printed = harness.coroscope("waits", self.trace, "--at", "1s", "--json").json()
        waiting = {str(edge["from"]) for edge in printed["edges"] if edge["kind"] != "sleep" and edge["to"]}
        self.assertEqual(shown["views"]["waits"]["waiting"], len(waiting & {str(row["id"]) for row in rows}))

    def test_bookmarks_survive_and_leave_the_trace_as_it_was(self):
        with open(self.trace, "rb") as file:
            before = file.read()
        self.look("time 500ms", "wait-for time_ns == 500000000", "key shift+b", "type here it begins", "key enter", "wait-for bookmarks == 1")
        with open(self.trace, "rb") as file:
            self.assertEqual(file.read(), before)
        again = self.look("wait-for bookmarks == 1", "time 1s", "wait-for time_ns == 1000000000", "key alt+,", "wait-for time_ns == 500000000",
                          "view notes")
        self.assertEqual(again["views"]["notes"]["bookmarks"], [{"time_ns": 500000000, "coroutine": 0, "note": "here it begins"}])
        with open(self.trace + ".notes") as file:
            self.assertEqual(json.load(file)["bookmarks"][0]["note"], "here it begins")

    def test_damaged_notes_are_a_sentence_and_the_trace_opens(self):
        with open(self.trace + ".notes", "w") as file:
            file.write("{")
        shown = self.look("wait-for coroutines > 0")
        self.assertIn("are damaged", shown["facts"]["notice"])

    def test_f12_writes_a_picture_and_says_where(self):
        shown = self.look("wait-for settled", "key f12")
        self.assertIn("coroscope-1.png", shown["said"])
        self.assertGreater(os.path.getsize(self.path("coroscope-1.png")), 10_000)

    @unittest.skipUnless(shutil.which("xvfb-run"), "needs xvfb")
    def test_what_was_dragged_is_there_at_the_next_start(self):
        dragged = self.look("preset memory", "drag tab.sizes view.pools below", "key ctrl+=", display=True, size="1400x900")
        self.assertIn("v(50,t(pools),t(sizes))", dragged["layout"])
        again = self.look("view settings", display=True, size="1400x900")
        self.assertIn("v(50,t(pools),t(sizes))", again["layout"])
        self.assertEqual(again["preset"], "memory")
        self.assertAlmostEqual(again["views"]["settings"]["zoom"], 1.1, places=3)


if __name__ == "__main__":
    harness.main()
