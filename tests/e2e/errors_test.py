"""Bad input: one sentence that names the thing and the way out, and the right exit code."""
import os
import struct
import subprocess
import unittest

import harness


class Errors(unittest.TestCase):
    def test_a_file_that_is_no_trace(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "notes.txt")
            with open(path, "w") as file:
                file.write("not a trace at all, but long enough to be read as a header " * 20)
            for word in ("stat", "stacks", "waits"):
                harness.one_sentence(self, harness.coroscope(word, path), 3, path)
            harness.one_sentence(self, harness.coroscope("sizes", path, "-o", os.path.join(folder, "s.json")), 3, path)

    def test_a_file_that_is_not_there(self):
        harness.one_sentence(self, harness.coroscope("stat", "/nonexistent/t.coro"), 3, "/nonexistent/t.coro")

    def test_a_pid_that_is_gone(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        harness.one_sentence(self, harness.coroscope("stat", "--pid", gone.pid), 3, str(gone.pid))

    def test_a_process_without_a_runtime(self):
        with harness.started("sleep", "30") as sleeper:
            harness.one_sentence(self, harness.coroscope("stat", "--pid", sleeper.pid), 3, str(sleeper.pid))

    @unittest.skipUnless(os.getuid() == 0, "needs root to become somebody else")
    def test_another_users_process(self):
        with harness.started(harness.DEMO, "--seconds", 20, "--swarm", 10) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            ran = harness.coroscope("stat", "--pid", demo.pid, user=65534, group=65534, extra_groups=[])
            harness.one_sentence(self, ran, 3, str(demo.pid))

    def test_a_trace_of_another_version_says_which_side_to_upgrade(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", path, "--", harness.DEMO, "--seconds", 1, "--swarm", 10, check=0)
            with open(path, "r+b") as file:
                head = file.read(12)
                major, = struct.unpack_from("<H", head, 8)
                file.seek(8)
                file.write(struct.pack("<H", major + 1))
            harness.one_sentence(self, harness.coroscope("stat", path), 3, "upgrade")

    def test_a_place_where_no_trace_can_be_written_is_told_before_the_program_starts(self):
        with harness.folder() as folder:
            for path in (os.path.join(folder, "nowhere", "t.coro"), folder):
                ran = harness.coroscope("record", "-o", path, "--", "sh", "-c", "echo started")
                harness.one_sentence(self, ran, 3, path)
                self.assertEqual(ran.out, "")

    def test_an_answer_that_cannot_be_written_is_no_answer(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([harness.COROSCOPE, "ls", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        harness.one_sentence(self, harness.Ran(done.returncode, "", done.stderr), 3, "stdout")

    def test_sizes_names_what_it_can_neither_read_nor_write(self):
        with harness.folder() as folder:
            trace, table = os.path.join(folder, "t.coro"), os.path.join(folder, "s.json")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 10, check=0)
            with open(table, "w") as file:
                file.write('{"version": 1, "sites": [ {"site": 3')
            harness.one_sentence(self, harness.coroscope("sizes", trace, "--merge", table), 3, table)
            nowhere = os.path.join(folder, "nowhere", "s.json")
            harness.one_sentence(self, harness.coroscope("sizes", trace, "-o", nowhere), 3, nowhere)
            self.assertEqual(sorted(os.listdir(folder)), ["s.json", "t.coro"])

    def test_a_time_outside_the_trace_names_what_it_covers(self):
        with harness.folder() as folder:
            trace = os.path.join(folder, "t.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 10, check=0)
            harness.one_sentence(self, harness.coroscope("stacks", trace, "--at", "1000s"), 2, trace, "covers")

    def test_wrong_command_lines(self):
        for arguments in (["frobnicate"], ["stat"], ["record"], ["stacks", "--at", "soon", "x.coro"]):
            self.assertEqual(harness.coroscope(*arguments).code, 2, arguments)

    def test_a_trace_that_may_not_grow_ends_in_one_sentence_and_is_readable(self):
        with harness.folder() as folder, harness.started(harness.DEMO, "--seconds", 20, "--swarm", 20000) as demo:
            path = os.path.join(folder, "t.coro")
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            ran = harness.run("bash", "-c", 'ulimit -f 1000; exec "$@"', "sh", harness.COROSCOPE, "record", "-o", path, "--pid", demo.pid)
            harness.one_sentence(self, ran, 3, path)
            self.assertIsNone(demo.poll())
            self.assertGreater(harness.coroscope("stat", path, "--json", check=0).json()["events"], 0)

    @unittest.skipUnless(subprocess.run(["unshare", "-rm", "true"], stderr=subprocess.DEVNULL).returncode == 0, "needs a mount namespace")
    def test_a_full_disk_while_recording_leaves_a_readable_trace_and_the_program_running(self):
        with harness.folder() as folder:
            path = os.path.join(folder, "t.coro")
            script = """mount -t tmpfs -o size=400k none "$1"; shift; "$@"; code=$?; "$COROSCOPE" stat "$TRACE" --json; exit $code"""
            ran = harness.run("unshare", "-rm", "sh", "-c", script, "sh", folder, harness.COROSCOPE, "record", "-o", path, "--", harness.DEMO,
                              "--seconds", 3, "--swarm", 20000, env={"COROSCOPE": harness.COROSCOPE, "TRACE": path})
            harness.one_sentence(self, ran, 3, path, "space")
            totals, stat = (harness.json.loads(part) for part in ran.out[ran.out.index('{"spawned"', ran.out.index("parser:")):].split("\n", 1))
            self.assertEqual(totals["spawned"], totals["exited"])
            self.assertGreater(stat["events"], 0)


if __name__ == "__main__":
    harness.main()
