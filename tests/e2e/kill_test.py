"""kill -9 of either side leaves the other well."""
import os
import random
import signal
import subprocess
import time
import unittest

import harness

BUSY = os.path.join(harness.BIN, "busy_bodies")


class Kill(unittest.TestCase):
    def test_target_killed_while_recorded_leaves_a_trace_that_opens(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with harness.started(harness.DEMO, "--seconds", 20, "--swarm", 2000) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                with harness.started(harness.COROSCOPE, "record", "-o", path, "--pid", demo.pid) as recorder:
                    harness.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 200_000, what="the trace growing")
                    demo.kill()
                    self.assertEqual(recorder.wait(timeout=20), 0)
            stat = harness.coroscope("stat", path, "--json", check=0).json()
            self.assertGreater(stat["events"], 1000)
            for name, row in stat["events_by_type"].items():
                self.assertEqual(row["events"] + row["lost"], row["emitted"], name)

    def test_recorder_killed_leaves_the_target_running_and_a_trace_that_opens(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            with harness.started(harness.DEMO, "--seconds", 6, "--swarm", 2000) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                with harness.started(harness.COROSCOPE, "record", "-o", path, "--pid", demo.pid) as recorder:
                    harness.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 200_000, what="the trace growing")
                    recorder.kill()
                    recorder.wait()
                stat = harness.coroscope("stat", path, "--json", check=0).json()
                self.assertGreater(stat["events"], 1000)
                # It can be attached to again at once, and ends by itself as if nothing had been.
                live = harness.coroscope("stat", "--pid", demo.pid, "--json", check=0).json()
                self.assertGreater(live["totals"]["spawned"], 2000)
                out, _ = demo.communicate(timeout=60)
                self.assertEqual(demo.returncode, 0)
                totals = harness.json.loads(out.strip().splitlines()[-1])
                self.assertEqual(totals["spawned"], totals["exited"])

    def test_recorder_killed_at_any_moment_leaves_a_trace_whose_counts_add_up(self):
        draw = random.Random(int(os.environ.get("KILL_SEED", "4711")))
        with harness.folder() as folder, harness.started(BUSY, 50, 0, 120, stdin=subprocess.DEVNULL) as busy:
            harness.wait_until(lambda: harness.attachable(busy.pid), what="the program being attachable")
            for turn in range(12):
                path = os.path.join(folder, f"{turn}.coro")
                with harness.started(harness.COROSCOPE, "record", "-o", path, "--keyframe-ms", 20, "--pid", busy.pid) as recorder:
                    at_least = draw.randrange(20_000, 15_000_000)
                    harness.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > at_least, what="the trace growing")
                    # Without a look at the program there is nothing yet to open, however many events came before it.
                    harness.wait_until(lambda: harness.run(harness.COROSCOPE, "stat", path, check=None).code == 0, what="a first look")
                    recorder.kill()
                    recorder.wait()
                ran = harness.coroscope("stat", path, "--json", check=0)
                stat = ran.json()
                self.assertIn("cut short", stat["ended"], f"turn {turn}")
                self.assertIsNone(stat["recording"]["cpu_share"])
                for name, row in stat["events_by_type"].items():
                    self.assertEqual(row["events"] + row["lost"], row["emitted"], f"turn {turn}: {name}")
                counted = harness.coroscope("query", path, "resume", "--count", "--json", check=0).json()["matched"]
                self.assertEqual(counted, stat["events_by_type"]["resume"]["events"], f"turn {turn}")
                os.unlink(path)
            self.assertIsNone(busy.poll())

    def test_target_that_kills_itself_after_its_totals_is_accounted_for(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            ran = harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, "--kill-self", timeout=60)
            demo = ran.last_json()
            stat = harness.coroscope("stat", path, "--json", check=0).json()
            self.assertEqual(stat["totals"]["spawned"], demo["spawned"])
            for name, row in stat["events_by_type"].items():
                self.assertEqual(row["events"] + row["lost"], row["emitted"], name)

    def test_a_truncated_trace_opens_up_to_its_last_whole_chunk(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, check=0)
            whole = harness.coroscope("stat", path, "--json", check=0).json()
            size = os.path.getsize(path)
            for part in (0.9, 0.6, 0.35):
                with open(path, "r+b") as file:
                    file.truncate(int(size * part))
                cut = harness.coroscope("stat", path, "--json", check=0).json()
                self.assertLess(cut["events"], whole["events"])
                self.assertGreater(cut["events"], 0)


if __name__ == "__main__":
    harness.main()
