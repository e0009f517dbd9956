"""What the types forbid does not compile.

Each file of must_not_compile/ is a program with one line that its types forbid, between `#ifdef FORBIDDEN` and `#endif`, and a line
`// error: REGEX` that says what the compiler must complain of. Without the line it must compile: so it cannot fail for
another reason. With it, it must fail, and an error (not a warning, nor a note alone) must match.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["COROSCOPE_SOURCE"])
BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
FILES = sorted((SOURCE / "tests/build/must_not_compile").glob("*.cpp"))


def compiler():
    """The one that the tree is built with, as it compiles a program that links cprime, but for what it is to make."""
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    program = next(c for c in commands if c["file"].endswith("runtime/examples/prime_sieve/prime_sieve.cpp"))
    words = shlex.split(program["command"])
    kept = [w for w in words if w.startswith(("-std", "-I")) or w in ("-Wall", "-Wextra")]
    return [next(w for w in words if re.search(r"(\+\+|c\+\+|g\+\+|clang\+\+)(-\d+)?$", w)), *kept, "-fsyntax-only", "-w"]


class MustNotCompile(unittest.TestCase):
    def compile(self, path, *more):
        return subprocess.run([*COMPILER, *more, str(path)], text=True, capture_output=True)

    def test_there_are_files(self):
        self.assertGreaterEqual(len(FILES), 12)

    def test_each_file_compiles_without_its_forbidden_line(self):
        for path in FILES:
            with self.subTest(path.name):
                out = self.compile(path)
                self.assertEqual(out.returncode, 0, out.stderr[:3000])

    def test_each_forbidden_line_is_refused_for_its_reason(self):
        for path in FILES:
            with self.subTest(path.name):
                text = path.read_text()
                wanted = re.search(r"^// error: (.+)$", text, re.M)
                self.assertIsNotNone(wanted, "the file does not say what the error is")
                self.assertEqual(text.count("#ifdef FORBIDDEN"), 1, "one forbidden place a file")
                out = self.compile(path, "-DFORBIDDEN")
                self.assertNotEqual(out.returncode, 0, "it compiles")
                errors = [line for line in out.stderr.splitlines() if "error:" in line]
                self.assertTrue(any(re.search(wanted[1], line) for line in errors), f"no error matches {wanted[1]}:\n" + "\n".join(errors))


COMPILER = compiler()
if __name__ == "__main__":
    unittest.main(verbosity=1)
