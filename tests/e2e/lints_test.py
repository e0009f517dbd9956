"""What is wrong with a program is found, in a running one, in a file and in the window; what nearly is wrong is not."""
import json
import os
import re
import unittest

import harness

TROUBLES = os.path.join(harness.BIN, "troubles")


class Lints(unittest.TestCase):
    def found(self, program, *more):
        ran = harness.coroscope("lint", "--pid", program.pid, "--json", *more)
        self.assertIn(ran.code, (0, 1), ran.err)
        self.assertEqual(ran.code, 1 if ran.json()["lints"] else 0)
        return ran.json()

    def rules(self, report):
        return [lint["rule"] for lint in report["lints"]]

    def trouble(self, which, rule):
        """Waits until `rule` is found in the program that has the trouble; returns its finding."""
        with harness.started(TROUBLES, which, 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")

            def look():
                report = self.found(program)
                return report if rule in self.rules(report) else None

            report = harness.wait_until(look, seconds=40, what=f"{which} being found")
        self.assertEqual(self.rules(report), [rule])
        return report["lints"][0]

    def near_miss(self, which):
        with harness.started(TROUBLES, which, 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
            harness.wait_until(lambda: harness.coroscope("stat", "--pid", program.pid, "--json", check=0).json()["totals"]["spawned"] > 1,
                               what="its coroutines")
            for _ in range(2):
                self.assertEqual(self.rules(self.found(program)), [], which)

    def test_coroutines_that_wait_for_themselves_are_leaked(self):
        finding = self.trouble("leak", "leaked-coroutine")
        self.assertEqual(finding["count"], 3)
        self.assertIn("3 coroutines spawned at troubles.cpp:", finding["sentence"])
        self.assertIn("channel:own", [piece["text"] for piece in finding["evidence"]])
        self.near_miss("leak-near")

    def test_one_that_never_yields_beside_one_that_is_ready_is_named(self):
        finding = self.trouble("hog", "never-yields")
        self.assertRegex(finding["sentence"], r"^hog \(\d+\), spawned at troubles.cpp:\d+, has kept worker 0 for [\d.]+ m?s without a scheduling point")
        self.assertTrue(any(piece["text"].startswith("patient (") for piece in finding["evidence"]))
        self.near_miss("hog-near")

    def test_a_lock_held_by_a_sleeper_is_named_with_who_wants_it(self):
        finding = self.trouble("lock", "lock-held-while-parked")
        self.assertRegex(finding["sentence"], r"^holder \(\d+\) holds mutex:ledger and has been parked for .* \(asleep\), while 1 coroutine waits")
        self.near_miss("lock-near")

    def test_a_channel_that_nobody_empties_is_named(self):
        finding = self.trouble("full", "channel-full")
        self.assertRegex(finding["sentence"], r"^nobody has received from channel:pipe for .*: its 2 places are full, and 1 coroutine waits to send$")
        self.near_miss("full-near")

    def test_a_lock_of_one_who_has_ended_is_named(self):
        finding = self.trouble("ended", "lock-of-the-ended")
        self.assertRegex(finding["sentence"], r"^mutex:ledger is still locked by coroutine \d+, which has ended, and 1 coroutine waits for it$")

    def test_whoever_waits_behind_those_that_wait_for_each_other_is_named(self):
        with harness.started(TROUBLES, "orphan", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")

            def look():
                report = self.found(program)
                return report if "orphan-wait" in self.rules(report) else None

            report = harness.wait_until(look, seconds=40, what="the orphan being found")
        self.assertEqual(sorted(self.rules(report)), ["deadlock", "orphan-wait"])
        orphan = [lint for lint in report["lints"] if lint["rule"] == "orphan-wait"][0]
        self.assertRegex(orphan["sentence"], r"^behind \(\d+\), spawned at troubles.cpp:\d+, waits for stuck \(\d+\) to end, and nobody")
        with harness.started(TROUBLES, "orphan-near", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
            harness.wait_until(lambda: "deadlock" in self.rules(self.found(program)), seconds=40, what="the deadlock beside it")
            self.assertEqual(self.rules(self.found(program)), ["deadlock"])

    def test_a_worker_that_sleeps_beside_work_bound_to_another_is_named(self):
        finding = self.trouble("idle", "idle-worker")
        self.assertRegex(finding["sentence"], r"^worker 1 slept for .*, while \d+ coroutines and more that are bound to worker 0 stood in line for it$")
        self.near_miss("idle-near")

    def test_a_spawn_that_waits_for_a_slot_is_named_with_its_pool(self):
        finding = self.trouble("pool", "pool-full")
        self.assertRegex(finding["sentence"], r"^1 spawn has waited for .* for a slot of the class small, of which 4 are used$")
        self.assertIn("small", [piece["text"] for piece in finding["evidence"]])
        self.near_miss("pool-near")

    def test_arms_that_are_always_ready_and_drawn_by_chance_do_not_starve(self):
        self.near_miss("arms-near")

    def test_mutes_take_findings_out_and_the_exit_code_with_them(self):
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 50, "--deadlock") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")

            def look():
                report = self.found(demo, "--apart", "100ms")
                return report if "deadlock" in self.rules(report) else None

            report = harness.wait_until(look, what="the deadlock")
            key = report["lints"][0]["key"]
            self.assertEqual(key, "deadlock channel:to left, channel:to right, deadlock.cpp:34, deadlock.cpp:37")
            for mute in ("deadlock", key):
                quiet = self.found(demo, "--apart", "100ms", "--mute", mute)
                self.assertEqual((self.rules(quiet), quiet["muted"]), ([], 1))

    def test_the_demo_has_nothing_and_says_how_much_was_looked_at(self):
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 50, "--near-miss") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            report = self.found(demo)
            self.assertEqual(self.rules(report), [])
            self.assertGreater(report["coroutines"], 50)

    def test_a_mistake_in_the_line_is_one_sentence(self):
        harness.one_sentence(self, harness.coroscope("lint"), 2, "lint needs either a trace or a running program")
        harness.one_sentence(self, harness.coroscope("lint", "nowhere.coro"), 3, "nowhere.coro")


class LintsOfATrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "t.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 3, "--swarm", 300, "--deadlock", check=0, timeout=200)
        cls.report = harness.coroscope("lint", cls.trace, "--json", check=1).json()

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def script(self, *lines, size="1280x800"):
        path = os.path.join(self.folder, "lints.script")
        with open(path, "w") as file:
            file.write("\n".join([*lines, "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", size, "--script", path, check=0, timeout=180)

    def dumped(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return json.load(file)

    def test_the_file_has_the_deadlock_and_was_looked_at_whole(self):
        self.assertIn("deadlock", [lint["rule"] for lint in self.report["lints"]])
        self.assertTrue(self.report["whole_past"])
        self.assertEqual(self.report["blind"], [])

    def test_before_there_were_coroutines_there_was_nothing(self):
        refused = harness.coroscope("lint", self.trace, "--at", "0ms", check=2)
        begin_ms = float(re.search(r"covers ([0-9.]+)ms", refused.err)[1])
        early = harness.coroscope("lint", self.trace, "--at", f"{begin_ms + 0.001:.3f}ms", "--json")
        self.assertEqual([lint["rule"] for lint in early.json()["lints"] if lint["severity"] == "error"], [])

    def test_a_slice_that_kept_others_waiting_is_found_afterwards(self):
        trace = os.path.join(self.folder, "hog.coro")
        harness.coroscope("record", "-o", trace, "--", TROUBLES, "hog", 1, check=0)
        report = harness.coroscope("lint", trace, "--json", check=1).json()
        hogs = [lint for lint in report["lints"] if lint["rule"] == "never-yields"]
        self.assertEqual(len(hogs), 1, report)
        self.assertRegex(hogs[0]["about"], r"^troubles.cpp:\d+$")

    def test_the_view_shows_what_the_command_line_prints(self):
        path = os.path.join(self.folder, "all.json")
        self.script("wait-for moment", "view lints", "wait-for settled", f"dump {path}")
        shown = self.dumped("all.json")["views"]["lints"]
        keys = [lint["key"] for lint in self.report["lints"]]
        self.assertEqual([lint["key"] for lint in shown["lints"]], keys)
        self.assertEqual(shown["lints"][0]["sentence"], self.report["lints"][0]["sentence"])

    def test_a_click_on_evidence_selects_it_and_a_key_mutes_the_finding_and_brings_it_back(self):
        names = ("first", "second", "third", "fourth")
        first, second, third, fourth = (os.path.join(self.folder, f"{name}.json") for name in names)
        finding = self.report["lints"][0]
        who = [piece["id"] for piece in finding["evidence"] if piece["kind"] == "coroutine"]
        self.script("wait-for moment", "view lints", "wait-for settled", "click lints.0", f"dump {first}", "click lints.0.1", f"dump {second}",
                    "key alt+m", f"dump {third}", "key alt+m", f"dump {fourth}")
        self.assertEqual(self.dumped("first.json")["selection"]["coroutine"], who[0])
        self.assertEqual(self.dumped("second.json")["selection"]["channel"], finding["evidence"][1]["text"])
        shown = self.dumped("third.json")["views"]["lints"]
        self.assertEqual([lint["key"] for lint in shown["muted_lints"]], [finding["key"]])
        self.assertNotIn(finding["key"], [lint["key"] for lint in shown["lints"]])
        self.assertEqual([lint["key"] for lint in self.dumped("fourth.json")["views"]["lints"]["lints"]],
                         [lint["key"] for lint in self.report["lints"]])


if __name__ == "__main__":
    harness.main()
