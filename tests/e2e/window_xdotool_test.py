"""The window in the hands of somebody: a real X server, real clicks and keys (xdotool), from the start page to Ctrl+Q.

A script runs beside that only waits and looks, so that mouse and keys are xdotool's (app/script.h); where things are on the screen it says in its
dumps. Nothing is waited for by the clock: each step begins when the window says, by the next dump, that the one before was seen.
"""
import contextlib
import json
import os
import shutil
import subprocess
import unittest

import harness

STILL_LIFE = os.path.join(harness.BIN, "still_life")
NEEDED = ("Xvfb", "xdotool")


@contextlib.contextmanager
def display():
    """An X server of its own; its name."""
    said, says = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(says), "-screen", "0", "1600x1000x24", "-noreset", "-nolisten", "tcp"],
                          pass_fds=(says,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(says)
        try:
            with os.fdopen(said) as number:
                yield ":" + number.readline().strip()
        finally:
            server.terminate()


class Hands:
    """Mouse and keyboard of one display, and the dumps of the window on it."""

    def __init__(self, name, folder):
        self.environment = {**os.environ, "DISPLAY": name}
        self.folder = folder
        self.window = None
        self.places = {}

    def xdotool(self, *words):
        done = subprocess.run(["xdotool", *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"xdotool {' '.join(map(str, words))} failed: {done.stderr}")
        return done.stdout.strip()

    def take(self, name, process):
        """The dump of that name, once the window has written it."""
        path = os.path.join(self.folder, name)

        def written():
            if process.poll() is not None:
                raise AssertionError(f"the window ended before {name}: {process.communicate()[1]}")
            return os.path.exists(path)

        harness.wait_until(written, seconds=60, what=f"{name} of the window")
        with open(path) as file:
            shown = json.load(file)
        self.places = shown["places"]
        return shown

    def find_window(self):
        self.window = self.xdotool("search", "--sync", "--onlyvisible", "--class", "coroscope").split()[0]
        self.xdotool("windowfocus", "--sync", self.window)

    def click(self, name, across=0.5):
        x0, y0, x1, y1 = self.places[name]
        self.xdotool("mousemove", "--window", self.window, round(x0 + (x1 - x0) * across), round((y0 + y1) / 2), "click", 1)

    def type(self, text):
        self.xdotool("type", "--clearmodifiers", "--delay", 5, "--", text)

    def key(self, chord):
        self.xdotool("key", "--clearmodifiers", chord)


class WindowInHands(unittest.TestCase):
    @unittest.skipUnless(all(map(shutil.which, NEEDED)), "needs " + " and ".join(NEEDED))
    def test_launches_scrubs_selects_exports_attaches_and_closes(self):
        with harness.folder() as folder, display() as name, harness.started(STILL_LIFE, 120, 120) as still:
            harness.wait_until(lambda: harness.attachable(still.pid), what="the program being attachable")
            lines = ["wait-for candidates >= 1", "dump start.json",
                     "wait-for coroutines > 250 timeout 60s", "dump launched.json",
                     "wait-for selected == 1 timeout 60s", "dump selected.json",
                     "wait-for selected > 1 timeout 60s", "wait-for duration_ns > 4000000000 timeout 60s", "dump next.json",
                     "wait-for time_ns < 3500000000 timeout 60s", "dump past.json",
                     "wait-for time_ns > 4000000000 timeout 60s", "dump now.json", "wait-for view.sizes == true timeout 60s",
                     "dump sizes.json", "wait-for session == false timeout 60s", "wait-for candidates >= 1", "dump closed.json",
                     f"wait-for pid == {still.pid} timeout 60s", "wait-for coroutines == 161 timeout 60s", "wait-for stacks >= 160 timeout 60s",
                     "dump attached.json"]
            with open(os.path.join(folder, "window.script"), "w") as file:
                file.write("\n".join(lines) + "\n")
            with harness.started(harness.COROSCOPE, "--script", "window.script", "--events", "always", "--size", "1600x1000", "--scale", "1", cwd=folder,
                                 env={"DISPLAY": name, "XDG_STATE_HOME": folder}) as window:
                self.use(Hands(name, folder), window, still, folder)

    def use(self, hands, window, still, folder):
        shown = hands.take("start.json", window)
        self.assertEqual(shown["page"], "start")
        hands.find_window()
        hands.click("launch.program")
        hands.type(harness.DEMO)
        hands.click("launch.arguments")
        hands.type("--seconds 300 --swarm 300")
        hands.click("launch.run")

        shown = hands.take("launched.json", window)
        self.assertEqual(shown["page"], "session")
        launched = shown["facts"]["program.pid"]
        self.assertIn("demo", hands.xdotool("getwindowname", hands.window))
        hands.click("row.1")  # the first in the table, "main"

        shown = hands.take("selected.json", window)
        self.assert_selected_everywhere(shown, 1)
        self.assertEqual(shown["selection"]["name"], "main")
        hands.key("j")

        shown = hands.take("next.json", window)
        self.assert_selected_everywhere(shown, shown["facts"]["selected"])
        before = shown["time_ns"]
        hands.click("time", 0.3)

        shown = hands.take("past.json", window)
        self.assertLess(shown["time_ns"], before)
        self.assertGreater(shown["facts"]["coroutines"], 250)
        hands.key("End")
        hands.take("now.json", window)
        hands.key("z")
        shown = hands.take("sizes.json", window)
        self.assertIn("sizes", shown["visible"])
        hands.click("sizes.export")
        table = harness.wait_until(lambda: [name for name in os.listdir(folder) if name == "demo-sizes.json"], seconds=60, what="the table")
        with open(os.path.join(folder, table[0])) as file:
            self.assertIn("runtime/examples/demo/swarm.cpp:40", [site["site"] for site in json.load(file)["sites"]])
        hands.click("session.close")

        shown = hands.take("closed.json", window)
        self.assertEqual(shown["page"], "start")
        hands.click(f"attach.{still.pid}")
        shown = hands.take("attached.json", window)
        self.assertIn("still_life", hands.xdotool("getwindowname", hands.window))
        printed = harness.coroscope("stacks", "--pid", still.pid, "--json", check=0).json()
        self.assertEqual(sorted(c["id"] for c in shown["views"]["stack"]["coroutines"]), sorted(c["id"] for c in printed["coroutines"]))
        hands.key("ctrl+q")
        out, err = window.communicate(timeout=60)
        self.assertEqual((window.returncode, err), (0, ""), out)
        self.assertIsNone(still.poll())  # it was only looked at
        self.assertFalse(os.path.exists(f"/proc/{launched}"))  # it was the window's own

    def assert_selected_everywhere(self, shown, coroutine):
        self.assertEqual(shown["selection"]["coroutine"], coroutine)
        rows = {row["id"]: row for row in shown["views"]["stack"]["coroutines"]}
        frames = [name for name in shown["widgets"] if name.startswith("frame.")]
        self.assertTrue(frames)
        self.assertLessEqual(len(frames), len(rows[coroutine]["frames"]))
        self.assertIn("slot", shown["selection"])  # which the heatmap marks


if __name__ == "__main__":
    harness.main()
