"""A core is looked at like a program that runs: the same coroutines, the same stacks, and who died of what."""
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest

import harness

STILL_LIFE = os.path.join(harness.BIN, "still_life")
DYING = os.path.join(harness.BIN, "dying")
DYING_GROWABLE = os.path.join(harness.BIN, "dying_growable")
GDB_SCRIPT = os.path.join(harness.SOURCE, "instrumentation/inspect/gdb/coroscope-gdb.py")

# Runs inside gdb: the frames of every coroutine that was parked, as JSON on a line of its own.
COLLECT = """
import json
found = {}
for coroutine in gdb.coroscope["open_segment"]().coroutines():
    if not coroutine["running"]:
        found[coroutine["id"]] = [(frame["pc"], frame["inlined"]) for frame in gdb.coroscope["frames_of"](coroutine)]
print("FRAMES " + json.dumps(found))
"""


def kernel_writes_cores():
    with open("/proc/sys/kernel/core_pattern") as file:
        here = re.fullmatch(r"core(\.%p)?\s*", file.read())
    return here is not None and resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY


def unlimited():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextlib.contextmanager
def started_in(folder, *command):
    """A program whose core lands in the folder. The kernel's cores of CPrime programs hold a gigabyte of nothing, in a few MiB."""
    with harness.started(*command, cwd=folder, preexec_fn=unlimited) as program:
        yield program


def core_in(folder):
    cores = [name for name in os.listdir(folder) if name.startswith("core")]
    assert len(cores) == 1, os.listdir(folder)
    return os.path.join(folder, cores[0])


def stacks(*where):
    listed = harness.coroscope("stacks", *where, "--json", check=0).json()["coroutines"]
    return {c["id"]: c for c in listed}


def without_time(waits):
    return {key: value for key, value in waits.items() if not key.startswith("t")}


@contextlib.contextmanager
def died(how, program=DYING):
    """The core of the program that died of `how`."""
    with harness.folder() as folder:
        with started_in(folder, program, how) as process:
            process.wait(timeout=60)
        yield core_in(folder)


class StillLife(unittest.TestCase):
    """A program at rest: what was seen while it lived is what its core has."""
    COUNT = 300

    @contextlib.contextmanager
    def at_rest(self, folder):
        with started_in(folder, STILL_LIFE, self.COUNT, 100) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the program being attachable")

            def look():
                listed = stacks("--pid", program.pid)
                # COUNT, one more for each that is nested, and main: all parked.
                at_rest = len(listed) == self.COUNT * 4 // 3 + 1 and all(c["state"] == "parked" for c in listed.values())
                return listed if at_rest else None

            self.seen = harness.wait_until(look, what="everybody being parked")
            self.waits = harness.coroscope("waits", "--pid", program.pid, "--json", check=0).json()
            self.stat = harness.coroscope("stat", "--pid", program.pid, "--json", check=0).json()
            program.send_signal(signal.SIGSTOP)
            yield program

    def same_state(self, core):
        waits = harness.coroscope("waits", core, "--json", check=0).json()
        self.assertEqual(without_time(waits), without_time(self.waits))
        stat = harness.coroscope("stat", core, "--json", check=0).json()
        for key in ("totals", "states", "pools", "workers"):
            self.assertEqual(stat[key], self.stat[key], key)
        return stat

    @unittest.skipUnless(kernel_writes_cores(), "the kernel does not write cores into the working directory here")
    def test_the_kernels_core_has_the_stacks_of_the_living_program(self):
        with harness.folder() as folder:
            with self.at_rest(folder) as program:
                program.send_signal(signal.SIGABRT)
                program.send_signal(signal.SIGCONT)
                program.wait(timeout=60)
            core = core_in(folder)
            after = stacks(core)
            self.assertEqual(after.keys(), self.seen.keys())
            for identity, coroutine in self.seen.items():
                for key in ("frames", "state", "reason", "waits_on", "name", "site", "class", "consistency", "stack_used_bytes", "partial"):
                    self.assertEqual(after[identity][key], coroutine[key], (identity, key))
            stat = self.same_state(core)
            self.assertIn(f"SIGABRT, sent by process {os.getpid()}", stat["ended"])
            self.assertEqual(stat["events"], 0)
            self.assertGreater(stat["duration_ns"], self.stat["duration_ns"] - 50e6)  # times of files are coarse
            self.assertLess(stat["duration_ns"], self.stat["duration_ns"] + 60e9)
            picture, dump = os.path.join(folder, "core.png"), os.path.join(folder, "views.json")
            harness.coroscope("replay", core, "--offscreen", "--screenshot", picture, "--dump", dump, check=0)
            with open(picture, "rb") as file:
                self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
            with open(dump) as file:
                self.assertIn("receive_for_good", file.read())
            os.utime(core, (0, 0))  # as if it were from elsewhere
            harness.one_sentence(self, harness.coroscope("stat", core), 0, core, "when it was written is not known")

    def test_gdbs_gcore_has_the_state_and_says_what_it_lacks(self):
        with harness.folder() as folder:
            core = os.path.join(folder, "saved")
            with self.at_rest(folder) as program:
                subprocess.run(["gdb", "-batch", "-nx", "-p", str(program.pid), "-ex", "gcore " + core], capture_output=True, timeout=100,
                               check=True)
            stat = self.same_state(core)
            self.assertIn("saved while it ran", stat["ended"])
            ran = harness.coroscope("stacks", core, "--json", check=0)
            after = {c["id"]: c for c in ran.json()["coroutines"]}
            self.assertEqual(after.keys(), self.seen.keys())
            lacking = 0
            for identity, coroutine in self.seen.items():
                # Behind a guard page gcore reads nothing: then where it parked is known, and no more.
                whole = not after[identity]["partial"]
                lacking += not whole
                expected = coroutine["frames"] if whole else [f for f in coroutine["frames"] if f["pc"] == coroutine["frames"][0]["pc"]]
                self.assertEqual(after[identity]["frames"], expected)
            if lacking:
                harness.one_sentence(self, ran, 0, f"{lacking} stacks are not in it", "gcore")
            else:
                self.assertEqual(ran.err, "")


