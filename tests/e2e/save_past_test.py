"""Ctrl+S in the window: what a live session keeps of the past becomes a trace file like any other."""
import json
import os
import re
import unittest

import harness


class SavePast(unittest.TestCase):
    def window(self, folder, *arguments, lines):
        path = os.path.join(folder, "script")
        with open(path, "w") as file:
            file.write("\n".join([*lines, "quit", ""]))
        harness.coroscope(*arguments[:1], "--offscreen", "--script", path, *arguments[1:], check=0, cwd=folder)

    def dumped(self, folder, name):
        with open(os.path.join(folder, name)) as file:
            return json.load(file)

    def demo(self):
        demo = harness.started(harness.DEMO, "--seconds", 60, "--swarm", 200)
        process = demo.__enter__()
        self.addCleanup(demo.__exit__, None, None, None)
        harness.wait_until(lambda: harness.attachable(process.pid), what="the demo being attachable")
        return process

    def test_what_was_kept_is_a_trace_and_nothing_is_overwritten(self):
        demo = self.demo()
        with harness.folder() as folder:
            self.window(folder, "attach", "--events", "always", str(demo.pid), lines=[
                "wait-for events > 20000", "key ctrl+s", f"dump {folder}/first.json", "key ctrl+s", f"dump {folder}/second.json"])
            names = [f"demo-{demo.pid}.coro", f"demo-{demo.pid}-2.coro"]
            for name, dump in zip(names, ("first.json", "second.json")):
                path = os.path.join(os.path.realpath(folder), name)
                dumped = self.dumped(folder, dump)
                said = re.fullmatch(re.escape(path) + r" holds the last ([0-9.]+) s: (.+) events, (none|.+) lost, ([0-9.]+) MB", dumped["said"])
                self.assertIsNotNone(said, (dumped["said"], dumped["facts"]["notice"]))
                stat = harness.coroscope("stat", path, "--json", check=0).json()
                self.assertGreater(stat["events"], 10000)  # what is kept begins with the first look
                for type_name, row in stat["events_by_type"].items():
                    self.assertEqual(row["events"] + row["lost"], row["emitted"], type_name)
                self.assertIn("saved from the window", stat["ended"])
                self.assertGreater(len(harness.coroscope("stacks", path, "--json", check=0).json()["coroutines"]), 200)
            self.assertIsNone(demo.poll())

    def test_where_nothing_is_kept_it_says_how_to_have_it(self):
        demo = self.demo()
        with harness.folder() as folder:
            self.window(folder, "attach", "--events", "never", str(demo.pid), lines=["wait-for coroutines > 200", "key ctrl+s", f"dump {folder}/it.json"])
            notice = self.dumped(folder, "it.json")["facts"]["notice"]
            self.assertIn("There is no past to save yet", notice)
            self.assertEqual([name for name in os.listdir(folder) if name.endswith(".coro")], [])

    def test_a_trace_is_a_file_already(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 200, check=0)
            self.window(folder, "replay", trace, lines=["wait-for coroutines > 200", "key ctrl+s", f"dump {folder}/it.json"])
            self.assertIn("in a file already", self.dumped(folder, "it.json")["facts"]["notice"])
            self.assertEqual([name for name in os.listdir(folder) if name.endswith(".coro")], ["run.coro"])


if __name__ == "__main__":
    harness.main()
