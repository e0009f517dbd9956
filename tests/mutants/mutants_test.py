"""Each planted bug of mutants.toml is caught by its model, and as what it is.

A model test that no bug can make fail proves nothing; here the source that ships is broken on purpose, one change at a time.
For each mutant the changed file is written into a folder of its own; those of the model's sources that read it are compiled as the
build compiles them (compile_commands.json) but with that folder first among the include folders; the others' objects are the
build's. The program must fail, and its report must say what the mutant's entry expects. MUTANTS=NAME runs one and prints its report.

Arguments: the compiler, then what to link a model with.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import unittest

SOURCE = pathlib.Path(os.environ["COROSCOPE_SOURCE"])
BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
TABLE = tomllib.loads((pathlib.Path(__file__).parent / "mutants.toml").read_text())["mutant"]
COMPILER, *LIBRARIES = sys.argv[1:]
SECONDS_MOST = 60  # of one compilation, and of one run


def ninja(*words):
    return subprocess.run(["ninja", "-C", str(BUILD), "-t", *words], check=True, capture_output=True, text=True, timeout=SECONDS_MOST).stdout


def objects_of(model):
    """The objects of a model test, relative to the build folder, and those of its sources and headers that lie in the tree."""
    inputs = [line.strip() for line in ninja("query", f"bin/{model}").splitlines()]
    objects = [word for word in inputs if word.endswith(".o")]
    if not objects:
        raise AssertionError(f"the build has no model {model}: tests/model/CMakeLists.txt declares none of that name")
    known, present = {}, None
    for line in ninja("deps", *objects).splitlines():
        if line.startswith("    "):
            known[present].add(line.strip())
        elif ": #deps" in line:
            present = line.split(":")[0]
            known[present] = set()
    return {name: known[name] for name in objects}


def changed_copy(mutant, folder):
    """Writes the file with the bug under `folder`, by its path in the tree."""
    text = (SOURCE / mutant["file"]).read_text()
    found = text.count(mutant["find"])
    if found != 1:
        raise AssertionError(f"the text to replace stands {found} times in {mutant['file']}, not once: the source has moved on, "
                             f"plant the bug anew\n{mutant['find']}")
    copy = folder / mutant["file"]
    copy.parent.mkdir(parents=True)
    copy.write_text(text.replace(mutant["find"], mutant["replace"]))
    return copy


def build(mutant, folder):
    copy = changed_copy(mutant, folder)
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    objects = []
    for name, sources in objects_of(mutant["model"]).items():
        # Headers are reached by the layers' folders, which are links: the end of the path says which one it is.
        if not any(source.endswith("/" + mutant["file"]) for source in sources):
            objects.append(str(BUILD / name))  # as the build made it
            continue
        entry = next(c for c in commands if f"-o {name} " in c["command"])
        command = shlex.split(entry["command"])
        objects.append(str(folder / f"{len(objects)}.o"))
        command[command.index("-o") + 1] = objects[-1]
        if pathlib.Path(entry["file"]) == SOURCE / mutant["file"]:
            command[command.index("-c") + 1] = str(copy)
        first_include = next(i for i, word in enumerate(command) if word.startswith("-I"))
        command.insert(first_include, f"-I{folder}")
        command += ["-O1", "-g0"]  # half the time; the build's precompiled header still fits
        subprocess.run(command, cwd=entry["directory"], check=True, capture_output=True, text=True, timeout=SECONDS_MOST)
    program = folder / "program"
    subprocess.run([COMPILER, "-o", program, *objects, *LIBRARIES], check=True, capture_output=True, text=True, timeout=SECONDS_MOST)
    return program


def outcome(mutant):
    """None where the bug is caught as expected; else why not."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        try:
            program = build(mutant, pathlib.Path(name))
            run = subprocess.run([program, f"--gtest_filter={mutant['test']}"], capture_output=True, text=True, timeout=SECONDS_MOST)
        except subprocess.CalledProcessError as failed:
            return f"does not compile:\n{failed.stderr}"
        except (AssertionError, subprocess.TimeoutExpired) as failed:
            return str(failed)
    report = run.stdout + run.stderr
    if os.environ.get("MUTANTS"):
        print(report)
    if re.search(r"Running 0 tests", report):
        return f"{mutant['model']} has no test {mutant['test']}"
    if run.returncode == 0:
        return f"{mutant['model']} passes in spite of the bug:\n{report}"
    if not re.search(mutant["caught_as"], report):
        return f"caught, but not as {mutant['caught_as']!r}:\n{report}"
    return None


class Mutants(unittest.TestCase):
    def test_each_planted_bug_is_caught_as_what_it_is(self):
        chosen = [m for m in TABLE if os.environ.get("MUTANTS", m["name"]) == m["name"]]
        self.assertTrue(chosen, "no mutant of that name")
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            for mutant, wrong in zip(chosen, pool.map(outcome, chosen)):
                with self.subTest(mutant["name"]):
                    self.assertIsNone(wrong, wrong)

    def test_there_are_enough_of_them_and_no_two_have_one_name(self):
        names = [mutant["name"] for mutant in TABLE]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 12)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
