"""Selects, steals, timers and who woke whom are seen from outside, in a file and in the window."""
import json
import os
import re
import unittest

import harness

CROSSROADS = os.path.join(harness.BIN, "crossroads")
PHILOSOPHERS = os.path.join(harness.BIN, "dining_philosophers")


def look(pid, *command, codes=(0,)):
    ran = harness.coroscope(*command, "--pid", pid, "--json")
    assert ran.code in codes, ran.err
    return ran.json()


def named(stacks, name):
    return next((c for c in stacks["coroutines"] if c["name"] == name), None)


class Selects(unittest.TestCase):
    def assert_knows_selects_and_workers(self, stat):
        for row in stat["selects"]:
            self.assertIn("crossroads.cpp:", row["site"])
        director = next(row for row in stat["selects"] if len(row["arms"]) == 3)
        self.assertEqual([arm["does"] for arm in director["arms"]], ["receive"] * 3)
        self.assertEqual([arm["luck"] for arm in director["arms"]], ["fires", "fires", "never ready"])
        timed = next(row for row in stat["selects"] if [arm["does"] for arm in row["arms"]] == ["receive", "timeout"])
        self.assertEqual(timed["parked"], 1)
        self.assertEqual([row["worker"] for row in stat["per_worker"]], [0, 1])
        stolen = {(row["worker"], int(victim)): count for row in stat["per_worker"] for victim, count in row["stolen_from"].items()}
        self.assertTrue(stolen, stat["per_worker"])
        self.assertTrue(all(thief != victim for thief, victim in stolen))
        self.assertEqual(sum(stolen.values()), sum(row["steals"] for row in stat["per_worker"]))
        self.assertEqual(sum(stolen.values()), sum(row["taken_by_others"] for row in stat["per_worker"]))

    def test_a_running_program_tells_its_selects_their_arms_its_workers_and_timers(self):
        with harness.started(CROSSROADS, "busy", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")

            def settled():
                stat = look(program.pid, "stat")
                busy = sum(row["steals"] for row in stat["per_worker"]) > 0 and len(stat["selects"]) == 3
                fired = any(len(row["arms"]) == 3 and min(row["arms"][0]["fired"], row["arms"][1]["fired"]) > 50 for row in stat["selects"])
                return stat if busy and fired and stat["timers"]["armed"] > 1000 else None

            stat = harness.wait_until(settled, what="selects that fired and coroutines that were stolen")
            self.assert_knows_selects_and_workers(stat)
            self.assertGreater(sum(row["timers"]["armed"] for row in stat["per_worker"]), 1000)
            self.assertTrue(any(row["timers"]["next_in_ns"] is not None for row in stat["per_worker"]))
            stacks = look(program.pid, "stacks")
            waiter = named(stacks, "waiter")
            self.assertEqual(waiter["arms"], [{"arm": 0, "does": "receive", "channel": "channel:orders"},
                                              {"arm": 1, "does": "send", "channel": "channel:bills"}])
            self.assertEqual(waiter["waits_on"], "select(channel:orders, channel:bills)")
            waits = look(program.pid, "waits", codes=(0,))
            edges = {(edge["to"], edge["kind"]) for edge in waits["edges"] if edge["from"] == waiter["id"]}
            self.assertEqual(edges, {("channel:orders", "select-receive"), ("channel:bills", "select-send")})
            text = harness.coroscope("stat", "--pid", program.pid, check=0).out
            self.assertIn("never ready", text)
            self.assertRegex(text, r"stole \d+ from worker [01]")

    def test_a_recording_tells_who_woke_whom_and_when_there_were_stacks(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "crossroads.coro")
            harness.coroscope("record", "-o", trace, "--", CROSSROADS, "busy", 2, check=0)
            ended = harness.coroscope("stacks", trace, check=0)
            moment = re.search(r"--at (\S+)", ended.err)
            self.assertTrue(moment, ended.err)
            hinted = harness.coroscope("stacks", trace, "--at", moment.group(1), "--json", check=0).json()
            self.assertTrue(hinted["coroutines"])
            stacks = harness.coroscope("stacks", trace, "--at", "1500ms", "--json", check=0).json()
            driver = named(stacks, "left driver")
            director = named(stacks, "director")
            self.assertEqual(driver["woken_by"]["id"], director["id"])
            self.assertIn(f"by director ({director['id']})", driver["woken_by"]["text"])
            self.assertEqual(named(stacks, "waiter")["arms"][1], {"arm": 1, "does": "send", "channel": "channel:bills"})
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            self.assert_knows_selects_and_workers(stat)
            for event in ("steal", "select-arm", "select-fire", "wake"):
                self.assertGreater(stat["events_by_type"][event]["events"], 0)

    def test_selects_that_wait_for_each_other_on_every_arm_are_a_deadlock_and_one_with_a_way_out_is_not(self):
        def assert_deadlock(waits):
            self.assertEqual(len(waits["cycles"]), 1, waits["cycles"])
            cycle = waits["cycles"][0]
            self.assertEqual((cycle["certainty"], cycle["by_select"]), ("deadlock", True))
            self.assertIn("channel:answer", cycle["ids"])
            self.assertRegex(cycle["sentence"], r"north \(\d+\) waits in a select to receive from channel:east, which only south \(\d+\) "
                                                r"can send to, or to receive from channel:west")
            self.assertNotIn("near miss", cycle["sentence"])
            self.assertEqual(waits["orphans"], [])

        with harness.started(CROSSROADS, "deadlock", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
            assert_deadlock(harness.wait_until(lambda: (lambda found: found if found["cycles"] else None)(
                look(program.pid, "waits", codes=(0, 1))), what="the deadlock"))
        with harness.folder() as folder:
            trace = os.path.join(folder, "deadlock.coro")
            harness.coroscope("record", "-o", trace, "--", CROSSROADS, "deadlock", 2, check=0)
            ran = harness.coroscope("waits", trace, "--at", "1500ms", "--json", check=1)
            assert_deadlock(ran.json())

    def test_philosophers_over_channels_are_one_ring_of_five(self):
        with harness.started(PHILOSOPHERS, "--deadlock", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the philosophers being attachable")
            waits = harness.wait_until(lambda: (lambda found: found if found["cycles"] else None)(
                look(program.pid, "waits", codes=(0, 1))), what="the deadlock")
        self.assertEqual(len(waits["cycles"]), 1)
        self.assertEqual({name for name in waits["cycles"][0]["ids"] if isinstance(name, str)}, {f"channel:fork {i}" for i in range(5)})

    def test_the_window_shows_workers_selects_and_the_arms_of_a_parked_one(self):
        with harness.started(CROSSROADS, "busy", 60) as program, harness.folder() as folder:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")
            waiter = harness.wait_until(lambda: named(look(program.pid, "stacks"), "waiter"), what="the waiter")
            script = os.path.join(folder, "script")
            dumps = [os.path.join(folder, f"{name}.json") for name in ("workers", "selects", "channel")]
            with open(script, "w") as file:
                file.write("\n".join([f"attach {program.pid}", "wait-for selects == 3", "wait-for steals > 0", "preset overview",
                                      f"select coroutine {waiter['id']}", "key 8", f"dump {dumps[0]}", "key 9", f"dump {dumps[1]}",
                                      "key o", "key o", f"dump {dumps[2]}", "quit"]) + "\n")
            harness.coroscope("--script", script, "--offscreen", check=0, env={"XDG_STATE_HOME": folder})
            shown = [json.load(open(path)) for path in dumps]
        self.assertEqual([row["worker"] for row in shown[0]["views"]["workers"]["workers"]], [0, 1])
        self.assertIn("workers.row.1", shown[0]["widgets"])
        self.assertIn("stack.arm.0", shown[0]["widgets"])
        self.assertIn("stack.arm.1", shown[0]["widgets"])
        self.assertEqual(len(shown[1]["views"]["selects"]["selects"]), 3)
        self.assertTrue([name for name in shown[1]["widgets"] if re.fullmatch(r"selects\.\d\.arm\.2", name)])
        self.assertEqual(shown[2]["selection"]["channel"], "channel:bills")


if __name__ == "__main__":
    harness.main()
