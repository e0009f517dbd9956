"""Signals of the system from outside: a server that is asked and drained by kill, and debuggers that stop a program while signals come."""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

import harness

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
PTRACE_EVENT_STOP = 128
WALL = 0x40000000
MANY = 10_000


def send(pid, number, value):
    """sigqueue(); again while the kernel has no room."""
    while LIBC.sigqueue(pid, number, ctypes.c_void_p(value)) != 0:
        if ctypes.get_errno() != 11:  # EAGAIN
            raise OSError(ctypes.get_errno(), "sigqueue")
        time.sleep(0.001)


def stop_and_let_go(pid):
    """As a debugger that looks at every thread. How many it stopped."""
    stopped = 0
    for thread in map(int, os.listdir(f"/proc/{pid}/task")):
        if LIBC.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
            continue
        LIBC.ptrace(PTRACE_INTERRUPT, thread, None, None)
        _, status = os.waitpid(thread, WALL)
        if not os.WIFSTOPPED(status):
            continue
        # A signal that was about to be delivered is handed on.
        on = 0 if status >> 16 == PTRACE_EVENT_STOP else os.WSTOPSIG(status)
        LIBC.ptrace(PTRACE_DETACH, thread, None, ctypes.c_void_p(on))
        stopped += 1
    return stopped


def is_pending(pid, number):
    with open(f"/proc/{pid}/status") as status:
        pending = next(int(line.split()[1], 16) for line in status if line.startswith("ShdPnd"))
    return pending >> (number - 1) & 1 != 0


class Signals(unittest.TestCase):
    def count_while(self, look, rounds):
        """Sends MANY signals to a program while look(pid) runs at least so many times; what became of them."""
        with harness.started(os.path.join(harness.BIN, "signal_counter"), env={"LD_BIND_NOW": "1"}) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            sent = threading.Event()

            def send_all():
                for value in range(MANY):
                    send(process.pid, signal.SIGRTMIN, value)
                sent.set()

            sender = threading.Thread(target=send_all)
            sender.start()
            looked = 0
            while looked < rounds or not sent.is_set():
                look(process.pid)
                looked += 1
            sender.join()
            # A signal of lower number comes first: the end is asked for when all have been taken.
            while is_pending(process.pid, signal.SIGRTMIN):
                time.sleep(0.005)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
            return harness.Ran(process.returncode, out, err).last_json()

    def assert_all_there(self, counts):
        self.assertEqual(counts, {"arrived": MANY, "delivered": MANY, "finished": MANY, "lost": 0, "coalesced": 0, "mistakes": 0})

    def test_stops_by_a_tracer_lose_no_signals(self):
        self.assert_all_there(self.count_while(lambda pid: self.assertGreater(stop_and_let_go(pid), 2), 50))

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_a_debugger_that_attaches_loses_no_signals(self):
        def attach(pid):
            done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-ex", "info threads"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=100)
            self.assertIn("cprime-signals", done.stdout)

        self.assert_all_there(self.count_while(attach, 2))

    def test_a_server_is_asked_by_one_signal_and_drained_by_another(self):
        with harness.started(os.path.join(harness.BIN, "graceful_server"), "--serve", env={"LD_BIND_NOW": "1"}) as process:
            self.assertEqual(process.stdout.readline(), f"serving as process {process.pid}\n")
            waiting = -1
            while waiting != 1000:
                process.send_signal(signal.SIGUSR1)
                line = process.stdout.readline()
                asked = re.fullmatch(r"asked by process (\d+): (\d+) clients wait, 0 have been answered\n", line)
                self.assertIsNotNone(asked, line)
                self.assertEqual(int(asked[1]), os.getpid())
                waiting = int(asked[2])
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, out + err)
            self.assertIn("drained: 1000 of 1000 clients were answered, 0 wait\n", out)


if __name__ == "__main__":
    harness.main()
