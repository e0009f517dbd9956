"""Parked stacks are the same to our rows, to libunwind, to gdb and to the program that parked them: frame by frame, by the thousand.

The program (`chains hold`) parks chains of calls drawn by a seed: recursion, virtual calls, lambdas, templates, qsort and ostream callbacks, catch
blocks, destructors during unwinding, realigned and variable frames; at -O0 to -O3, with and without frame pointers, growable, in the program, in a
linked library and in an opened one, without exception tables. `chains_viewer compare` holds our walk against libunwind's and against the program's own
record; here gdb, which unwinds by code that shares nothing with ours, is asked for the same stacks.

COROSCOPE_CHAINS (default 10,000: 35 s, nearly all of it gdb's) says how many; `./dev chains [COUNT] [SEED]` runs others. The seed is printed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ["COROSCOPE_BIN"]
SCRIPT = os.path.join(os.environ["COROSCOPE_SOURCE"], "instrumentation/inspect/gdb/coroscope-gdb.py")
COUNT = int(os.environ.get("COROSCOPE_CHAINS", "10000"))
SEED = int(os.environ.get("COROSCOPE_CHAINS_SEED", str(int(time.time()))))

# Runs inside gdb: "ID PC…" lines, inlined frames left out (they have no address of their own).
COLLECT = """
import gdb
Shown = gdb.coroscope["Shown"]
with open("%s", "w") as out:
    for coroutine in gdb.coroscope["open_segment"]().coroutines():
        if coroutine["running"]:
            continue
        pcs = [str(coroutine["id"])]
        with Shown(coroutine) as frame:
            while frame is not None:
                if frame.type() != gdb.INLINE_FRAME:
                    pcs.append("%%x" %% frame.pc())
                frame = frame.older()
        out.write(" ".join(pcs) + "\\n")
"""


def stacks(path):
    with open(path) as file:
        return {line.split()[0]: line.split()[1:] for line in file}


class Differential(unittest.TestCase):
    def test_rows_libunwind_gdb_and_the_programs_own_record_agree(self):
        print(f"{COUNT} chains, seed {SEED}")
        with tempfile.TemporaryDirectory() as folder:
            path = lambda name: os.path.join(folder, name)
            program = subprocess.Popen([os.path.join(BIN, "chains"), "hold", str(COUNT), str(SEED), path("shadow")], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, env={**os.environ, "LD_BIND_NOW": "1"})
            try:
                self.assertEqual(program.stdout.readline(), "ready\n")
                compared = subprocess.run([os.path.join(BIN, "chains_viewer"), "compare", str(program.pid), path("shadow"), path("ours")],
                                          capture_output=True, text=True)
                print(compared.stdout.strip())
                self.assertEqual(compared.returncode, 0, compared.stdout + compared.stderr)
                counts = json.loads(compared.stdout)
                self.assertEqual(counts["agree"], COUNT)
                self.assertEqual(counts["libunwind_agrees"], COUNT)
                self.assertGreater(counts["libunwind_cut"], 0)
                self.assertLess(counts["libunwind_cut"], COUNT / 7)
                self.assertGreater(counts["frames"], 20 * COUNT)

                with open(path("collect.py"), "w") as script:
                    script.write(COLLECT % path("theirs"))
                began = time.monotonic()
                ran = subprocess.run(["gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "set backtrace limit 600", "-p",
                                      str(program.pid), "-ex", "source " + SCRIPT, "-ex", "source " + path("collect.py")],
                                     capture_output=True, text=True)
                ours, theirs = stacks(path("ours")), stacks(path("theirs"))
                print(f"gdb took {time.monotonic() - began:.1f} s for {len(theirs)} stacks")
                self.assertEqual(len(ours), COUNT)
                for identity, pcs in ours.items():
                    self.assertEqual(pcs, theirs.get(identity), f"coroutine {identity} (ours first); gdb said: {ran.stderr[-2000:]}")

                out, _ = program.communicate(timeout=60)  # its stdin ends: everybody goes back the whole way
                self.assertEqual(program.returncode, 0)
                self.assertEqual(json.loads(out)["chains"], COUNT)
            finally:
                program.kill()
                program.communicate()


if __name__ == "__main__":
    sys.exit(unittest.main(argv=sys.argv[:1]))
