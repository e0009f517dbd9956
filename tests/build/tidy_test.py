"""What the style forbids and a machine can see. Each rule says in its message what to do about it.

Limits are those at which two things usually live together in one file: 450 lines, a header 250. A file that is one
thing and longer (a table, a generated list) is named in LONGER with its reason and a limit of its own.
"""
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["COROSCOPE_SOURCE"])
CODE = {".h", ".cpp", ".c", ".S"}
TEXT = CODE | {".py", ".md", ".txt", ".cmake", ".in", ".sh", ".json", ".coro-script"}
LIMIT = {".h": 250, ".cpp": 450, ".c": 450, ".S": 450, ".py": 450}
LINE_LIMIT = 150  # clang-format wraps code at 110; a comment beside an entry of a table may be longer
LONGER = {  # "path": (lines, "why it is one thing")
    "instrumentation/emit/probes.h": (320, "a table: one function an event"),
    "instrumentation/inspect/state_image.h": (265, "one image of one segment: a struct a section"),
    "runtime/include/cprime/detail/channel_handle.h": (280, "one class; the ways in which items cross are written out for code without optimisation"),
    "runtime/scheduler/work_deque.h": (280, "one class, whose fast paths are inline"),
    "runtime/include/cprime/coroutine.h": (270, "one class and what its users must know of it"),
    "runtime/stacks/pools.h": (290, "one class, whose fast paths are inline"),
    "tests/bench/driver/rows.cpp": (480, "a table: one entry a row"),
    "tests/unit/inspect/fake_target.cpp": (480, "one made-up process"),
}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
NAME = re.compile(r"^[a-z0-9_]+$")
NAMED_OTHERWISE = re.compile(r"(^|/)(CMakeLists\.txt|CMakePresets\.json|[A-Z]+\.md|LICENSE|coroscope-gdb\.py|\.[a-z-]+|Find[A-Za-z0-9]+\.cmake)$")


def tracked():
    """Files of the tree: what git knows or would add; without git (a source archive) everything outside build folders."""
    listed = subprocess.run(["git", "-C", str(SOURCE), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*") if not p.relative_to(SOURCE).parts[0].startswith(("build", "."))]
    return sorted(n for n in names if n and (SOURCE / n).is_file())


class Tidy(unittest.TestCase):
    def each(self, suffixes):
        for name in tracked():
            path = SOURCE / name
            if path.suffix in suffixes:
                yield name, path.read_text().splitlines()

    def test_the_tree_is_seen(self):
        self.assertGreater(len(tracked()), 20)

    def test_no_file_holds_two_things(self):
        for name, lines in self.each(CODE | {".py"}):
            limit = LONGER.get(name, (LIMIT[pathlib.Path(name).suffix], ""))[0]
            with self.subTest(name):
                self.assertLessEqual(len(lines), limit, "split what is two, or name the file in LONGER with the reason")

    def test_longer_files_exist_and_still_need_the_exception(self):
        for name in LONGER:
            with self.subTest(name):
                path = SOURCE / name
                self.assertTrue(path.is_file(), "the file is gone: take it off LONGER")
                self.assertGreater(len(path.read_text().splitlines()), LIMIT[path.suffix], "short enough: take it off LONGER")

    def test_no_tabs_no_trailing_space_no_missing_newline(self):
        for name in tracked():
            path = SOURCE / name
            if path.suffix not in TEXT and path.name not in ("dev", "run"):
                continue
            text = path.read_text()
            with self.subTest(name):
                self.assertFalse("\t" in text, "a tab")
                bad = [n for n, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]
                self.assertEqual(bad, [], "lines with space at their end")
                self.assertTrue(not text or text.endswith("\n"), "the last line has no end")
                self.assertFalse(text.endswith("\n\n"), "empty lines at the end")

    def test_lines_are_readable(self):
        for name, lines in self.each(CODE):
            with self.subTest(name):
                self.assertEqual([n for n, line in enumerate(lines, 1) if len(line) > LINE_LIMIT], [], "lines too long")

    def test_nothing_promises_instead_of_doing(self):
        for name, lines in self.each(TEXT):
            with self.subTest(name):
                self.assertEqual([n for n, line in enumerate(lines, 1) if UNFINISHED.search(line)], [], "unfinished work")

    def test_files_are_named_in_snake_case(self):
        for name in tracked():
            path = pathlib.PurePath(name)
            if path.suffix in CODE | {".py", ".cmake"} and not NAMED_OTHERWISE.search(name):
                with self.subTest(name):
                    self.assertRegex(path.stem, NAME)

    def test_a_file_begins_by_saying_what_it_is_for(self):
        for name, lines in self.each(CODE):
            path = SOURCE / name
            if path.suffix == ".cpp" and path.with_suffix(".h").is_file():
                continue  # the header's comment speaks for both
            with self.subTest(name):
                self.assertTrue(lines and lines[0].startswith(("//", "/*", "#", " *")) and not lines[0].startswith("#include")
                                and not lines[0].startswith("#pragma"), "the first line is a comment that says what the file is for")

    def test_a_header_is_guarded(self):
        for name, lines in self.each({".h"}):
            with self.subTest(name):
                self.assertTrue(any(line == "#pragma once" or line.startswith("#ifndef ") for line in lines), "#pragma once is missing")

    def test_the_root_holds_what_the_design_allows(self):
        allowed = {"README.md", "ARCHITECTURE.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "NEWS.md", "dev", "instrumentation",
                   "runtime", "traces", "views", "app", "third_party", "tests", "assets"}
        roots = {pathlib.PurePath(name).parts[0] for name in tracked()}
        self.assertEqual({r for r in roots if not r.startswith(".")} - allowed, set(), "belongs into one of the folders")


if __name__ == "__main__":
    unittest.main(verbosity=1)
