"""Code, stack words and names of real programs, in the window: what is shown beside what the command line says of the same program."""
import json
import os
import shutil
import subprocess
import unittest

import harness

STILL_LIFE = os.path.join(harness.BIN, "still_life")
SOURCES = os.path.join(harness.SOURCE, "tests/targets")


class Code(unittest.TestCase):
    def setUp(self):
        context = harness.folder()
        self.folder = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def path(self, name):
        return os.path.join(self.folder, name)

    def look(self, *lines, options=(), word=(), program=()):
        """Runs a script off screen; returns what it dumped last."""
        with open(self.path("script"), "w") as file:
            file.write("\n".join([*lines, f"dump {self.path('dump.json')}", "quit"]) + "\n")
        harness.run(harness.COROSCOPE, *word, "--offscreen", "--size", "1600x1000", "--script", self.path("script"), *options, *program,
                    check=0, timeout=180, env={"XDG_STATE_HOME": self.folder})
        with open(self.path("dump.json")) as file:
            return json.load(file)

    def still_life(self, program=STILL_LIFE):
        still = self.enter(harness.started(program, 30, 120))
        harness.wait_until(lambda: harness.attachable(still.pid), what="the program being attachable")
        return still

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def stack_of(self, pid, name):
        printed = harness.coroscope("stacks", "--pid", pid, "--json", check=0).json()
        return next(c for c in printed["coroutines"] if c["name"] == name and c["state"] == "parked")

    def own_file(self, coroutine):
        """Where the compiler saw the source of its function (a cache of compilations may name another checkout of this tree)."""
        return next(frame["file"] for frame in coroutine["frames"] if frame["file"].endswith("still_life.cpp"))

    def test_the_call_in_which_a_coroutine_is_parked_is_marked_as_the_context_switch(self):
        still = self.still_life()
        receiver = self.stack_of(still.pid, "receiver")
        shown = self.look(f"attach {still.pid}", "wait-for coroutines == 41", "preset debug", f"select coroutine {receiver['id']}")
        code = shown["views"]["code"]
        here = [row for row in code["rows"] if row["here"]]
        self.assertEqual(len(here), 1)
        self.assertTrue(here[0]["text"].startswith("call"), here)
        self.assertIn("parked in here, channel-receive on channel:nothing comes", here[0]["note"])
        resumes = [row for row in code["rows"] if row["resumes"]]
        self.assertEqual([row["address"] for row in resumes], [receiver["frames"][0]["pc"]])
        self.assertEqual(code["rows"].index(resumes[0]), code["rows"].index(here[0]) + 1)
        self.assertEqual(code["source"]["path"], self.own_file(receiver))
        self.assertEqual(code["mode"], "both")
        for jump in code["jumps"]:
            self.assertTrue("leaves_to" in jump or 0 <= jump["to"] < len(code["rows"]), jump)
        names = [name for name in shown["widgets"] if name.startswith(("code.row.", "code.line."))]
        self.assertGreater(len(names), 20)

    def test_the_switch_itself_can_be_followed_into_and_each_step_of_it_is_named(self):
        still = self.still_life()
        sleeper = next(c for c in harness.coroscope("stacks", "--pid", still.pid, "--json", check=0).json()["coroutines"]
                       if c["id"] == 1)
        self.assertEqual(sleeper["state"], "parked")
        shown = self.look(f"attach {still.pid}", "wait-for coroutines == 41", "preset debug", "select coroutine 1",
                          "wait-for settled", "key t")
        code = shown["views"]["code"]
        self.assertEqual(code["followed"], 1)
        notes = [row["note"] for row in code["rows"]]
        for register in ("rbx", "rbp", "r12", "r13", "r14", "r15"):
            self.assertIn(f"saves {register}", notes)
            self.assertIn(f"restores {register}", notes)
        self.assertTrue(any(note.startswith("switches stacks: to that of the coroutine") for note in notes))
        self.assertTrue(any(note.startswith("goes on, with these registers") for note in notes))
        back = self.look(f"attach {still.pid}", "wait-for coroutines == 41", "preset debug", "select coroutine 1",
                         "wait-for settled", "key t", "wait-for settled", "key backspace")
        self.assertEqual(back["views"]["code"]["followed"], 0)
        self.assertEqual(sum(row["here"] for row in back["views"]["code"]["rows"]), 1)

    def test_every_word_of_a_slot_is_shown_with_its_frame(self):
        still = self.still_life()
        receiver = self.stack_of(still.pid, "receiver")
        shown = self.look(f"attach {still.pid}", "wait-for coroutines == 41", "preset debug", f"select coroutine {receiver['id']}",
                          "click words.all.1")
        words = shown["views"]["words"]
        self.assertEqual(words["consistency"], "exact")
        self.assertEqual(words["used_bytes"], receiver["stack_used_bytes"])
        end = None
        for row in words["rows"]:
            if end is not None:
                self.assertEqual(row["address"], end, row)
            end = row["address"] + (0 if "heading" in row else row["bytes"])
        levels = len([frame for frame in receiver["frames"] if not frame["inlined"]])
        headings = [row for row in words["rows"] if "heading" in row and "frame" in row]
        self.assertEqual(len(headings), levels)
        self.assertTrue(any("receive_for_good" in row["heading"] for row in headings))
        goes_on = next(row for row in words["rows"] if row.get("role") == "goes on at")
        self.assertEqual(int(goes_on["value"], 16), receiver["frames"][0]["pc"])
        self.assertIn("receive_for_good+0x", goes_on["note"])
        returns = [int(row["value"], 16) for row in words["rows"] if row.get("role") == "return address"]
        pcs = list(dict.fromkeys(frame["pc"] for frame in receiver["frames"]))
        self.assertEqual(returns, pcs[1:])
        self.assertEqual({row["part"] for row in words["rows"]} - {"free", "saved", "frame", "colour", "canary", "guard"}, set())

    def test_the_words_of_a_stack_over_segments_follow_each_other(self):
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 100) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            shown = self.look(f"attach {demo.pid}", "wait-for coroutines > 100", "preset debug", "select coroutine climber",
                              f"screenshot {self.path('climber.png')}")
        words = shown["views"]["words"]
        self.assertGreaterEqual(sum("heading" in row and row["heading"].startswith("stack ") for row in words["rows"]), 2)
        self.assertTrue(any(row["part"] == "header" and row.get("role") == "stack pointer there" for row in words["rows"]))
        climbs = [row for row in words["rows"] if "demo::climb" in row.get("heading", "")]
        self.assertGreater(len(climbs), 5)

    def test_a_trace_has_no_words_and_says_so(self):
        trace = self.path("run.coro")
        harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0, timeout=120)
        shown = self.look("wait-for moment", "time 500ms", "wait-for time_ns == 500000000", "preset debug", "select coroutine 1", word=["replay", trace])
        self.assertIn("not saved in traces", shown["views"]["words"]["problem"])

    def test_source_is_read_where_the_map_says(self):
        moved = self.path("moved")
        os.mkdir(moved)
        with open(os.path.join(SOURCES, "still_life.cpp")) as source, open(os.path.join(moved, "still_life.cpp"), "w") as target:
            target.write(source.read() + "// one line more\n")
        still = self.still_life()
        receiver = self.stack_of(still.pid, "receiver")
        shown = self.look("wait-for coroutines == 41", "preset debug", f"select coroutine {receiver['id']}",
                          options=["--source-map", "/nowhere=/else", "--source-map", f"{os.path.dirname(self.own_file(receiver))}={moved}"], word=["attach", str(still.pid)])
        self.assertEqual(shown["views"]["code"]["source"]["path"], os.path.join(moved, "still_life.cpp"))
        refused = harness.run(harness.COROSCOPE, "attach", "--source-map", "nothing", "--offscreen")
        harness.one_sentence(self, refused, 2, "nothing", "FROM=TO")

    @unittest.skipUnless(shutil.which("objcopy"), "needs binutils")
    def test_a_stripped_program_is_named_by_a_debug_file_of_its_build_id(self):
        stripped = self.path("still_life")
        subprocess.run(["objcopy", "--strip-all", STILL_LIFE, stripped], check=True)
        notes = subprocess.run(["readelf", "-n", STILL_LIFE], capture_output=True, text=True, check=True).stdout
        build_id = notes.split("Build ID:")[1].split()[0]
        place = self.path(f"debug/.build-id/{build_id[:2]}")
        os.makedirs(place)
        subprocess.run(["objcopy", "--only-keep-debug", STILL_LIFE, os.path.join(place, build_id[2:] + ".debug")], check=True)
        still = self.still_life(stripped)
        bare = self.stack_of(still.pid, "receiver")
        inside = [frame for frame in bare["frames"] if frame["module"] == stripped]
        self.assertTrue(inside)
        self.assertEqual({frame["function"] for frame in inside}, {""})
        self.assertIn("still_life+0x", harness.coroscope("stacks", "--pid", still.pid, check=0).out)
        shown = self.look("wait-for coroutines == 41", f"select coroutine {bare['id']}", options=["--debug-path", self.path("debug")],
                          word=["attach", str(still.pid)])
        chosen = next(c for c in shown["views"]["stack"]["coroutines"] if c["id"] == bare["id"])
        self.assertTrue(any("receive_for_good" in frame["function"] for frame in chosen["frames"]), chosen["frames"])


if __name__ == "__main__":
    harness.main()
