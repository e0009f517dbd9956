"""A window without a window manager: a real X server resizes it from one pixel to three thousand by two thousand, many times in a row, while its program lives.

Environment: COROSCOPE_STORM_SIZES (default 60): how many sizes; COROSCOPE_MONKEY_SEED (default 1). Longer ones: `./dev monkey`.
"""
import os
import random
import shutil
import unittest

import harness
from window_xdotool_test import NEEDED, Hands, display

SIZES = int(os.environ.get("COROSCOPE_STORM_SIZES", "60"))
SEED = int(os.environ.get("COROSCOPE_MONKEY_SEED", "1"))
EXTREMES = [(1, 1), (3000, 2000), (1, 2000), (3000, 1), (480, 320), (479, 319), (1, 1)]


class ResizeStorm(unittest.TestCase):
    @unittest.skipUnless(all(map(shutil.which, NEEDED)), "needs " + " and ".join(NEEDED))
    def test_a_window_that_is_resized_without_mercy_is_whole_afterwards(self):
        chance = random.Random(SEED)
        sizes = EXTREMES + [(chance.choice((chance.randint(1, 60), chance.randint(1, 3000))), chance.choice((chance.randint(1, 60), chance.randint(1, 2000))))
                            for _ in range(SIZES - len(EXTREMES))] + [(1500, 900)]
        with harness.folder() as folder, display() as name:
            lines = ["wait-for coroutines > 100 timeout 60s", "dump before.json", "wait-for width == 1500 timeout 120s", "dump after.json", "quit"]
            with open(os.path.join(folder, "window.script"), "w") as file:
                file.write("\n".join(lines) + "\n")
            with harness.started(harness.COROSCOPE, "launch", "--script", "window.script", "--size", "1280x800", "--scale", "1", "--", harness.DEMO,
                                 "--seconds", 300, "--swarm", 200, cwd=folder, env={"DISPLAY": name, "XDG_STATE_HOME": folder}) as window:
                hands = Hands(name, folder)
                before = hands.take("before.json", window)
                hands.find_window()
                words = []  # in one go, so that sizes come faster than frames
                for width, height in sizes:
                    words += ["windowsize", hands.window, width, height]
                hands.xdotool(*words)
                after = hands.take("after.json", window)
                _, said = window.communicate(timeout=60)
                self.assertEqual(window.returncode, 0, said)
            self.assertEqual(after["visible"], before["visible"])
            self.assertEqual(after["layout"], before["layout"])
            places = after["places"]
            right = max(places[f"view.{view}"][2] for view in after["visible"])
            below = max(places[f"view.{view}"][3] for view in after["visible"])
            self.assertTrue(1480 <= right <= 1500, right)
            self.assertTrue(860 <= below <= 900, below)


if __name__ == "__main__":
    harness.main()
