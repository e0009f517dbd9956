"""The programs of the manual are programs: each is compiled as it stands there, runs, and says what its counterpart says.

On a page `from_….md` the first program is in what the reader comes from, the second is ours. A page of a peer that this machine lacks is left out;
ours is tried all the same. The pages' links and pictures are there, and their views are those of the window.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["COROSCOPE_SOURCE"])
BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
MANUAL = SOURCE / "assets/manual"
PROGRAM = re.compile(r"^```(cpp|go)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def said_by(command, **more):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=200, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Manual(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="coroscope-manual-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, language, code):
        """What it prints; nothing where this machine cannot compile it."""
        if language == "go":
            if shutil.which("go") is None:
                return None
            (self.folder / "main.go").write_text(code)
            return said_by(["go", "run", self.folder / "main.go"], env={**os.environ, "GOCACHE": str(self.folder / "cache"), "GOFLAGS": "-mod=mod"})
        for header in re.findall(r"#include <(boost/[^>]+)>", code):
            if not pathlib.Path("/usr/include", header).exists():
                return None
        source, program = self.folder / "program.cpp", self.folder / "program"
        source.write_text(code)
        command = ["c++", "-std=c++20", "-O1", "-g", "-Wall", "-Wextra", source, "-o", program, "-pthread"]
        if "cprime/" in code:
            command += ["-Werror", "-I", SOURCE / "runtime/include", BUILD / "runtime/libcprime.a", "-ldl", "-Wl,-z,now"]
        if "boost/fiber" in code:
            command += ["-lboost_fiber", "-lboost_context"]
        said_by(command)
        return said_by([program], env={**os.environ, "LD_BIND_NOW": "1"})

    def check_page(self, name):
        programs = PROGRAM.findall((MANUAL / name).read_text())
        self.assertEqual(len(programs), 2)
        theirs, ours = (self.run_program(*program) for program in programs)
        self.assertIn("cprime/cprime.h", programs[1][1])
        self.assertRegex(ours, r"^sum \d+\n$")
        if theirs is not None:
            self.assertEqual(ours, theirs)

    def test_go(self):
        self.check_page("from_go.md")

    def test_boost_fiber(self):
        self.check_page("from_boost_fiber.md")

    def test_asio(self):
        self.check_page("from_asio.md")

    def test_cpp20(self):
        self.check_page("from_cpp20.md")

    def test_no_page_has_a_program_that_is_not_tried(self):
        with_programs = {page.name for page in MANUAL.glob("*.md") if PROGRAM.search(page.read_text())}
        self.assertEqual(with_programs, {"from_go.md", "from_boost_fiber.md", "from_asio.md", "from_cpp20.md"})

    def test_links_and_pictures_lead_somewhere(self):
        linked = set()
        for page in MANUAL.glob("*.md"):
            for target in re.findall(r"\]\(([^)#\s]+)\)", PROGRAM.sub("", page.read_text())):
                self.assertTrue((MANUAL / target).exists(), f"{page.name}: {target}")
                linked.add(target)
        self.assertEqual({page.name for page in MANUAL.glob("*.md")} - linked, {"README.md"})

    def test_every_view_of_the_window_is_in_the_manual_with_its_key(self):
        views = re.findall(r'\{"([a-z]+)", "([^"]+)", make<', (SOURCE / "views/all_views.cpp").read_text())
        self.assertGreater(len(views), 10)
        rows = re.findall(r"^\| [A-Z][\w ]* \| `([^`]+)` \|", (MANUAL / "views.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(rows), sorted("+".join(part.capitalize() for part in key.split("+")) for _, key in views))



if __name__ == "__main__":
    unittest.main(verbosity=1)
