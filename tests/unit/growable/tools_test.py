"""The tools that build growable code: the assembler makes every check exact, and the check of the linked binary refuses what is not protected.

Compiled here as cprime_growable_stacks() compiles, with one thing wrong at a time.
"""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

BUILD = os.environ["COROSCOPE_BUILD"]
SOURCE = os.environ["COROSCOPE_SOURCE"]
TOOLS = os.path.join(BUILD, "growable")
CHECK = os.path.join(TOOLS, "growable-check")
FLAGS = ["-std=c++20", "-fsplit-stack", "-mno-red-zone", "-maccumulate-outgoing-args", "-fno-reorder-blocks-and-partition",
         "-fcf-protection=branch", "-mmanual-endbr", "-fno-lto"]
ROOM = int(re.search(r"ORDINARY_CALL_BYTES\s+(\d+)",
                     pathlib.Path(SOURCE, "instrumentation/wire/stack_segment_offsets.h").read_text()).group(1))

PROGRAM = """
#include <cstdio>
__attribute__((noinline)) int leaf(int value) { volatile char frame[40]; frame[0] = 1; return value + frame[0]; }
__attribute__((noinline)) int large(int value) { volatile char frame[1000]; frame[0] = 1; return leaf(value) + frame[0]; }
__attribute__((noinline)) int print(int value) { return std::printf("%d\\n", value); }
__attribute__((noinline)) int indirect(int (*function)(int)) { return function(1) + 1; }
__attribute__((noinline)) int table(int value) {
  switch (value) { case 0: return leaf(3); case 1: return large(4); case 2: return leaf(8); case 3: return large(9); case 4: return leaf(1);
                   case 5: return large(2); case 6: return leaf(77); case 7: return large(5); } return 0; }
EXTRA
int main(int argc, char**) { return indirect(&leaf) + large(argc) + print(argc) + table(argc) CALL_EXTRA > 0 ? 0 : 1; }
"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)


class GrowableTools(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def compile(self, *more, extra="", call="", flags=FLAGS, shim=True, level="-O2"):
        with open(self.path("program.cpp"), "w") as file:
            file.write(PROGRAM.replace("CALL_EXTRA", call).replace("EXTRA", extra))
        ran = run("g++", *flags, level, *more, *(["-B" + TOOLS + "/"] if shim else []), "-c", self.path("program.cpp"), "-o",
                  self.path("program.o"))
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def link(self, linker="lld", *more):
        return run("g++", "-fuse-ld=" + linker, *more, self.path("program.o"), "-o", self.path("program"),
                   os.path.join(BUILD, "runtime/libcprime.a"), "-lpthread", "-ldl")

    def link_well(self, linker="lld"):
        ran = self.link(linker, "-Wl,--split-stack-adjust-size=%d" % ROOM)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def check(self):
        return run(CHECK, self.path("program"), self.path("program.o"))

    def refused(self, *parts):
        ran = self.check()
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        for part in parts:
            self.assertIn(part, ran.stderr)

    def checks(self, name):
        """What the linked function asks for below rsp; None: it does not check."""
        listing = run("objdump", "-d", "--no-show-raw-insn", "--disassemble=" + name, self.path("program")).stdout
        found = re.search(r">:\n\s*[0-9a-f]+:\s+lea\s+(-?0x[0-9a-f]+)\(%rsp\),%r11\n\s*[0-9a-f]+:\s+cmp\s+%fs:0x70,%r11", listing)
        return -int(found.group(1), 16) if found else None

    def test_protects_with_either_linker_at_every_level(self):
        for linker in ("lld", "gold"):
            for level in ("-O0", "-Og", "-O2", "-O3"):
                with self.subTest(linker=linker, level=level):
                    self.compile(level=level)
                    self.link_well(linker)
                    ran = self.check()
                    self.assertEqual(ran.returncode, 0, ran.stderr)
                    self.assertRegex(ran.stdout, r"growable-check: \d+ functions of .* are protected")
                    self.assertEqual(run(self.path("program")).returncode, 0)

    def test_makes_checks_exact(self):
        self.compile()
        self.link_well("gold")
        self.assertLess(self.checks("_Z4leafi"), 64)
        self.assertIn(self.checks("_Z5largei"), range(1000, 1100))
        # Through a pointer: asked for by the assembler; by name: by the linker. A jump table is neither.
        self.assertGreaterEqual(self.checks("_Z8indirectPFiiE"), ROOM)
        self.assertGreaterEqual(self.checks("_Z5printi"), ROOM)
        self.assertLess(self.checks("_Z5tablei"), 256)

    def test_refuses_a_linker_that_does_not_protect(self):
        self.compile()
        self.assertEqual(self.link("bfd").returncode, 0)
        self.refused("_Z5printi", "calls printf without asking for the room", "-fuse-ld=lld or gold")

    def test_refuses_lto_objects(self):
        self.compile("-flto", flags=[flag for flag in FLAGS if flag != "-fno-lto"])
        ran = run(CHECK, CHECK, self.path("program.o"))  # whatever it was linked into: the object is at fault
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        self.assertIn("link-time optimisation", ran.stderr)
        self.assertIn("-fno-lto", ran.stderr)

    def test_refuses_ordinary_objects(self):
        self.compile(flags=["-std=c++20"], shim=False)
        self.link_well()
        self.refused("was not compiled as growable code")

    def test_refuses_checks_that_are_not_exact(self):
        self.compile(shim=False)
        self.link_well()
        self.refused("does not check its stack")

    def test_refuses_functions_that_opt_out(self):
        self.compile(extra="int bare(int value) __attribute__((noinline, no_split_stack));"
                           "int bare(int value) { volatile char frame[300]; frame[0] = 1; return value + frame[0]; }",
                     call="+ bare(argc)")
        self.link_well()
        self.refused("_Z4barei", "no_split_stack")

    def test_says_what_it_cannot_read(self):
        self.compile()
        self.link_well()
        garbage = self.path("garbage")
        pathlib.Path(garbage).write_bytes(b"\x7fELF" + bytes(range(256)))
        for command, part in (([CHECK], "usage"), ([CHECK, self.path("none"), self.path("program.o")], "cannot open"),
                              ([CHECK, garbage, self.path("program.o")], "no ELF file"),
                              ([CHECK, self.path("program"), self.path("program.cpp")], "no ELF file")):
            ran = run(*command)
            self.assertEqual(ran.returncode, 2, command)
            self.assertEqual(len(ran.stderr.splitlines()), 1)
            self.assertIn(part, ran.stderr)
        run("strip", self.path("program"))
        ran = self.check()
        self.assertEqual(ran.returncode, 2)
        self.assertIn("before it is stripped", ran.stderr)

    def test_the_assembler_says_what_it_does_not_understand(self):
        odd = "f:\n.cfi_startproc\n\tcmpq\t%fs:112, %rsp\n\tjb\t.L1\n\tret\n.L1:\n\tnop\n.cfi_endproc\n"
        ran = run(os.path.join(TOOLS, "as"), "-o", self.path("odd.o"), "-", input=odd)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("growable-as: line 3 of the assembler text is a stack check without a request", ran.stderr)
        ran = run(os.path.join(TOOLS, "as"), "-o", self.path("odd.o"), self.path("none.s"))
        self.assertEqual(ran.returncode, 1)
        self.assertIn("cannot open", ran.stderr)

    def test_cuts_anywhere_of_an_object_do_no_harm(self):
        self.compile()
        self.link_well()
        object_file = pathlib.Path(self.path("program.o"))
        whole = object_file.read_bytes()
        for part in range(0, len(whole), max(1, len(whole) // 60)):
            object_file.write_bytes(whole[:part])
            self.assertIn(self.check().returncode, (0, 1, 2))


if __name__ == "__main__":
    unittest.main()
