"""coroscope-gdb.py against the headers, and gdb's stacks against inspect's: live and in a core.

gdb unwinds from the saved registers by call frame information alone, with code that shares nothing with ours.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

BIN = os.environ["COROSCOPE_BIN"]
SCRIPT = os.path.join(os.environ["COROSCOPE_SOURCE"], "instrumentation/inspect/gdb/coroscope-gdb.py")
COROUTINES = 226  # of six kinds; the last one never ran

# Runs inside gdb: the frames of every coroutine that has run, as JSON on a line of its own.
COLLECT = """
import json
segment = gdb.coroscope["open_segment"]()
found = {}
for coroutine in segment.coroutines():
    if not coroutine["running"]:
        found[coroutine["id"]] = gdb.coroscope["frames_of"](coroutine)
print("FRAMES " + json.dumps(found))
"""


def check_layout():
    spec = importlib.util.spec_from_file_location("coroscope_gdb", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    printed = subprocess.run([os.path.join(BIN, "inspect_gdb_layout")], capture_output=True, text=True, check=True).stdout
    truth = {key: int(value) for key, value in (line.split() for line in printed.splitlines())}
    assert truth.pop("WIRE_MAJOR") == script.WIRE_MAJOR, "the script is for another version of the segment"
    assert truth == script.LAYOUT, {k: (truth.get(k), script.LAYOUT.get(k)) for k in truth.keys() ^ script.LAYOUT.keys()
                                    | {k for k in truth if truth[k] != script.LAYOUT.get(k)}}


def gdb(where, *commands):
    words = ["gdb", "-batch", "-nx", "-ex", "set debuginfod enabled off"] + where + ["-ex", "source " + SCRIPT]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    return done.stdout, done.stderr


def gdb_frames(where):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(COLLECT)
        file.flush()
        out, err = gdb(where, "source " + file.name)
    lines = [line for line in out.splitlines() if line.startswith("FRAMES ")]
    assert lines, out + err
    return {int(key): frames for key, frames in json.loads(lines[0][7:]).items()}


def our_frames(pid):
    out = subprocess.run([os.path.join(BIN, "inspect_print_stacks"), str(pid)], capture_output=True, text=True, check=True)
    stacks = {}
    for line in out.stdout.splitlines():
        identity, pc, inlined, file, number, function = line.split(" ", 5)
        stacks.setdefault(int(identity), []).append(
            {"pc": int(pc, 16), "inlined": inlined == "1", "file": "" if file == "-" else file, "line": int(number),
             "function": function})
    return stacks


def plain(function):
    """The last name of a function without parameters and template arguments: how much of a name is printed is taste."""
    depth, name = 0, ""
    for letter in function.replace("(anonymous namespace)", "anonymous").replace("operator<<", "operator_shift"):
        depth += letter in "(<"
        if depth == 0:
            name += letter
        depth -= letter in ")>"
    words = name.replace(" const", "").split()
    return words[-1].split("::")[-1] if words else ""


def compare(ours, theirs, with_lines):
    assert len(ours) == COROUTINES, len(ours)
    kinds = set()
    levels = 0
    for identity, frames in ours.items():
        other = theirs[identity]
        shape = lambda list_of_frames: [(f["pc"], f["inlined"]) for f in list_of_frames]
        assert shape(frames) == shape(other), "coroutine %d:\n%s\n%s" % (identity, json.dumps(frames, indent=1),
                                                                         json.dumps(other, indent=1))
        kinds.add(tuple(shape(frames)))
        for mine, his in zip(frames, other):
            levels += 1
            if his["function"] and mine["function"] and not mine["function"].startswith("fake_"):
                assert plain(mine["function"]) == plain(his["function"]), (mine, his)
            if with_lines and his["line"] and mine["line"]:
                assert mine["line"] == his["line"], (mine, his)
                assert os.path.basename(mine["file"]) == os.path.basename(his["file"]), (mine, his)
    assert len(kinds) >= 5, "only %d distinct stacks" % len(kinds)
    print("%d stacks, %d levels, %d distinct" % (len(ours), levels, len(kinds)))


def main():
    check_layout()
    target = subprocess.Popen([os.path.join(BIN, "inspect_fake_target"), "--coroutines", str(COROUTINES)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert target.stdout.readline() == "ready\n"
        ours = our_frames(target.pid)
        compare(ours, gdb_frames(["-p", str(target.pid)]), with_lines=True)

        out, err = gdb(["-p", str(target.pid)], "info coroutines kind-2", "coroutine 1000 bt", "coroutine 3", "bt 1")
        assert "38 of %d coroutines shown" % COROUTINES in out, out
        assert "body_deep" in out and "fake_trampoline" in out and "inlined_outer" in out, out
        assert "there is no coroutine 3" in err, err
        assert target.poll() is None  # and it goes on

        with tempfile.TemporaryDirectory() as folder:
            core = os.path.join(folder, "core")
            subprocess.run(["gdb", "-batch", "-nx", "-p", str(target.pid), "-ex", "gcore " + core], capture_output=True,
                           timeout=100, check=True)
            allocated = os.stat(core).st_blocks * 512
            assert allocated < 512 << 20, "the core takes %d MiB: the reservation is in it" % (allocated >> 20)
            where = [os.path.join(BIN, "inspect_fake_target"), core]
            compare(ours, gdb_frames(where), with_lines=True)
            out, err = gdb(where, "info coroutines", "coroutine 1001 bt")
            assert "in_stream" in out, out + err
    finally:
        target.kill()
        target.wait()
    print("gdb agrees, live and in a core")


if __name__ == "__main__":
    sys.exit(main())
