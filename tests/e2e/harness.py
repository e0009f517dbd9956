"""What the end-to-end tests share: where the programs are, running them, and reading their JSON.

A test is a file NAME_test.py whose unittest.TestCase methods are sentences. It ends with `harness.main()`.
Environment (set by CTest): COROSCOPE_BIN, COROSCOPE_SOURCE, COROSCOPE_BUILD.
"""
import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.environ.get("COROSCOPE_SOURCE", os.path.realpath(os.path.join(os.path.dirname(__file__), "../..")))
BUILD = os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build"))
BIN = os.environ.get("COROSCOPE_BIN", os.path.join(BUILD, "bin"))
COROSCOPE = os.path.join(BIN, "coroscope")
DEMO = os.path.join(BIN, "demo")


class Ran:
    """A finished program."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def last_json(self):
        """The last line of stdout, which the demo promises to be JSON."""
        return json.loads(self.out.strip().splitlines()[-1])


def run(*command, timeout=120, env=None, check=None, **more):
    """Runs a program to its end. check: the exit code that is expected."""
    environment = dict(os.environ, **(env or {}))
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, env=environment, **more)
    if check is not None and done.returncode != check:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}, not {check}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return Ran(done.returncode, done.stdout, done.stderr)


def coroscope(*arguments, **more):
    return run(COROSCOPE, *arguments, **more)


@contextlib.contextmanager
def started(*command, env=None, **more):
    """A program in the background; killed at the end if it still runs."""
    environment = dict(os.environ, **(env or {}))
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment, **more)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(condition, seconds=20, what="the condition"):
    """Polls until condition() is true; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


def attachable(pid):
    """True once `coroscope ls` offers the process."""
    listed = coroscope("ls", "--json", check=0).json()
    return any(t["pid"] == pid and t.get("attachable") for t in listed.get("targets", []))


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="coroscope-test-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def one_sentence(test, ran, code, *words):
    """The error is one line on stderr, names the thing, and the exit code is right."""
    test.assertEqual(ran.code, code, ran.err)
    lines = [line for line in ran.err.strip().splitlines() if line]
    test.assertEqual(len(lines), 1, ran.err)
    for word in words:
        test.assertIn(word.lower(), ran.err.lower())


def main():
    if "XDG_STATE_HOME" not in os.environ:
        os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="coroscope-state-")
        atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)
    unittest.main(verbosity=2)