@unittest.skipUnless(kernel_writes_cores(), "the kernel does not write cores into the working directory here")
class Demo(unittest.TestCase):
    def test_in_the_core_of_a_busy_program_the_stacks_are_those_that_gdb_finds(self):
        with harness.folder() as folder:
            with started_in(folder, harness.DEMO, "--seconds", 60, "--swarm", 500) as demo:
                harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
                harness.wait_until(lambda: sum(c["name"] == "member" for c in stacks("--pid", demo.pid).values()) == 500, what="the swarm")
                demo.send_signal(signal.SIGABRT)
                demo.wait(timeout=60)
            core = core_in(folder)
            ours = stacks(core)
            with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
                file.write(COLLECT)
                file.flush()
                ran = harness.run("gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off", harness.DEMO, core, "-ex", "source " + GDB_SCRIPT,
                                  "-ex", "source " + file.name)
            lines = [line for line in ran.out.splitlines() if line.startswith("FRAMES ")]
            self.assertTrue(lines, ran.out + ran.err)
            theirs = {int(key): [tuple(frame) for frame in frames] for key, frames in json.loads(lines[0][7:]).items()}
            parked = {identity: c for identity, c in ours.items() if c["state"] != "running"}
            self.assertEqual(parked.keys(), theirs.keys())
            self.assertGreater(len(parked), 500)
            for identity, coroutine in parked.items():
                self.assertEqual([(f["pc"], f["inlined"]) for f in coroutine["frames"]], theirs[identity], coroutine)
                self.assertEqual((coroutine["consistency"], coroutine["partial"]), ("exact", False), coroutine)
            print(f"{len(parked)} stacks from {len({c['site'] for c in parked.values()})} sites agree with gdb's")


@unittest.skipUnless(kernel_writes_cores(), "the kernel does not write cores into the working directory here")
class Dying(unittest.TestCase):
    """Whoever ran when the program died is shown with its stack, whatever stack its thread stood on."""

    def victim_of(self, how, signal_name, *functions, program=DYING):
        with died(how, program) as core:
            ended = harness.coroscope("stat", core, "--json", check=0).json()["ended"]
            listed = stacks(core)
        victim = next(c for c in listed.values() if c["name"] == "victim")
        self.assertIn(f"{signal_name}", ended)
        self.assertIn(f"in coroutine {victim['id']} (victim)", ended)
        self.assertEqual((victim["state"], victim["consistency"], victim["partial"]), ("running", "exact", False))
        names = [f["function"].split("::")[-1] for f in victim["frames"]]
        for function in functions + ("die",):
            self.assertIn(function, names)
        self.assertEqual(names[-1], "cprime_trampoline")
        waiting = [c for c in listed.values() if c["name"] == "receiver"]
        self.assertEqual(len(waiting), 5)
        for coroutine in waiting:
            self.assertEqual((coroutine["consistency"], coroutine["partial"]), ("exact", False))
        return victim, ended

    def line_of(self, text):
        with open(os.path.join(harness.SOURCE, "tests/targets/dying.cpp")) as file:
            return next(number for number, line in enumerate(file, 1) if text in line)

    def test_of_a_null_pointer_shows_the_line(self):
        victim, ended = self.victim_of("write", "SIGSEGV at address 0x0")
        self.assertEqual((victim["frames"][0]["function"].split("::")[-1], victim["frames"][0]["line"]), ("die", self.line_of('how == "write"')))

    def test_of_a_call_into_nowhere_shows_who_called(self):
        victim, _ = self.victim_of("call", "SIGSEGV at address 0x0")
        self.assertEqual([f["pc"] == 0 for f in victim["frames"][:2]], [True, False])

    def test_of_abort(self):
        self.victim_of("abort", "SIGABRT", "__GI_abort")

    def test_inside_the_runtime_shows_the_workers_frames_and_its_own(self):
        self.victim_of("misuse", "SIGABRT", "cprime_park")

    def test_of_a_handler_on_the_alternate_stack_shows_what_it_interrupted(self):
        self.victim_of("handler", "SIGABRT", "abort_in_handler", "raise_in_handler")

    def test_of_a_bad_pointer_given_to_the_vdso(self):
        victim, _ = self.victim_of("kernel", "SIGSEGV at address 0x8")
        self.assertEqual(victim["frames"][0]["module"], "[vdso]")

    def test_of_a_stack_that_goes_over_segments(self):
        victim, _ = self.victim_of("deep", "SIGSEGV at address 0x0", "die_deep_down", program=DYING_GROWABLE)
        self.assertGreater(len(victim["segments"]), 0)
        self.assertEqual(sum(f["function"].endswith("die_deep_down") for f in victim["frames"]), 101)
        self.assertGreater(victim["stack_used_bytes"], 101 * 4000)

    def test_of_an_overflow(self):
        victim, _ = self.victim_of("overflow", "SIGSEGV at address 0x", "use_up_the_stack")
        self.assertGreater(len(victim["frames"]), 100)


