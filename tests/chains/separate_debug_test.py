"""A stripped program is unwound and named by its separate debug file, found where Debian's tools leave it; without it no stack is called whole that is not.

The program is `chains`, part of which has its unwind rules in .debug_frame alone: stripped, those lie in the debug file.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BIN = os.environ["COROSCOPE_BIN"]
COUNT = 400


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class SeparateDebug(unittest.TestCase):
    def compare(self, program, folder):
        shadow = os.path.join(folder, "shadow")
        with subprocess.Popen([program, "hold", str(COUNT), "1", shadow], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "LD_BIND_NOW": "1"}) as held:
            self.assertEqual(held.stdout.readline(), "ready\n")
            done = subprocess.run([os.path.join(BIN, "chains_viewer"), "compare", str(held.pid), shadow, os.path.join(folder, "stacks")],
                                  capture_output=True, text=True)
            held.communicate(timeout=60)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout), done.stderr

    def test_rules_and_names_come_from_the_separate_file(self):
        with tempfile.TemporaryDirectory() as folder:
            program, debug = os.path.join(folder, "chains"), os.path.join(folder, ".debug", "chains.debug")
            os.mkdir(os.path.dirname(debug))
            run("objcopy", "--only-keep-debug", os.path.join(BIN, "chains"), debug)
            run("objcopy", "--strip-all", os.path.join(BIN, "chains"), program)
            run("objcopy", "--add-gnu-debuglink=" + debug, program)
            counts, shown = self.compare(program, folder)
            self.assertEqual((counts["agree"], counts["wrong"], counts["unfinished"]), (COUNT, 0, 0), shown)

            os.unlink(debug)
            counts, shown = self.compare(program, folder)
            print(json.dumps(counts))
            self.assertGreater(counts["agree"], COUNT // 2, shown)
            self.assertGreater(counts["unfinished"], 0)
            self.assertEqual(counts["unfinished"], counts["libunwind_cut"])
            # Without names the judge cannot tell the frame between two segments of growable code from a chain's: these, and none besides.
            self.assertLessEqual(counts["wrong"], COUNT // 4, shown)


if __name__ == "__main__":
    sys.exit(unittest.main(argv=sys.argv[:1]))
