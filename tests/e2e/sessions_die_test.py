"""What is looked at dies or changes under the window: programs are killed at random moments, traces are cut, replaced and deleted while they are replayed.

A window may then say that something is not there, in one sentence; it does not crash, hang or lose what it had shown.
Environment: COROSCOPE_DYING_ROUNDS (default 6), COROSCOPE_MONKEY_SEED (default 1). With random inputs between: monkey_test.py.
"""
import os
import random
import shutil
import threading
import unittest

import harness

ROUNDS = int(os.environ.get("COROSCOPE_DYING_ROUNDS", "6"))
SEED = int(os.environ.get("COROSCOPE_MONKEY_SEED", "1"))
GOLDEN = os.path.join(harness.SOURCE, "tests/golden/small.coro")
PRESETS = ("overview", "latency", "memory", "debug", "compare")


class SessionsDie(unittest.TestCase):
    def test_a_program_killed_while_it_is_attached_to_leaves_a_picture_or_one_sentence(self):
        chance = random.Random(SEED)
        shown = 0
        for _ in range(ROUNDS):
            with harness.folder() as folder, harness.started(harness.DEMO, "--seconds", 300, "--swarm", 300) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the program being attachable")
                dump = os.path.join(folder, "dump.json")
                death = threading.Timer(chance.uniform(0, 1.5), demo.kill)
                death.start()
                ran = harness.coroscope("attach", demo.pid, "--offscreen", "--dump", dump, env={"XDG_STATE_HOME": folder})
                death.cancel()
                if ran.code == 0:
                    shown += 1
                    self.assertTrue(os.path.exists(dump))
                else:
                    harness.one_sentence(self, ran, 3, str(demo.pid))
        self.assertLessEqual(shown, ROUNDS)

    def test_programs_killed_in_each_arrangement_stay_to_be_looked_at(self):
        chance = random.Random(SEED)
        with harness.folder() as folder:
            lines, markers = [], []
            for number, preset in enumerate(PRESETS):
                markers.append((os.path.join(folder, f"up{number}.json"), chance.uniform(0, 0.5)))
                lines += [f"preset {preset}", f"launch {harness.DEMO} --seconds 300 --swarm 300", "wait-for coroutines > 100 timeout 60s",
                          f"dump up{number}.json", *["key down", "key up"] * chance.randint(1, 5),
                          "wait-for status != running timeout 60s", f"dump gone{number}.json", "close"]
            script = os.path.join(folder, "window.script")
            with open(script, "w") as file:
                file.write("\n".join(lines + ["quit"]) + "\n")
            with harness.started(harness.COROSCOPE, "--offscreen", "--script", script, "--size", "1280x800", cwd=folder,
                                 env={"XDG_STATE_HOME": folder}) as window:
                for path, delay in markers:
                    facts = self.facts_of(path, window)
                    death = threading.Timer(delay, os.kill, (facts["program.pid"], 9))
                    death.start()
                    death.join()
                _, said = window.communicate(timeout=120)
                self.assertEqual(window.returncode, 0, said)
            for number in range(len(PRESETS)):
                facts = self.facts_of(os.path.join(folder, f"gone{number}.json"), window)
                self.assertGreater(facts["coroutines"], 100, "what was seen last stays")

    def facts_of(self, path, window):
        def written():
            if window.poll() not in (None, 0):
                raise AssertionError(f"the window ended before {path}: {window.communicate()[1]}")
            return os.path.exists(path)

        harness.wait_until(written, seconds=90, what=path)
        with open(path) as file:
            return harness.json.load(file)["facts"]

    def test_a_trace_that_changes_while_it_is_replayed_breaks_nothing(self):
        chance = random.Random(SEED)
        with harness.folder() as folder:
            recorded = os.path.join(folder, "recorded.coro")
            harness.coroscope("record", "-o", recorded, "--", harness.DEMO, "--seconds", 1, "--swarm", 200, check=0)
            size = os.path.getsize(recorded)
            trace = os.path.join(folder, "run.coro")
            changes = (lambda: os.truncate(trace, chance.randrange(size)), lambda: os.truncate(trace, 0), lambda: os.remove(trace),
                       lambda: (shutil.copy(GOLDEN, trace + ".new"), os.replace(trace + ".new", trace)), lambda: self.scribble(trace, size, chance),
                       lambda: shutil.copy(GOLDEN, trace))
            for number, change in enumerate(changes):
                shutil.copy(recorded, trace)
                lines = ["wait-for moment", "dump before.json"]
                for preset in PRESETS:
                    lines += [f"preset {preset}", f"time {chance.randint(0, 900)}ms", "key .", "view timeline", "key w", "view events", "view flame"]
                lines += ["dump after.json", "close", f"replay {GOLDEN}", "wait-for moment", "dump next.json", "quit"]
                script = os.path.join(folder, "window.script")
                with open(script, "w") as file:
                    file.write("\n".join(lines) + "\n")
                with harness.started(harness.COROSCOPE, "replay", trace, "--offscreen", "--script", script, "--size", "1280x800", cwd=folder,
                                     env={"XDG_STATE_HOME": folder}) as window:
                    self.facts_of(os.path.join(folder, "before.json"), window)
                    change()
                    _, said = window.communicate(timeout=120)
                    self.assertEqual(window.returncode, 0, f"change {number}: {said}")
                for name in ("before.json", "after.json", "next.json"):
                    os.remove(os.path.join(folder, name))

    @staticmethod
    def scribble(trace, size, chance):
        with open(trace, "r+b") as file:
            for _ in range(50):
                file.seek(chance.randrange(size))
                file.write(bytes(chance.randrange(256) for _ in range(16)))


if __name__ == "__main__":
    harness.main()
