#!/usr/bin/env python3
"""Runs every command of the manual again and puts its output where it stands.

    ./dev manual      builds, then runs this; rewrites the ```console blocks of assets/manual/*.md

In such a block each line that begins with "$ " is a command; the lines below it are its output and are replaced. The commands of a page run in one
empty folder, in order. Words: `coroscope` and `demo` are those of this build; NAME=VALUE before them is set for the command. Long output is cut and
the rest counted. A command that ends with 3 or more ends this program: 1 is a finding, 2 a mistake that a page shows.
"""
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.realpath(os.path.join(HERE, "../.."))
BIN = os.path.join(os.environ.get("COROSCOPE_BUILD", os.path.join(SOURCE, "build")), "bin")
LINES_MAX = 16  # of one command's output
WIDTH_MAX = 150
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def output(line, folder):
    words, environment = shlex.split(line), dict(os.environ, LD_BIND_NOW="1", XDG_STATE_HOME=folder)
    while re.match(r"[A-Z_]+=", words[0]):
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    words = [os.path.join(BIN, word) if word in ("coroscope", "demo") else word for word in words]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"manual: {line} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    said = done.stderr if words[1] == "record" else done.stdout + done.stderr  # the demo's own output is no part of it
    lines = [text.replace(SOURCE + "/", "").replace(BIN + "/", "").rstrip() for text in said.splitlines()]
    lines = [text if len(text) <= WIDTH_MAX else text[: WIDTH_MAX - 1] + "…" for text in lines]
    return lines if len(lines) <= LINES_MAX else lines[:LINES_MAX] + [f"… {len(lines) - LINES_MAX} more lines"]


def made_anew(text):
    with tempfile.TemporaryDirectory(prefix="coroscope-manual-") as folder:
        def block(match):
            lines = []
            for command in re.findall(r"^\$ (.*)$", match.group(1), re.MULTILINE):
                lines += ["$ " + command, *output(command, folder)]
            return "```console\n" + "\n".join(lines) + "\n```"
        return BLOCK.sub(block, text)


def main():
    for path in sorted(glob.glob(os.path.join(HERE, "*.md"))):
        with open(path) as page:
            before = page.read()
        after = made_anew(before)
        with open(path, "w") as page:
            page.write(after)
        print(("made anew " if BLOCK.search(before) else "no command in ") + os.path.relpath(path, SOURCE))


if __name__ == "__main__":
    main()