@unittest.skipUnless(kernel_writes_cores(), "the kernel does not write cores into the working directory here")
class Binary(unittest.TestCase):
    def test_a_program_that_was_moved_is_named_with_binary_and_another_is_refused(self):
        with harness.folder() as folder:
            program, kept = os.path.join(folder, "program"), os.path.join(folder, "kept")
            shutil.copy(DYING, program)
            with died("abort", program) as core:
                os.rename(program, kept)
                ran = harness.coroscope("stacks", core)
                harness.one_sentence(self, ran, 0, program, "--binary")
                self.assertNotIn("receive_for_good", ran.out)
                ran = harness.coroscope("stacks", core, "--binary", kept, check=0)
                self.assertEqual(ran.err, "")
                self.assertIn("receive_for_good", ran.out)
                for word in ("stacks", "stat", "waits"):
                    harness.one_sentence(self, harness.coroscope(word, core, "--binary", harness.DEMO), 3, "another build", harness.DEMO)
                harness.one_sentence(self, harness.coroscope("stacks", core, "--binary", "/nonexistent"), 3, "/nonexistent")
                ran = harness.coroscope("replay", core, "--binary", harness.DEMO, "--offscreen", "--screenshot", os.path.join(folder, "a.png"))
                harness.one_sentence(self, ran, 3, "another build")


class BadInput(unittest.TestCase):
    def each_word(self, path, *words):
        for word in ("stat", "stacks", "waits"):
            harness.one_sentence(self, harness.coroscope(word, path), 3, path, *words)
        ran = harness.coroscope("replay", path, "--offscreen", "--screenshot", os.devnull)
        harness.one_sentence(self, ran, 3, path, *words)

    def test_an_empty_file(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "core")
            open(path, "w").close()
            self.each_word(path)

    def test_a_program_instead_of_its_core(self):
        self.each_word(DYING, "not a core", "--binary")

    def test_a_core_of_a_program_without_a_runtime(self):
        with harness.folder() as folder, harness.started("sleep", "60") as sleeper:
            path = os.path.join(folder, "core")
            subprocess.run(["gdb", "-batch", "-nx", "-p", str(sleeper.pid), "-ex", "gcore " + path], capture_output=True, timeout=100, check=True)
            self.each_word(path, "without a CPrime runtime")
            with open(path, "r+b") as file:
                file.seek(4)  # EI_CLASS: 32 bits
                file.write(b"\x01")
            self.each_word(path, "32-bit")

    def test_binary_goes_with_cores_only(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 10, check=0)
            harness.one_sentence(self, harness.coroscope("stat", trace, "--binary", harness.DEMO), 2, "--binary", trace)
            harness.one_sentence(self, harness.coroscope("stat", "--pid", "1", "--binary", harness.DEMO), 2, "--binary")

    @unittest.skipUnless(kernel_writes_cores(), "the kernel does not write cores into the working directory here")
    def test_a_core_that_was_cut_off_shows_what_is_left_or_says_that_nothing_is(self):
        with died("abort") as core:
            whole = os.path.getsize(core)
            with open(core, "rb") as file:
                header = file.read(64)
                first, = struct.unpack_from("<Q", header, 32)
                count, = struct.unpack_from("<H", header, 56)
                file.seek(first)
                programs = [struct.unpack_from("<IIQQQQQQ", file.read(56)) for _ in range(count)]
                memory = [p for p in programs if p[0] == 1 and p[5] > 0]

                def begins_with_magic(program):
                    file.seek(program[2])
                    return file.read(8) == b"COROSEG1"

                segment = next(p for p in memory if begins_with_magic(p))
            # In the last mappings: the kernel's own pages, so that all is there and the cut is told.
            os.truncate(core, whole - 3 * 4096)
            ran = harness.coroscope("stacks", core)
            harness.one_sentence(self, ran, 0, core, "cut off")
            self.assertIn("receive_for_good", ran.out)
            for size, words in ((segment[2] + 4096, ["cut off"]), (segment[2], ["cut off"]), (first + 100, ["cut off"]), (30, ["no core"])):
                os.truncate(core, size)
                self.each_word(core, *words)


if __name__ == "__main__":
    harness.main()
