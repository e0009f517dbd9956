"""A deadlock made of channels is named; what merely looks like one is not."""
import os
import unittest

import harness


class Deadlock(unittest.TestCase):
    def waits(self, *arguments, code):
        with harness.started(harness.DEMO, "--seconds", 20, "--swarm", 100, *arguments) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")

            def look():
                ran = harness.coroscope("waits", "--pid", demo.pid, "--json")
                self.assertIn(ran.code, (0, 1), ran.err)
                return ran if ran.code == code and ran.json()["edges"] else None

            return harness.wait_until(look, what=f"waits ending with {code}").json()

    def test_the_deadlock_is_named_and_waits_exits_with_one(self):
        waits = self.waits("--deadlock", code=1)
        certain = [cycle for cycle in waits["cycles"] if cycle["certainty"] == "deadlock"]
        self.assertTrue(certain)
        self.assertGreaterEqual(len(certain[0]["ids"]), 2)

    def test_a_near_miss_is_not_reported(self):
        waits = self.waits("--near-miss", code=0)
        self.assertEqual([c for c in waits["cycles"] if c["certainty"] == "deadlock"], [])


if __name__ == "__main__":
    harness.main()
