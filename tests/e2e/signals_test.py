"""Signals of the system from outside: a server that is asked and drained by kill, and debuggers and tracers that stop a program while signals come and
while it survives faults."""
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
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, PTRACE_CONT = 0x4206, 0x4207, 17, 7
PTRACE_O_TRACECLONE = 8
PTRACE_EVENT_STOP = 128
WALL = 0x40000000
MANY = 100_000
AMID_FAULTS = 5_000
FAULTS_ARE_ITS_OWN = ["-ex", "handle SIGSEGV SIGFPE SIGILL SIGABRT nostop noprint pass"]


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


class Tracer:
    """Seizes every thread and keeps it: each call stops all and lets them go on, as do their signals meanwhile."""

    def __init__(self):
        self.threads, self.stops, self.signals = set(), 0, 0

    def __call__(self, pid):
        if not self.threads:
            self.threads = {thread for thread in map(int, os.listdir(f"/proc/{pid}/task"))
                            if LIBC.ptrace(PTRACE_SEIZE, thread, None, ctypes.c_void_p(PTRACE_O_TRACECLONE)) == 0}
        self.stop_all(PTRACE_CONT)

    def stop_all(self, then):
        waiting = set(self.threads)
        for thread in waiting:
            LIBC.ptrace(PTRACE_INTERRUPT, thread, None, None)
        while waiting:
            thread, status = os.waitpid(-1, WALL)
            if not os.WIFSTOPPED(status):
                self.threads.discard(thread)
                waiting.discard(thread)
                continue
            self.threads.add(thread)  # it may be new
            signal_number = os.WSTOPSIG(status) if status >> 16 == 0 else 0
            self.signals += signal_number != 0
            asked_for = thread in waiting and status >> 16 == PTRACE_EVENT_STOP
            waiting.discard(thread if asked_for else None)
            self.stops += asked_for
            LIBC.ptrace(then if asked_for else PTRACE_CONT, thread, None, ctypes.c_void_p(signal_number))

    def let_go(self):
        self.stop_all(PTRACE_DETACH)


def attach_by_gdb(pid):
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), *FAULTS_ARE_ITS_OWN, "-ex", "info threads"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=100)
    if "cprime-signals" not in done.stdout:
        raise AssertionError(done.stdout)


def is_pending(pid, number):
    with open(f"/proc/{pid}/status") as status:
        pending = next(int(line.split()[1], 16) for line in status if line.startswith("ShdPnd"))
    return pending >> (number - 1) & 1 != 0


