"""Locks are seen from outside, in a file and in the window: who holds them, who waits, and a deadlock of philosophers."""
import os
import unittest

import harness

PHILOSOPHERS = os.path.join(harness.BIN, "philosophers")


class Locks(unittest.TestCase):
    def look_at(self, program, *command, code, ready):
        """Runs coroscope COMMAND --pid ... until it ends with `code` and ready(json)."""
        def look():
            ran = harness.coroscope(*command, "--pid", program.pid, "--json")
            self.assertIn(ran.code, (0, 1), ran.err)
            return ran if ran.code == code and ready(ran.json()) else None

        return harness.wait_until(look, what=f"{command} ending with {code}").json()

    def test_philosophers_with_a_fork_each_are_a_deadlock_and_every_word_names_the_forks(self):
        with harness.started(PHILOSOPHERS, "deadlock", 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the philosophers being attachable")
            waits = self.look_at(program, "waits", code=1, ready=lambda found: found["cycles"])
            self.assertEqual(len(waits["cycles"]), 1)
            cycle = waits["cycles"][0]
            self.assertEqual(cycle["certainty"], "deadlock")
            self.assertEqual({name for name in cycle["ids"] if isinstance(name, str)}, {f"mutex:fork {i}" for i in range(5)})
            self.assertRegex(cycle["sentence"], r"philosopher \(\d+\) waits for mutex:fork \d, which philosopher \(\d+\) holds")
            stacks = self.look_at(program, "stacks", code=0, ready=lambda found: True)
            awaited = sorted(c["waits_on"] for c in stacks["coroutines"] if (c["waits_on"] or "").startswith("mutex:"))
            self.assertEqual(awaited, [f"mutex:fork {i}" for i in range(5)])
            stat = self.look_at(program, "stat", code=0, ready=lambda found: True)
            forks = [row for row in stat["waitables"] if row["name"].startswith("fork ")]
            self.assertEqual(len(forks), 5)
            for fork in forks:
                self.assertEqual((fork["kind"], fork["waiting"]), ("mutex", 1))
                self.assertRegex(fork["holder"], r"philosopher \(\d+\)")
                self.assertIn("philosophers.cpp:", fork["site"])

    def test_a_recording_of_philosophers_who_eat_has_no_cycle_and_knows_every_object(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "dinner.coro")
            ran = harness.coroscope("record", "-o", trace, "--", PHILOSOPHERS, "mended", 2, check=0)
            stat = harness.coroscope("stat", trace, "--json", check=0).json()
            for event in ("lock-acquire", "lock-release", "notify", "waitable-create", "waitable-destroy"):
                self.assertGreater(stat["events_by_type"][event]["events"], 0, ran.out)
            self.assertEqual(stat["lost"], 0)
            waits = harness.coroscope("waits", trace, "--json", check=0).json()
            self.assertEqual(waits["cycles"], [])


if __name__ == "__main__":
    harness.main()
