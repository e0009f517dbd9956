"""The window driven by scripts: under Xvfb as a user would have it, and off screen; what it shows is what the command line says."""
import json
import os
import shutil
import struct
import subprocess
import unittest

import harness

STILL_LIFE = os.path.join(harness.BIN, "still_life")


def png_size(path):
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


class Window(unittest.TestCase):
    def setUp(self):
        context = harness.folder()
        self.folder = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def path(self, name):
        return os.path.join(self.folder, name)

    def script(self, *lines):
        path = self.path("window.script")
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def dumped(self, name="dump.json"):
        with open(self.path(name)) as file:
            return json.load(file)

    def still_life(self, count=120):
        return harness.started(STILL_LIFE, count, 120)

    def run_window(self, *lines, display=False, code=0, word=()):
        command = [harness.COROSCOPE, *word, "--script", self.script(*lines)]
        if display:
            command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24 -noreset", *command]
        else:
            command.append("--offscreen")
        return harness.run(*command, check=code, timeout=180, env={"XDG_STATE_HOME": self.folder})

    def assert_same_stacks(self, shown, printed):
        by_id = {c["id"]: c for c in shown["coroutines"]}
        self.assertEqual(sorted(by_id), sorted(c["id"] for c in printed["coroutines"]))
        for coroutine in printed["coroutines"]:
            self.assertEqual(by_id[coroutine["id"]], coroutine)
        self.assertEqual(shown["merged"], printed["merged"])

    @unittest.skipUnless(shutil.which("xvfb-run"), "needs xvfb")
    def test_launches_one_program_attaches_to_another_and_shows_the_stack_of_a_slot(self):
        with self.still_life() as still:
            harness.wait_until(lambda: harness.attachable(still.pid), what="the program being attachable")
            self.run_window(
                f"launch {harness.DEMO} --seconds 60 --swarm 500",
                "wait-for coroutines > 400",
                "expect program.running",
                f"screenshot {self.path('demo.png')}",
                f"attach {still.pid}",
                f"wait-for pid == {still.pid}",
                "wait-for stacks >= 160",
                "wait-for coroutines == 161",
                "click slot 2 5",
                "wait-for selected > 0",
                f"screenshot {self.path('still.png')}",
                f"dump {self.path('dump.json')}",
                "quit", display=True)
            shown = self.dumped()
            printed = harness.coroscope("stacks", "--pid", still.pid, "--json", check=0).json()
        self.assertEqual(png_size(self.path("demo.png")), (1600, 1000))
        self.assertEqual(png_size(self.path("still.png")), (1600, 1000))
        self.assert_same_stacks(shown["views"]["stack"], printed)
        selected = shown["selection"]
        self.assertEqual(selected["slot"], {"pool": 2, "slot": 5})
        chosen = next(c for c in printed["coroutines"] if c["id"] == selected["coroutine"])
        self.assertEqual(chosen["consistency"], "exact")
        # Its frames are the ones on the screen.
        frames = [name for name in shown["widgets"] if name.startswith("frame.")]
        self.assertEqual(len(frames), len(chosen["frames"]))

    def test_a_trace_is_shown_as_the_command_line_reads_it(self):
        trace = self.path("run.coro")
        harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, check=0, timeout=120)
        self.run_window("wait-for moment", "time 1000ms", "wait-for time_ns == 1000000000", "view waits", f"dump {self.path('dump.json')}", "quit",
                        word=["replay", trace])
        shown = self.dumped()
        printed = harness.coroscope("stacks", trace, "--at", "1000ms", "--json", check=0).json()
        self.assertGreater(len(printed["coroutines"]), 1000)
        self.assert_same_stacks(shown["views"]["stack"], printed)
        waits = harness.coroscope("waits", trace, "--at", "1000ms", "--json").json()
        graph = shown["views"]["waits"]
        # A select has an edge an arm.
        self.assertEqual(graph["waiting"] + graph["sleeping"], len({edge["from"] for edge in waits["edges"]}))

    def test_the_deadlock_stands_on_the_screen_with_its_sentence(self):
        with harness.started(harness.DEMO, "--seconds", 30, "--swarm", 100, "--deadlock") as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            self.run_window(f"attach {demo.pid}", "wait-for cycles > 0", "preset waits", f"screenshot {self.path('waits.png')}",
                            f"dump {self.path('dump.json')}", "quit")
        cycles = self.dumped()["views"]["waits"]["cycles"]
        self.assertIn("deadlock", [cycle["certainty"] for cycle in cycles])
        self.assertTrue(all(cycle["sentence"] for cycle in cycles))

    def test_output_and_end_of_a_launched_program_are_shown_and_it_can_be_restarted_and_killed(self):
        self.run_window(f"launch {harness.DEMO} --seconds 1 --swarm 100", "wait-for program.running == false timeout 60s",
                        "view output", f"dump {self.path('ended.json')}", "restart", "wait-for program.running", "kill",
                        "wait-for program.running == false", f"dump {self.path('killed.json')}", "quit")
        ended, killed = self.dumped("ended.json"), self.dumped("killed.json")
        output = ended["views"]["output"]
        self.assertEqual(output["status"], "exited with code 0")
        totals = json.loads(output["lines"][-1]["text"])
        self.assertIn("spawned", totals)
        self.assertIn("SIGKILL", killed["views"]["output"]["status"])

    def test_a_screenshot_without_a_script_waits_until_the_data_stands(self):
        picture = self.path("shot.png")
        harness.run(harness.COROSCOPE, "launch", "--offscreen", "--screenshot", picture, "--dump", self.path("dump.json"), "--size", "1280x800",
                    "--", harness.DEMO, "--seconds", 5, "--swarm", 1000, check=0, timeout=120, env={"XDG_STATE_HOME": self.folder})
        self.assertEqual(png_size(picture), (1280, 800))
        self.assertGreater(self.dumped()["facts"]["coroutines"], 500)

    def test_what_cannot_be_shown_ends_with_one_sentence(self):
        for arguments, code, word in ((["replay", "/nonexistent/t.coro"], 3, "/nonexistent/t.coro"),
                                      (["attach", "4194000"], 3, "4194000"),
                                      (["--script", "/nonexistent/script"], 2, "/nonexistent/script")):
            ran = harness.run(harness.COROSCOPE, *arguments, "--offscreen", "--screenshot", self.path("x.png"), timeout=120,
                              env={"XDG_STATE_HOME": self.folder})
            harness.one_sentence(self, ran, code, word)

    def test_a_wrong_script_is_refused_with_its_line(self):
        ran = self.run_window("view pools", "fly away", code=2)
        harness.one_sentence(self, ran, 2, "window.script:2", "fly")

    def test_without_a_display_the_way_out_is_said(self):
        environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        done = subprocess.run([harness.COROSCOPE], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("--offscreen", done.stderr)


if __name__ == "__main__":
    harness.main()
