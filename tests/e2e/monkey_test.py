"""Random inputs, while sessions die and traces are swapped under the window: it neither crashes, nor leaks (in the build with ASan), nor hangs.

Environment: COROSCOPE_MONKEY_INPUTS (default 300), COROSCOPE_MONKEY_SEED (default 1). `./dev monkey` has 10,000 of a seed of its own, with ASan.
Each frame over 100 ms is said with the input before it. Frames are not judged here: machines are shared, and ASan is slow.
"""
import os
import random
import re
import shutil
import threading
import unittest

import harness

INPUTS = int(os.environ.get("COROSCOPE_MONKEY_INPUTS", "300"))
SEED = int(os.environ.get("COROSCOPE_MONKEY_SEED", "1"))
STILL_LIFE = os.path.join(harness.BIN, "still_life")
GOLDEN = [os.path.join(harness.SOURCE, "tests/golden", name) for name in ("small.coro", "small_2.coro")]


def only_the_driver_leaks(said):
    """LeakSanitizer has nothing but what Mesa's driver, gone by then, has left: some 240 bytes, whatever the window did."""
    frames = re.findall(r"^ +#[1-9][0-9]* .*$", said, re.MULTILINE)
    return "LeakSanitizer" in said and "AddressSanitizer:DEADLYSIGNAL" not in said and bool(frames) and all("<unknown module>" in f for f in frames)


class Monkey(unittest.TestCase):
    def swap_traces(self, folder, recorded, end):
        """Puts one trace, another, half of one, nothing that is one, or nothing at all under the names that the window opens."""
        chance = random.Random(SEED)
        with open(recorded, "rb") as file:
            whole = file.read()
        while not end.wait(0.05):
            name = os.path.join(folder, chance.choice(("one.coro", "two.coro")))
            what = chance.randrange(5)
            with open(name + ".new", "wb") as file:
                file.write(whole if what == 0 else whole[: chance.randrange(len(whole))] if what == 1 else b"\x89CORO\r\n\x1a" + bytes(200) if what == 2 else b"")
            if what == 3:
                shutil.copy(chance.choice(GOLDEN), name + ".new")
            os.replace(name + ".new", name)
            if what == 4 and chance.randrange(3) == 0:
                with open(name, "r+b") as file:  # cut where it stands, as somebody does who writes it anew
                    file.truncate(0)

    def test_random_inputs_break_nothing(self):
        with harness.folder() as folder, harness.started(STILL_LIFE, 120, 600) as still:
            recorded = os.path.join(folder, "run.coro")
            harness.coroscope("record", "-o", recorded, "--", harness.DEMO, "--seconds", 1, "--swarm", 200, check=0, timeout=120)
            for name in ("one.coro", "two.coro"):
                shutil.copy(recorded, os.path.join(folder, name))
            harness.wait_until(lambda: harness.attachable(still.pid), what="the program being attachable")
            dump = os.path.join(folder, "dump.json")
            script = os.path.join(folder, "monkey.script")
            with open(script, "w") as file:
                file.write(f'monkey {INPUTS} {SEED} {recorded} one.coro two.coro {still.pid} "{harness.DEMO} --seconds 600 --swarm 200" '
                           f'"{harness.DEMO} --seconds 1 --swarm 20"\nclose\nwait-for session == false\ndump {dump}\nquit\n')
            end = threading.Event()
            swapper = threading.Thread(target=self.swap_traces, args=(folder, recorded, end))
            swapper.start()
            try:
                done = harness.run(harness.COROSCOPE, "--offscreen", "--script", script, "--size", "1280x800", cwd=folder, timeout=60 + INPUTS,
                                   env={"XDG_STATE_HOME": folder, "HOME": folder})
            finally:
                end.set()
                swapper.join()
            print(done.err)
            self.assertTrue(done.code == 0 or only_the_driver_leaks(done.err), done.err[-8000:])
            said = re.search(rf"monkey: {INPUTS} inputs from seed {SEED}, (\d+) frames, (\d+) of a session", done.err)
            self.assertIsNotNone(said, done.err[-8000:])
            self.assertGreater(int(said.group(2)), int(said.group(1)) / 4, "it played with the start page most of the time")
            self.assertTrue(os.path.exists(dump))
            self.assertIsNone(still.poll(), "who is only looked at does not end")
            longest = float(re.search(r"the slowest (\d+) ms", done.err).group(1))
            self.assertLess(longest, 20_000, "the window hung")


if __name__ == "__main__":
    harness.main()
