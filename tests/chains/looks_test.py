"""A program at full load is looked at by viewers that come, go, and are killed; every stack they call exact is the one that the program wrote down.

`chains churn`: coroutines on two workers run chains of calls drawn by a seed, park at any depth, for any time, end and are made anew, and keep a record
of each chain (shadow.h) under the number that the runtime itself has for that park: none of it relies on the checks that are on trial. Meanwhile one to
three viewers at a time, `chains_viewer watch` (which judge what they copy), `coroscope stacks` and `coroscope record`, attach for a random
time and detach, or are killed by SIGKILL. At the end the program's totals must be right.

COROSCOPE_LOOKS_SECONDS (default 20) says how long; `./dev looks [MINUTES] [SEED]` runs ten minutes. The seed is printed.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ["COROSCOPE_BIN"]
SECONDS = int(os.environ.get("COROSCOPE_LOOKS_SECONDS", "20"))
SEED = int(os.environ.get("COROSCOPE_LOOKS_SEED", str(int(time.time()))))
COROUTINES = 400
KINDS = ("looks", "agree", "wrong", "unfinished", "unpaired", "labelled", "frames")


class Viewer:
    """One that has been started: what it is, when it is to be killed (or None: it leaves by itself), and what it said."""

    def __init__(self, kind, command, kill_at, folder):
        self.kind, self.kill_at = kind, kill_at
        self.out = tempfile.TemporaryFile("w+", dir=folder)
        self.err = tempfile.TemporaryFile("w+", dir=folder)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err, text=True)
        self.killed = False

    def over(self):
        if self.process.poll() is None and self.kill_at is not None and time.monotonic() >= self.kill_at:
            self.process.kill()
            self.process.wait()
            self.killed = True
        return self.process.poll() is not None

    def said(self):
        self.out.seek(0)
        self.err.seek(0)
        with self.out, self.err:
            return self.out.read(), self.err.read()


class Looks(unittest.TestCase):
    def start_one(self, folder, pid, shadow, dice, number):
        seconds = dice.uniform(0.1, 3)
        kill_at = time.monotonic() + dice.uniform(0, seconds) if dice.random() < 0.4 else None
        kind = dice.choices(("watch", "stacks", "record"), (8, 2, 1))[0]
        if kind == "watch":
            command = [os.path.join(BIN, "chains_viewer"), "watch", str(pid), shadow, f"{seconds:.2f}"]
        elif kind == "stacks":
            command = [os.path.join(BIN, "coroscope"), "stacks", "--pid", str(pid), "--json"]
        else:  # leaves by being interrupted, or killed: there is no other way for one that records somebody else's program
            kill_at = time.monotonic() + seconds
            command = [os.path.join(BIN, "coroscope"), "record", "-o", os.path.join(folder, f"{number}.coro"), "--pid", str(pid)]
        return Viewer(kind, command, kill_at, folder)

    def judge(self, viewer, totals, kinds):
        out, err = viewer.said()
        # One records at a time; a second one says so and leaves.
        refused = viewer.kind == "record" and viewer.process.returncode == 3 and "is already being recorded" in err
        how = "killed" if viewer.killed else "refused" if refused else "left"
        kinds[(viewer.kind, how)] = kinds.get((viewer.kind, how), 0) + 1
        if viewer.kind == "watch":
            lines = [line for line in out.splitlines() if line.endswith("}")]
            for key, value in json.loads(lines[-1]).items() if lines else ():
                totals[key] += value
        if how == "left":
            self.assertEqual(viewer.process.returncode, 0, f"{viewer.kind}: {err}")
        self.assertNotIn("coroutine", err, err)

    def test_no_exact_stack_is_wrong_and_the_program_is_unharmed(self):
        print(f"{SECONDS} s, seed {SEED}")
        dice = random.Random(SEED)
        totals, kinds = dict.fromkeys(KINDS, 0), {}
        with tempfile.TemporaryDirectory() as folder:
            shadow = os.path.join(folder, "shadow")
            program = subprocess.Popen([os.path.join(BIN, "chains"), "churn", str(COROUTINES), str(SEED), shadow, str(SECONDS)],
                                       stdout=subprocess.PIPE, text=True, env={**os.environ, "LD_BIND_NOW": "1", "CPRIME_STALL_MS": "0"})
            viewers, number = [], 0
            try:
                self.assertEqual(program.stdout.readline(), "ready\n")
                end = time.monotonic() + SECONDS - 4  # who is there then leaves before the program ends
                while time.monotonic() < end or viewers:
                    for viewer in [v for v in viewers if v.over()]:
                        viewers.remove(viewer)
                        self.judge(viewer, totals, kinds)
                    if time.monotonic() < end and len(viewers) < 1 + number % 3:
                        number += 1
                        viewers.append(self.start_one(folder, program.pid, shadow, dice, number))
                    self.assertIsNone(program.poll(), "the program did not survive being looked at")
                    time.sleep(0.02)
                out, _ = program.communicate(timeout=60)
            finally:
                for process in [program] + [v.process for v in viewers]:
                    process.kill()
                    process.wait()
        print(json.dumps(totals))
        print(", ".join(f"{count} {kind} {how}" for (kind, how), count in sorted(kinds.items())))
        print(out.strip())
        self.assertEqual(program.returncode, 0)
        self.assertEqual(totals["wrong"], 0)
        self.assertEqual(totals["unfinished"], 0)
        self.assertGreater(totals["agree"], 1000 * SECONDS)
        self.assertGreater(totals["labelled"], 0)  # some were caught running: the program did move
        ended = json.loads(out)
        self.assertEqual(ended["sent"], ended["received"])
        self.assertGreater(ended["parks"], 10_000 * SECONDS)


if __name__ == "__main__":
    sys.exit(unittest.main(argv=sys.argv[:1]))
