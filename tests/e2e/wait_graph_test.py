"""The wait graph of five hundred nodes that do not look alike: all of it drawn, by known numbers, and what mouse and keys do to it."""
import json
import os
import unittest

import harness

PAIRS, CROWD = 200, 99


class WaitGraph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "room.coro")
        harness.coroscope("record", "-o", cls.trace, "--", os.path.join(harness.BIN, "waiting_room"), PAIRS, CROWD, 2, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def script(self, *lines, size="1280x800"):
        """Runs the lines on the trace, the wait graph alone in the window; what the last `dump` wrote."""
        path, dump = os.path.join(self.folder, "waits.script"), os.path.join(self.folder, "dump.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "time 1s", "wait-for settled", "view waits", "key m", "wait-for settled", *lines,
                                  f"dump {dump}", "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", size, "--script", path, check=0, timeout=240)
        with open(dump) as file:
            return json.load(file)

    def test_all_five_hundred_are_drawn_and_those_at_one_desk_stand_in_a_block(self):
        dump = self.script()
        waits = dump["views"]["waits"]
        self.assertEqual(waits["waiting"], PAIRS + CROWD)
        self.assertEqual(waits["hidden_nodes"], 0)
        kinds = [node["kind"] for node in waits["nodes"]]
        self.assertEqual(kinds.count("channel"), PAIRS + 1)
        self.assertEqual(kinds.count("coroutines"), PAIRS + CROWD + 1, "who could wake them is there, too")
        self.assertEqual([node["count"] for node in waits["nodes"] if node["kind"] == "coroutines"], [1] * (PAIRS + CROWD + 1))
        told = harness.coroscope("waits", self.trace, "--at", "1s", "--json", check=0).json()
        self.assertEqual(len([edge for edge in told["edges"] if edge["kind"] != "sleep"]), len([link for link in waits["links"] if not link["could_wake"]]))
        picture = waits["picture"]
        self.assertEqual(picture["blocks"], 1)
        many = [stroke for stroke in picture["strokes"] if stroke["links"] > 1]
        self.assertEqual([(stroke["count"], stroke["kind"], stroke["could_wake"]) for stroke in many], [(CROWD, "receive", False)])
        self.assertEqual(picture["far"], PAIRS + 1, "one sender has all the doors")
        self.assertEqual(len(picture["strokes"]), 2 * (PAIRS + 1))
        # All of it is on the screen.
        self.assertEqual({name for name in dump["widgets"] if name.startswith("waits.node.")}, {f"waits.node.{i}" for i in range(len(kinds))})

    def test_a_click_selects_and_f_shows_all_of_it_again(self):
        fitted = self.script()
        nodes = fitted["views"]["waits"]["nodes"]
        guest = next(i for i, node in enumerate(nodes) if node["title"] == "guest 7")
        chosen = self.script(f"click waits.node.{guest}", "wait-for settled")
        self.assertEqual(chosen["selection"]["coroutine"], nodes[guest]["first"])
        closer = self.script(f"wheel waits.node.{guest} 12 ctrl", "wait-for settled")
        # Twelve notches of 15 per cent; what is not on the screen any more is not offered.
        self.assertAlmostEqual(closer["views"]["waits"]["zoom"], fitted["views"]["waits"]["zoom"] * 1.15 ** 12, delta=0.01)
        in_sight = [name for name in closer["widgets"] if name.startswith("waits.node.")]
        self.assertIn(f"waits.node.{guest}", in_sight)
        self.assertLess(len(in_sight), len(nodes) / 2)
        back = self.script(f"wheel waits.node.{guest} 12 ctrl", "wait-for settled", "key f", "wait-for settled")
        self.assertAlmostEqual(back["views"]["waits"]["zoom"], fitted["views"]["waits"]["zoom"], delta=1e-4)

    def test_a_desk_that_is_chosen_shows_who_could_wake_it(self):
        nodes = self.script()["views"]["waits"]["nodes"]
        desk = next(i for i, node in enumerate(nodes) if node["title"] == "desk")
        chosen = self.script(f"click waits.node.{desk}", "wait-for settled")
        self.assertEqual(chosen["selection"]["channel"], "channel:desk")
        self.assertTrue(chosen["views"]["waits"]["nodes"][desk]["selected"])
        self.assertEqual(chosen["views"]["waits"]["picture"]["blocks"], 1, "the crowd stays together")


if __name__ == "__main__":
    harness.main()
