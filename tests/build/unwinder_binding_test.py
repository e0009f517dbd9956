"""Exceptions are thrown by libgcc_s, not by libunwind, although coroscope links libunwind's remote half.

Linking the plain -lunwind would make its _Unwind_RaiseException win and break exceptions and pthread_exit. The dynamic
linker is asked what it really bound: every _Unwind_ symbol comes from libgcc_s. And no program that links the runtime
has libunwind at all.
"""
import os
import pathlib
import re
import subprocess
import unittest

BIN = pathlib.Path(os.environ["COROSCOPE_BIN"])


class UnwinderBinding(unittest.TestCase):
    def test_unwind_symbols_of_coroscope_come_from_libgcc(self):
        run = subprocess.run([BIN / "coroscope", "--help"], text=True, capture_output=True,
                             env={**os.environ, "LD_DEBUG": "bindings", "LD_BIND_NOW": "1"})
        bound = re.findall(r"binding file .* to (\S+) \[\d+\]: normal symbol `(_Unwind_\w+)'", run.stderr)
        self.assertTrue(bound, "the dynamic linker reported no _Unwind_ symbol")
        wrong = {pair for pair in bound if "libgcc_s" not in pair[0]}
        self.assertEqual(wrong, set())

    def test_programs_with_the_runtime_do_not_link_libunwind(self):
        programs = [BIN / name for name in ("demo", "poc") if (BIN / name).exists()]
        self.assertTrue(programs, "no example program was built")
        for program in programs:
            with self.subTest(program.name):
                needed = subprocess.run(["readelf", "-d", program], text=True, capture_output=True, check=True).stdout
                self.assertNotIn("libunwind", needed)


if __name__ == "__main__":
    unittest.main(verbosity=1)
