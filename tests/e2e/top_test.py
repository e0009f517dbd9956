"""`coroscope top`: its numbers are those of `stat`, it fits any terminal, and leaves each as it found it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import harness

STILL_LIFE = os.path.join(harness.BIN, "still_life")


class Screen:
    """A terminal of our own with `coroscope top` in it: what it shows by now, as lines."""

    def __init__(self, *arguments, columns=80, rows=24, env=None):
        self.ours, self.theirs = pty.openpty()
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self.theirs)
        environment = dict(os.environ, TERM="xterm-256color", **(env or {}))
        environment.pop("NO_COLOR", None) if env is None else None
        self.process = subprocess.Popen([harness.COROSCOPE, "top", *map(str, arguments)], stdin=self.theirs, stdout=self.theirs, stderr=subprocess.PIPE,
                                        env=environment, start_new_session=True)
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self.ours)
        os.close(self.theirs)

    def resize(self, columns, rows, tell=True):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def read(self, seconds=0.1):
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if ready:
            self.bytes += os.read(self.ours, 65536)

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def lines(self):
        """Of the last whole picture: each begins at the top left corner and ends with what clears the rest."""
        pictures = [part for part in self.bytes.split(b"\x1b[H") if part.endswith(b"\x1b[J") or b"\x1b[J\x1b" in part]
        if not pictures:
            return []
        text = pictures[-1].split(b"\x1b[J")[0].decode()
        return [re.sub(r"\x1b\[[0-9;]*[mK]", "", line).rstrip("\r") for line in text.split("\n")]

    def wait_for(self, condition, what, seconds=30):
        def look():
            self.read()
            return condition(self.lines())

        return harness.wait_until(look, seconds=seconds, what=f"{what}; the screen shows\n" + "\n".join(self.lines()))

    def end(self):
        """Waits until it has ended, reading what it still says; its exit code."""
        harness.wait_until(lambda: (self.read(), self.process.poll() is not None)[1], what="top ending")
        for _ in range(3):
            self.read(0.05)
        return self.process.returncode

    def is_as_before(self, test):
        self.end()
        test.assertEqual(termios.tcgetattr(self.theirs)[:4], self.before[:4])
        self.bytes.rindex(b"\x1b[?1049l")
        test.assertGreater(self.bytes.rindex(b"\x1b[?1049l"), self.bytes.rindex(b"\x1b[?1049h"))
        test.assertGreater(self.bytes.rindex(b"\x1b[?25h"), self.bytes.rindex(b"\x1b[?25l"))


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.started(STILL_LIFE, 99, 200)
        cls.program = cls.context.__enter__()
        harness.wait_until(lambda: harness.attachable(cls.program.pid), what="the program being attachable")
        # 99, those that the nested ones spawned, and the first; all of them stand still.
        cls.stat = harness.wait_until(lambda: cls.standing_still(), what="all coroutines standing still")

    @classmethod
    def standing_still(cls):
        stat = harness.coroscope("stat", "--pid", cls.program.pid, "--json", check=0).json()
        return stat if stat["states"] == {"parked": 133} or stat["states"].get("parked") == 133 else None

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def test_one_table_has_the_numbers_of_stat(self):
        top = harness.coroscope("top", "--pid", self.program.pid, "--json", check=0).json()
        self.assertEqual(top["coroutines"], 133)
        self.assertEqual(top["states"], self.stat["states"])
        self.assertEqual(sum(site["coroutines"] for site in top["sites"]), 133)
        used = {(pool["class"], pool["purpose"]): (pool["used"], pool["slots"]) for pool in top["pools"]}
        for pool in self.stat["pools"]:
            if pool["slots"]:
                self.assertEqual(used[pool["class"], pool["purpose"]], (pool["used"], pool["slots"]))
        channels = {row["channel"]: row for row in top["channels"]}
        self.assertEqual(channels["channel:nothing comes"]["receivers_waiting"], 66)
        self.assertEqual(channels["channel:nobody takes"]["senders_waiting"], 33)
        self.assertEqual([lint["rule"] for lint in top["lints"]["lints"]], ["channel-full"])
        self.assertEqual(len(top["workers"]), 2)

    def test_without_a_terminal_it_is_text_without_escapes(self):
        text = harness.coroscope("top", "--pid", self.program.pid, check=0).out
        self.assertIn("133 coroutines: 133 parked", text)
        self.assertNotIn("\x1b", text)

    def test_the_screen_shows_the_same_in_80_by_24(self):
        with Screen("--pid", self.program.pid) as screen:
            lines = screen.wait_for(lambda lines: lines if len(lines) == 24 and "133 parked" in lines[1] else None, "the first table")
            self.assertTrue(all(len(line) <= 80 for line in lines))
            self.assertIn(f"({self.program.pid})", lines[0])
            self.assertTrue(lines[23].startswith("q quit"), lines[23])
            receivers = [line for line in lines if line.startswith("receiver still_life.cpp")]
            self.assertRegex(receivers[0], r"0 % +33 +0 ")
            self.assertIn(b"\x1b[7m", screen.bytes)
            screen.wait_for(lambda lines: any("nobody has received from channel:nobody takes" in line for line in lines), "the lint")
            screen.type("q")
            self.assertEqual(screen.end(), 0)
            screen.is_as_before(self)

    def test_a_resize_gives_another_picture_of_the_new_size(self):
        with Screen("--pid", self.program.pid) as screen:
            screen.wait_for(lambda lines: len(lines) == 24, "the first table")
            for columns, rows in ((120, 40), (30, 8), (80, 24)):
                screen.resize(columns, rows)
                lines = screen.wait_for(lambda lines: lines if len(lines) == rows else None, f"{rows} rows")
                self.assertTrue(all(len(line) <= columns for line in lines), lines)
            screen.type("q")
            screen.is_as_before(self)

    def test_signals_restore_the_terminal_too(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
            with Screen("--pid", self.program.pid) as screen:
                screen.wait_for(lambda lines: len(lines) == 24, "the first table")
                self.assertNotEqual(termios.tcgetattr(screen.theirs)[:4], screen.before[:4])
                screen.process.send_signal(number)
                screen.is_as_before(self)

    def test_stopped_it_gives_the_terminal_back_and_goes_on_when_continued(self):
        with Screen("--pid", self.program.pid) as screen:
            screen.wait_for(lambda lines: len(lines) == 24, "the first table")
            screen.process.send_signal(signal.SIGTSTP)

            def stopped():
                screen.read()
                with open(f"/proc/{screen.process.pid}/stat") as file:
                    return file.read().rsplit(") ", 1)[1][0] == "T"

            harness.wait_until(stopped, what="top being stopped")
            self.assertEqual(termios.tcgetattr(screen.theirs)[:4], screen.before[:4])
            screen.bytes = b""
            screen.process.send_signal(signal.SIGCONT)
            screen.wait_for(lambda lines: len(lines) == 24, "a table after going on")
            screen.type("q")
            screen.is_as_before(self)

    def test_keys_sort_filter_and_pause(self):
        with Screen("--pid", self.program.pid) as screen:
            screen.wait_for(lambda lines: any("s sort: running" in line for line in lines), "the first table")
            screen.type("s")
            screen.wait_for(lambda lines: any("s sort: ready" in line for line in lines), "the next order")
            screen.type("/nest")
            screen.wait_for(lambda lines: lines[-1].startswith("filter: nest_"), "what was typed")
            screen.wait_for(lambda lines: any(line.startswith("nested ") for line in lines) and not any(line.startswith("sender ") for line in lines),
                            "only what was asked for")
            screen.type("\r")
            screen.wait_for(lambda lines: "/ filter: nest" in lines[-1], "the foot again")
            screen.type("\x1b")
            screen.wait_for(lambda lines: any(line.startswith("sender ") for line in lines), "everybody again")
            screen.type("p")
            screen.wait_for(lambda lines: "paused" in lines[0], "the pause")
            uptime = screen.lines()[0]
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                screen.read()
            self.assertEqual(screen.lines()[0], uptime)
            screen.type("p\x1b[B")
            screen.wait_for(lambda lines: "paused" not in lines[0], "going on")
            screen.type("q")
            self.assertEqual(screen.end(), 0)

    def test_no_color_means_none(self):
        with Screen("--pid", self.program.pid, env={"NO_COLOR": "1"}) as screen:
            screen.wait_for(lambda lines: len(lines) == 24, "the first table")
            self.assertIsNone(re.search(rb"\x1b\[[0-9;]*m", screen.bytes))

    def test_a_file_is_one_table(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0, timeout=200)
            top = harness.coroscope("top", trace, "--json", check=0).json()
            self.assertGreater(top["coroutines"], 100)
            self.assertIsNone(top["switches_per_second"])

    def test_a_mistake_is_one_sentence(self):
        harness.one_sentence(self, harness.coroscope("top", "--pid", 4194303), 3, "4194303")
        harness.one_sentence(self, harness.coroscope("top"), 2, "top needs either a trace or a running program")


if __name__ == "__main__":
    harness.main()
