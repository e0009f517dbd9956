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
        harness.one_sentence(self, harness.coroscope("top", "--", "/nowhere/prog"), 2, "/nowhere/prog")
        harness.one_sentence(self, harness.coroscope("top", "--pid", 1, "--", harness.DEMO), 2, "top needs either a trace or a running program, or one to start")
        harness.one_sentence(self, harness.coroscope("top", "--pid", 4194303), 3, "4194303")
        harness.one_sentence(self, harness.coroscope("top"), 2, "top needs either a trace or a running program")


class TopOfAProgramThatItStarts(unittest.TestCase):
    """Scripts stand around the programs: what they write and exit with is known."""

    def script(self, *words):
        return ["sh", "-c", *words]

    def demo(self, seconds):
        return f"{harness.DEMO} --seconds {seconds} --swarm 50 >/dev/null"

    def test_its_exit_status_is_the_programs_and_its_output_is_not_among_the_table(self):
        ran = harness.coroscope("top", "--json", "--", *self.script(f"echo begun; {self.demo(3)}; echo wrong >&2; exit 7"), check=7)
        self.assertGreater(ran.json()["coroutines"], 50)
        self.assertEqual(ran.err.splitlines(), ["begun", "wrong", "coroscope: sh exited with code 7"])

    def test_one_that_ends_well_ends_without_a_word(self):
        ran = harness.coroscope("top", "--once", "--", harness.DEMO, "--seconds", 3, "--swarm", 50, check=0)
        self.assertIn("coroutines: ", ran.out)
        self.assertNotIn("coroscope:", ran.err)

    def test_a_signal_that_ends_it_is_told_as_a_shell_does(self):
        ran = harness.coroscope("top", "--once", "--", *self.script(f"{self.demo(2)}; kill -KILL $$"), check=128 + signal.SIGKILL)
        self.assertIn("sh killed by signal 9 (SIGKILL)", ran.err)

    def test_without_a_screen_a_signal_to_us_is_the_programs(self):
        with harness.started(harness.COROSCOPE, "top", "--once", "--", *self.script(f"trap 'exit 9' TERM; {STILL_LIFE} 9 600 & wait")) as top:
            script = harness.wait_until(lambda: self.child_of(top.pid, "sh"), what="the script")
            program = harness.wait_until(lambda: self.child_of(script, "still_life"), what="the program")
            harness.wait_until(lambda: harness.attachable(program), what="the program being attachable")
            top.send_signal(signal.SIGTERM)
            top.wait(timeout=60)
            self.assertEqual(top.returncode, 9)
            self.assertIn("coroscope: sh exited with code 9", top.stderr.read())

    def test_one_without_a_runtime_is_refused_as_record_does(self):
        ran = harness.coroscope("top", "--", "true")
        harness.one_sentence(self, ran, 3, "true exited with code 0 before a CPrime runtime started in it: link it with cprime")

    def test_on_a_screen_its_end_ends_the_screen_and_what_it_wrote_follows(self):
        with Screen("--", *self.script(f"echo to-stdout; {self.demo(4)}; echo to-stdout-too; exit 5")) as screen:
            screen.wait_for(lambda lines: len(lines) == 24 and "coroutines" in lines[1], "the first table")
            self.assertNotIn(b"to-stdout", screen.bytes)
            self.assertEqual(screen.end(), 5)
            screen.is_as_before(self)
            after = screen.bytes[screen.bytes.rindex(b"\x1b[?1049l"):]
            self.assertIn(b"to-stdout\r\nto-stdout-too\r\n", after)
            self.assertIn("coroscope: sh exited with code 5", screen.process.stderr.read().decode())

    def test_q_ends_the_program_too(self):
        with Screen("--", STILL_LIFE, 9, 600) as screen:
            screen.wait_for(lambda lines: len(lines) == 24 and "parked" in lines[1], "the first table")
            program = self.child_of(screen.process.pid, "still_life")
            self.assertIsNotNone(program)
            screen.type("q")
            self.assertEqual(screen.end(), 0)
            screen.is_as_before(self)
            self.assertFalse(os.path.exists(f"/proc/{program}"))

    def test_one_asked_to_end_while_no_runtime_has_started_ends_at_once(self):
        with Screen("--", "sleep", 600) as screen:
            program = harness.wait_until(lambda: self.child_of(screen.process.pid, "sleep"), what="the program")
            screen.process.send_signal(signal.SIGINT)
            self.assertEqual(screen.end(), 3)
            self.assertFalse(os.path.exists(f"/proc/{program}"))

    @staticmethod
    def child_of(pid, name):
        """The process among pid's children that has that name by now; None while there is none."""
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in file.read().split():
                try:
                    with open(f"/proc/{child}/comm") as comm:
                        if comm.read().strip() == name:
                            return int(child)
                except FileNotFoundError:
                    pass
        return None


if __name__ == "__main__":
    harness.main()