class Signals(unittest.TestCase):
    def end_of(self, program, count, look, rounds, let_go=lambda: None):
        """Sends so many signals to a program while look(pid) runs at least so many times; what it says when it has got them all."""
        with harness.folder() as folder:
            said = os.path.join(folder, "stderr")
            # Reports of faults would fill a pipe.
            command = ["sh", "-c", 'exec "$0" 2>"$1"', os.path.join(harness.BIN, program), said]
            with harness.started(*command, env={"LD_BIND_NOW": "1"}) as process:
                self.assertEqual(process.stdout.readline(), "ready\n")
                sent = threading.Event()

                def send_all():
                    for value in range(count):
                        send(process.pid, signal.SIGRTMIN, value)
                    sent.set()

                sender = threading.Thread(target=send_all)
                sender.start()
                looked = 0
                while looked < rounds or not sent.is_set():
                    look(process.pid)
                    looked += 1
                let_go()
                sender.join()
                # A signal of lower number comes first: the end is asked for when all have been taken.
                while is_pending(process.pid, signal.SIGRTMIN):
                    time.sleep(0.005)
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=100)
                with open(said) as file:
                    self.assertEqual(process.returncode, 0, err + file.read()[-3000:])
                return harness.Ran(process.returncode, out, err).last_json()

    def assert_all_there(self, counts):
        self.assertEqual(counts, {"arrived": MANY, "delivered": MANY, "finished": MANY, "lost": 0, "coalesced": 0, "mistakes": 0})

    def assert_each_fault_was_survived(self, counts, signals=AMID_FAULTS):
        faults = counts["faults"]
        self.assertGreater(faults, 20)
        self.assertEqual(counts, {"faults": faults, "caught": faults, "abandoned": faults, "arrived": faults, "failed": faults, "mistakes": 0,
                                  "signals": signals})

    def test_stops_by_a_tracer_that_comes_and_goes_lose_no_signals(self):
        self.assert_all_there(self.end_of("signal_counter", MANY, lambda pid: self.assertGreater(stop_and_let_go(pid), 2), 50))

    def test_a_tracer_that_stays_and_stops_again_and_again_loses_no_signals(self):
        tracer = Tracer()
        self.assert_all_there(self.end_of("signal_counter", MANY, tracer, 300, tracer.let_go))
        self.assertGreater(tracer.stops, 900)

    def test_faults_are_survived_under_a_tracer_that_comes_and_goes(self):
        self.assert_each_fault_was_survived(
            self.end_of("fault_counter", AMID_FAULTS, lambda pid: self.assertGreater(stop_and_let_go(pid), 2), 50))

    def test_faults_are_survived_under_a_tracer_that_stays(self):
        tracer = Tracer()
        self.assert_each_fault_was_survived(self.end_of("fault_counter", AMID_FAULTS, tracer, 300, tracer.let_go))
        self.assertGreater(tracer.signals, 20)

    def test_faults_are_survived_while_stacks_are_looked_at(self):
        look = lambda pid: harness.coroscope("stacks", "--pid", pid, "--json", check=0)
        self.assert_each_fault_was_survived(self.end_of("fault_counter", AMID_FAULTS, look, 10))

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_a_debugger_that_attaches_loses_no_signals(self):
        self.assert_all_there(self.end_of("signal_counter", MANY, attach_by_gdb, 2))

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_faults_are_survived_while_a_debugger_attaches(self):
        self.assert_each_fault_was_survived(self.end_of("fault_counter", AMID_FAULTS, attach_by_gdb, 2))

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_faults_are_survived_in_a_program_that_a_debugger_runs(self):
        done = subprocess.run(["gdb", "-nx", "-batch", *FAULTS_ARE_ITS_OWN, "-ex", "run", "--args", os.path.join(harness.BIN, "fault_counter"), "400"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=100)
        said = re.findall(r'{"faults".*}', done.stdout)  # the debugger's own lines may begin before it
        self.assertEqual(len(said), 1, done.stdout[-2000:])
        counts = harness.json.loads(said[0])
        self.assertEqual(counts["faults"], 400)
        self.assert_each_fault_was_survived(counts, signals=0)

    def test_a_recording_has_every_signal_raise_recovery_and_fault(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "alarms.coro")
            said = harness.coroscope("record", "-o", path, "--", os.path.join(harness.BIN, "alarms"), check=0).last_json()
            stat = harness.coroscope("stat", path, "--json", check=0).json()
            self.assertEqual(stat["lost"], 0)
            recorded = {name: stat["events_by_type"][name]["events"] for name in said["events"]}
            self.assertEqual(recorded, said["events"])
            rows = {row["name"].split("::")[-1]: row for row in stat["signals"]}
            for name, counts in said["counts"].items():
                self.assertEqual({key: rows[name][key] for key in counts}, counts, name)
                self.assertEqual((rows[name]["running"], rows[name]["waiting"]), (0, 0), name)
            for name in ("Drill", "SIGRTMIN"):
                self.assertGreater(rows[name]["latency_mean_ns"], 0)
                self.assertGreaterEqual(rows[name]["latency_most_ns"], rows[name]["latency_mean_ns"])
            self.assertEqual(rows["Drill"]["failed"], 40)
            handled = harness.coroscope("query", path, 'event == "signal-handled"', "--limit", 1000, "--json", check=0).json()["events"]
            self.assertEqual(sum(event["detail"] == "abandoned after a fault" for event in handled), 20)
            self.assertEqual(sum(event["detail"].endswith(", failed") for event in handled), 20)

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
