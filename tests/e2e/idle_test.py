"""A window at which nothing happens takes at most 1 % of one processor, whatever it shows: processor time of the whole process over ten seconds.

With a real X server, because only there does the window wait as it does before somebody. The software rasteriser's own threads are left out, as a graphics
card's work would be.
"""
import os
import shutil
import subprocess
import time
import unittest

import harness
from window_xdotool_test import NEEDED, display

STILL_LIFE = os.path.join(harness.BIN, "still_life")
SECONDS = 10
SHARE_MAX = 0.01


def processor_seconds(pid):
    """User and system time of all threads but the rasteriser's (proc(5): fields 14 and 15)."""
    ticks = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat") as file:
            name, fields = file.read().split("(", 1)[1].rsplit(")", 1)
        if not name.startswith("llvmpipe"):
            ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def share_over(pid, seconds):
    before, begin = processor_seconds(pid), time.monotonic()
    time.sleep(seconds)  # what is measured is this stretch of time
    return (processor_seconds(pid) - before) / (time.monotonic() - begin)


class Idle(unittest.TestCase):
    def expect_idle(self, what, *arguments):
        with harness.folder() as folder, display() as name:
            with harness.started(harness.COROSCOPE, *arguments, "--size", "1280x800", env={"DISPLAY": name, "XDG_STATE_HOME": folder}) as window:
                harness.wait_until(lambda: subprocess.run(["xdotool", "search", "--onlyvisible", "--class", "coroscope"], capture_output=True,
                                                          env={**os.environ, "DISPLAY": name}, timeout=60).returncode == 0,
                                   seconds=60, what="the window")
                # It reads symbols, names stacks and draws the first pictures: at rest after that, and for as long as is measured.
                harness.wait_until(lambda: share_over(window.pid, 2) < 3 * SHARE_MAX, seconds=120, what=f"{what}: rest")
                share = min(share_over(window.pid, SECONDS) for _ in range(3))
                self.assertIsNone(window.poll())
        print(f"{what}: {100 * share:.2f} % of a processor")
        self.assertLessEqual(share, SHARE_MAX, what)

    @unittest.skipUnless(all(map(shutil.which, NEEDED)), "needs " + " and ".join(NEEDED))
    def test_the_start_page(self):
        self.expect_idle("start page")

    @unittest.skipUnless(all(map(shutil.which, NEEDED)), "needs " + " and ".join(NEEDED))
    def test_a_live_session_of_a_quiet_program(self):
        with harness.started(STILL_LIFE, 120, 600) as still:
            harness.wait_until(lambda: harness.attachable(still.pid), what="the program being attachable")
            self.expect_idle("live", "attach", still.pid)

    @unittest.skipUnless(all(map(shutil.which, NEEDED)), "needs " + " and ".join(NEEDED))
    def test_a_recorded_session(self):
        self.expect_idle("recorded", "replay", os.path.join(harness.SOURCE, "tests/golden/small.coro"))


if __name__ == "__main__":
    harness.main()
