"""What stat and stacks say about pools and stacks, against what the program itself counts: slots of a MicroPool, guards, growth, trims."""
import json
import os
import unittest

import harness

PROGRAM = os.path.join(harness.BIN, "stack_pools")


def pool(stat, size_class, purpose="ordinary"):
    return next(p for p in stat["pools"] if (p["class"], p["purpose"]) == (size_class, purpose))


class StackPools(unittest.TestCase):
    def look(self, *words):
        """The program's own line, and what a viewer says while it stands still."""
        with harness.started(PROGRAM, stdin=harness.subprocess.PIPE) as program:
            own = json.loads(program.stdout.readline())
            return own, [harness.coroscope(word, "--pid", program.pid, "--json", check=0).json() for word in words]

    def test_a_micro_pool_shows_the_slots_it_has(self):
        _, (stat,) = self.look("stat")
        local = pool(stat, "micro", "local")
        self.assertEqual((local["slots"], local["used"], local["guards"]), (5, 3, "canaries"))

    def test_guards_are_counted_as_the_program_counts_them(self):
        own, (stat,) = self.look("stat")
        # Sites whose stacks have grown get a wider window in a pool of its own, which the program counts with the class.
        counted = [p for p in stat["pools"] if p["class"] == "medium" and p["purpose"] in ("ordinary", "wide")]
        self.assertEqual(sum(p["slots"] for p in counted), own["medium_slots"])
        self.assertEqual(sum(p["guarded_slots"] for p in counted), own["medium_guarded"])
        for p in counted:
            if p["slots"] == 0:
                self.assertIsNone(p["guards"], "there is nothing to say of")
            elif p["guarded_slots"] == p["slots"]:
                self.assertEqual(p["guards"], "all guarded")
            else:
                self.assertEqual(p["guards"], f"{p['guarded_slots']} of {p['slots']} guarded")

    def test_a_stack_that_grew_in_place_says_so_apart_from_its_class(self):
        _, (stat, stacks) = self.look("stat", "stacks")
        deep = [c for c in stacks["coroutines"] if c["name"] == "deep"]
        self.assertEqual([(c["class"], c["grown_in_place"], c["segments"]) for c in deep], [("medium", True, [])])
        self.assertEqual(pool(stat, "medium")["grown_in_place"], 1)
        site = next(s for s in stacks["sites"] if s["site"] == deep[0]["site"])
        self.assertGreater(site["high_water_bytes"], 30 << 10)
        self.assertEqual(site["class"], "medium")

    def test_memory_given_back_reaches_the_viewer_by_event_and_by_count(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", trace, "--", PROGRAM, input="\n", check=0)
            own = next(json.loads(line) for line in ran.out.splitlines() if line.startswith('{"trimmed'))
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            self.assertGreater(own["trimmed_bytes"], 1000 * 4096)
            self.assertEqual(sum(p["trimmed_bytes"] for p in stat["pools"]), own["trimmed_bytes"])
            # One event a slab that gave something back: 2,000 stacks lay on four of them at least.
            self.assertGreaterEqual(stat["events_by_type"]["pool-trim"]["events"], 4)
            self.assertEqual(stat["events_by_type"]["pool-trim"]["lost"], 0)
            text = harness.coroscope("stat", trace, check=0).out
            self.assertIn(str(pool(stat, "medium")["trimmed_bytes"]), text)

    def test_the_migration_and_who_wanted_the_room_are_in_the_trace(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", trace, "--", PROGRAM, input="\n", check=0)
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            grown = [s for s in stat["sites"] if s["migrations"]["in_place"]]
            self.assertEqual(len(grown), 1, stat["sites"])
            self.assertEqual(grown[0]["name"], "deep")
            self.assertEqual(grown[0]["migrations"], {"in_place": 1, "segments": 0, "wishes": 0})
            self.assertEqual((grown[0]["last"]["form"], grown[0]["last"]["from"]), ("in-place", "medium"))
            self.assertIn("wait_deep_down", grown[0]["last"]["function"])
            self.assertGreater(grown[0]["last"]["bytes"], 0)


if __name__ == "__main__":
    harness.main()
