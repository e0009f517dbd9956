"""What `coroscope profile` says of the demo agrees with itself and with `stat` of the same recording."""
import os
import unittest

import harness


class Profile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.path = os.path.join(cls.folder, "t.coro")
        cls.demo = harness.coroscope("record", "-o", cls.path, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, check=0, timeout=200).last_json()
        cls.stat = harness.coroscope("stat", cls.path, "--json", check=0).json()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def profile(self, *more):
        return harness.coroscope("profile", self.path, "--json", *more, check=0).json()

    def test_the_states_of_each_coroutine_add_up_to_its_life(self):
        rows = self.profile("--by", "coroutine", "--top", 0)["rows"]
        self.assertEqual(len(rows), self.demo["spawned"])
        for row in rows:
            parts = sum(row[f"{state}_ns"] for state in ("running", "ready", "blocked", "unknown"))
            self.assertAlmostEqual(parts, row["end_ns"] - row["begin_ns"], delta=10, msg=row["id"])
            self.assertAlmostEqual(sum(row["blocked_by_ns"].values()), row["blocked_ns"], delta=30)
            self.assertIn(row["end"], ("finished", "cancelled"))

    def test_its_counts_are_those_of_stat(self):
        for by in ("coroutine", "site", "worker", "channel"):
            profile = self.profile("--by", by, "--top", 0)
            events = {name: row["events"] for name, row in self.stat["events_by_type"].items()}
            totals = profile["totals"]
            self.assertEqual(totals["suspends"], events["suspend"])
            self.assertEqual(totals["wakes"], events["wake"])
            self.assertEqual(totals["exited"], self.demo["exited"])
            # The first coroutine was there, and perhaps ran, when the recorder looked first.
            self.assertIn(self.demo["spawned"] - totals["spawned"], (0, 1))
            self.assertIn(events["resume"] - totals["runs"], (0, 1))
            self.assertEqual(profile["events_without_cause"], 0)
            self.assertEqual(totals["unknown_ns"], 0)
            self.assertEqual(sum(totals["runs_by"].values()), totals["runs"])
            self.assertEqual(profile["alive_at_end"], [])

    def test_channels_and_workers_are_those_of_the_program(self):
        channels = {row["name"]: (row["sent"], row["received"]) for row in self.profile("--by", "channel", "--top", 0)["rows"]}
        for name, counts in self.demo["channels"].items():
            self.assertEqual(channels.get(name, (0, 0)), (counts["sent"], counts["received"]), name)
        profile = self.profile("--by", "worker")
        self.assertEqual(len(profile["rows"]), self.stat["workers"])
        for row in profile["rows"]:
            self.assertAlmostEqual(row["running_ns"] + row["idle_ns"] + row["scheduling_ns"], profile["duration_ns"], delta=10)
        self.assertEqual(sum(row["taken"] for row in profile["rows"]), sum(w["steals"] for w in self.stat["per_worker"]))

    def test_a_sort_orders_and_top_cuts(self):
        profile = self.profile("--by", "site", "--sort", "running", "--top", 3)
        running = [row["running_ns"] for row in profile["rows"]]
        self.assertEqual(running, sorted(running, reverse=True))
        self.assertEqual(len(running), 3)
        self.assertGreater(profile["rows_left_out"], 5)
        text = harness.coroscope("profile", self.path, check=0).out
        self.assertIn("swarm.cpp", text)
        self.assertIn("which runs after", text)

    def test_a_program_that_is_killed_has_those_who_never_ended_and_who_was_forgotten(self):
        path = os.path.join(self.folder, "deadlock.coro")
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 10, "--deadlock") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            with harness.started(harness.COROSCOPE, "record", "-o", path, "--pid", demo.pid) as recorder:
                harness.wait_until(lambda: harness.coroscope("waits", "--pid", demo.pid, "--json").code == 1, what="a deadlock")
                harness.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 10_000, what="a first look in the trace")
                demo.kill()
                recorder.communicate(timeout=30)
        alive = harness.coroscope("profile", path, "--json", check=0).json()["alive_at_end"]
        forgotten = [row for row in alive if row["stuck"]]
        self.assertTrue(forgotten, alive)
        self.assertIn("deadlock.cpp", forgotten[0]["site"])
        self.assertGreater(sum(row["count"] for row in alive), sum(row["stuck"] for row in alive))

    def test_wrong_words_end_in_one_sentence(self):
        harness.one_sentence(self, harness.coroscope("profile", self.path, "--by", "colour"), 2, "colour", "site")
        harness.one_sentence(self, harness.coroscope("profile", self.path, "--sort", "x"), 2, "'x'", "running")
        harness.one_sentence(self, harness.coroscope("profile", os.path.join(self.folder, "none.coro")), 3, "none.coro")


if __name__ == "__main__":
    harness.main()
