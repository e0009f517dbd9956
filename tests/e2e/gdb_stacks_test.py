"""Stacks of the demo, by `coroscope stacks` and by gdb, are the same.

gdb unwinds from the saved registers by call frame information alone (coroscope-gdb.py only tells it where they are). Compared
are PCs, depth and inlined frames of at least 200 parked coroutines from at least five kinds of site, while the demo holds.
"""
import json
import os
import re
import resource
import signal
import tempfile
import unittest

import harness

SCRIPT = os.path.join(harness.SOURCE, "instrumentation/inspect/gdb/coroscope-gdb.py")
SECONDS = 36  # it holds from 12 s to 24 s
SWARM = 250

# Runs inside gdb.
COLLECT = """
import json
found = {}
for coroutine in gdb.coroscope["open_segment"]().coroutines():
    if not coroutine["running"]:
        found[coroutine["id"]] = gdb.coroscope["frames_of"](coroutine)
print("FRAMES " + json.dumps(found))
"""


def our_stacks(pid):
    listed = harness.coroscope("stacks", "--pid", pid, "--json", check=0).json()["coroutines"]
    return {c["id"]: c for c in listed}


def gdb_stacks(pid):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(COLLECT)
        file.flush()
        ran = harness.run("gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", "-p", pid, "-ex", "source " + SCRIPT,
                          "-ex", "source " + file.name)
    lines = [line for line in ran.out.splitlines() if line.startswith("FRAMES ")]
    assert lines, ran.out + ran.err
    return {int(key): frames for key, frames in json.loads(lines[0][7:]).items()}


def shape(frames):
    return [(frame["pc"], frame["inlined"]) for frame in frames]


class GdbStacks(unittest.TestCase):
    def test_pcs_depth_and_inlined_frames_equal_those_of_gdb(self):
        with harness.folder() as folder:
            edges = os.path.join(folder, "edges")
            with harness.started(harness.DEMO, "--seconds", SECONDS, "--swarm", SWARM, "--edges", edges) as demo:
                harness.wait_until(lambda: os.path.exists(edges), seconds=60, what="the demo holding still")
                before = our_stacks(demo.pid)
                theirs = gdb_stacks(demo.pid)
                after = our_stacks(demo.pid)
                self.assertIsNone(demo.poll(), "the demo did not survive being looked at")
        compared, sites = 0, set()
        for identity, coroutine in before.items():
            # Whoever moved while the two looked (a timer in the hold, nobody else) has two stacks to compare.
            if identity not in theirs or identity not in after or coroutine["state"] == "running":
                continue
            if shape(coroutine["frames"]) != shape(after[identity]["frames"]):
                continue
            self.assertEqual(coroutine["consistency"], "exact")
            self.assertEqual(shape(coroutine["frames"]), shape(theirs[identity]),
                             json.dumps([coroutine["frames"], theirs[identity]], indent=1))
            # The end: the trampoline, which nobody called, below the function that the coroutine was made of.
            self.assertEqual(coroutine["frames"][-1]["function"], "cprime_trampoline")
            outermost = [frame for frame in coroutine["frames"] if frame["function"] != "__morestack"][-2]
            self.assertTrue(re.search(r"run_closure|entry", outermost["function"]), outermost)
            compared += 1
            sites.add(coroutine["site"])
        print(f"{compared} stacks from {len(sites)} sites agree with gdb's")
        self.assertGreaterEqual(compared, 200)
        self.assertGreaterEqual(len(sites), 5, sites)
        self.assertGreaterEqual(compared, len(before) - 10)

    def test_a_core_of_the_demo_still_shows_its_coroutines(self):
        with open("/proc/sys/kernel/core_pattern") as file:
            if not re.fullmatch(r"core(\.%p)?\s*", file.read()):
                self.skipTest("cores do not land in the working directory here")
        with harness.folder() as folder:
            def with_core():
                resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

            with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 100, cwd=folder, preexec_fn=with_core) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")

                def all_there():
                    listed = our_stacks(demo.pid)
                    return listed if sum(c["name"] == "member" for c in listed.values()) == 100 else None

                listed = harness.wait_until(all_there, what="the swarm being there")
                main = next(c for c in listed.values() if c["name"] == "main")
                demo.send_signal(signal.SIGABRT)
                demo.wait(timeout=60)
            cores = [name for name in os.listdir(folder) if name.startswith("core")]
            self.assertEqual(len(cores), 1, "no core was written")
            core = os.path.join(folder, cores[0])
            self.assertLess(os.stat(core).st_blocks * 512, 512 << 20, "the core holds reserved memory")
            ran = harness.run("gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", harness.DEMO, core, "-ex",
                              "source " + SCRIPT, "-ex", "info coroutines member", "-ex", f"coroutine {main['id']} bt")
            self.assertIn("100 of ", ran.out, ran.out + ran.err)
            self.assertIn("demo::Demo::conduct", ran.out, ran.out + ran.err)
            self.assertIn("cprime_trampoline", ran.out)

    def test_gdb_loads_the_commands_from_the_program_itself(self):
        still_life = os.path.join(harness.BIN, "still_life")
        with harness.started(still_life, 9, 60) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="still_life being attachable")
            harness.wait_until(lambda: len(our_stacks(program.pid)) == 13, what="its coroutines standing still")
            two = " ".join(str(i) for i in sorted(our_stacks(program.pid))[:2])
            ran = harness.run("gdb", "-batch", "-nx", "-iex", "set auto-load safe-path /", "-iex", "set debuginfod enabled off",
                              "-p", program.pid, "-ex", "info coroutines", "-ex", "coroutine apply all bt",
                              "-ex", f"coroutine apply {two} bt", "-ex", "coroutine 999999 bt", check=None)
            self.assertIn("13 of 13 coroutines shown", ran.out, ran.err)
            self.assertEqual(len(re.findall(r"^Coroutine \d+ \(", ran.out, re.M)), 13 + 2)
            self.assertIn("receive_for_good", ran.out)
            self.assertIn("there is no coroutine 999999", ran.out + ran.err)
            self.assertIsNone(program.poll())


if __name__ == "__main__":
    harness.main()
