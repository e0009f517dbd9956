"""Each export, read by somebody else's reader, has the numbers that `stat` and `profile` say of the same recording.

A reader that this machine lacks is reported as not run (skipped). COROSCOPE_PERFETTO_SCHEMA names Perfetto's published perfetto_trace.proto; without it
protoc decodes what it can know without a schema: which fields there are, and how many. `./dev interop` fetches schema and readers.
"""
import collections
import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import unittest

import harness


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"not run: {program} is not installed")


def read_out(*command, **more):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, timeout=120, **more).stdout


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.path = os.path.join(cls.folder, "t.coro")
        cls.demo = harness.coroscope("record", "-o", cls.path, "--", harness.DEMO, "--seconds", 2, "--swarm", 300, check=0, timeout=200).last_json()
        cls.stat = harness.coroscope("stat", cls.path, "--json", check=0).json()
        cls.events = {name: row["events"] for name, row in cls.stat["events_by_type"].items()}
        cls.profile = harness.coroscope("profile", cls.path, "--by", "coroutine", "--top", 0, "--json", check=0).json()
        cls.totals = cls.profile["totals"]

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def export(self, form, *more, path=None):
        out = os.path.join(self.folder, "out." + form + "".join(more).replace("-", ""))
        harness.coroscope("export", path or self.path, "--format", form, "-o", out, *more, check=0)
        return out

    def nearly(self, ours, theirs, parts):
        """Nanoseconds that were rounded in `parts` pieces."""
        self.assertAlmostEqual(ours, theirs, delta=parts + 1)

    @needs("go")
    def test_go_reads_the_execution_trace_and_finds_its_order_possible(self):
        out = read_out("go", "tool", "trace", "-d", self.export("go")).decode()
        counts = collections.Counter(line.split()[1] for line in out.splitlines() if len(line.split()) > 1)
        self.assertEqual(counts["GoCreate"], self.demo["spawned"])
        self.assertEqual(counts["GoEnd"], self.demo["exited"])
        self.assertEqual(counts["GoUnblock"], self.events["wake"])
        self.assertIn(counts["GoStart"] - self.totals["runs"], (0, 1))
        blocks = sum(count for name, count in counts.items() if name.startswith("GoBlock") or name in ("GoSleep", "GoSched", "GoPreempt"))
        self.assertEqual(blocks, self.events["suspend"])

    def raw_samples(self, out):
        """Samples of `go tool pprof -raw` as lists of values, with their labels."""
        text = read_out("go", "tool", "pprof", "-raw", out).decode()
        body = text.split("Samples:\n", 1)[1].split("Locations\n", 1)[0]
        return [[int(value) for value in match[1].split()] for match in re.finditer(r"^\s*(\d+\s+\d+): [\d ]+$", body, re.M)], text

    @needs("go")
    def test_pprof_reads_blocked_time(self):
        samples, text = self.raw_samples(self.export("pprof", "--kind", "blocked"))
        self.nearly(sum(values[1] for values in samples), self.totals["blocked_ns"], len(samples))
        self.assertIn("reason:[channel-receive]", text)
        self.assertIn("coroutine:[member]", text)
        self.assertIn("swarm.cpp", text)
        top = read_out("go", "tool", "pprof", "-top", "-cum", os.path.join(self.folder, "out.pprofkindblocked")).decode()
        self.assertIn("member (runtime/examples/demo/swarm.cpp", top)

    @needs("go")
    def test_pprof_reads_time_on_workers(self):
        samples, _ = self.raw_samples(self.export("pprof", "--kind", "cpu"))
        self.nearly(sum(values[1] for values in samples), self.totals["running_ns"], len(samples))
        self.assertIn(sum(values[0] for values in samples) - self.totals["runs"], (0, 1))

    @needs("go")
    def test_pprof_reads_stack_memory_of_a_moment(self):
        at = "1500ms"
        samples, _ = self.raw_samples(self.export("pprof", "--kind", "stack-memory", "--at", at))
        stacks = harness.coroscope("stacks", self.path, "--at", at, "--json", check=0).json()["coroutines"]
        used = [row["stack_used_bytes"] for row in stacks if row["stack_used_bytes"] is not None]
        self.assertGreater(len(used), 0)
        self.assertEqual([sum(values[0] for values in samples), sum(values[1] for values in samples)], [len(used), sum(used)])

    def test_speedscope_and_folded_stacks_have_the_same_sums(self):
        for kind, total in (("blocked", "blocked_ns"), ("cpu", "running_ns")):
            with open(self.export("speedscope", "--kind", kind)) as file:
                scope = json.load(file)
            profile, frames = scope["profiles"][0], scope["shared"]["frames"]
            self.assertEqual(scope["$schema"], "https://www.speedscope.app/file-format-schema.json")
            self.assertEqual(len(profile["samples"]), len(profile["weights"]))
            self.assertLess(max(max(sample) for sample in profile["samples"]), len(frames))
            self.assertEqual(sum(profile["weights"]), profile["endValue"])
            self.nearly(profile["endValue"], self.totals[total], len(profile["samples"]))
            with open(self.export("folded", "--kind", kind)) as file:
                lines = [line.rsplit(" ", 1) for line in file]
            self.assertEqual(sum(int(value) for _, value in lines), profile["endValue"])
            self.assertTrue(any(stack.startswith("member (") and "Swarm" in stack for stack, _ in lines), lines[:3])
            roots = collections.Counter()
            for stack, value in lines:
                roots[stack.split(";")[0].split(" (")[0]] += int(value)
            ours = collections.Counter()
            for row in self.profile["rows"]:
                ours[row["name"]] += row[total]
            for name in ("member", "counter", "librarian"):
                self.nearly(roots[name], ours[name], 2 * len(self.profile["rows"]))

    def test_chrome_json_has_every_slice_and_both_ends_of_each_flow(self):
        with open(self.export("chrome")) as file:
            events = json.load(file)["traceEvents"]
        spent = collections.Counter()
        for event in events:
            if event["ph"] == "X" and event["pid"] == 2:
                spent[event["cat"]] += round(event["dur"] * 1000)
        slices = sum(event["ph"] == "X" and event["pid"] == 2 for event in events)
        for category in ("running", "ready", "blocked"):
            self.nearly(spent[category], self.totals[f"{category}_ns"], slices)
        self.assertEqual(sum(e["ph"] == "X" and e["pid"] == 1 for e in events), sum(e["ph"] == "X" and e["cat"] == "running" and e["pid"] == 2 for e in events))
        begins = {e["id"] for e in events if e["ph"] == "s"}
        ends = {e["id"] for e in events if e["ph"] == "f"}
        self.assertEqual(ends - begins, set())
        self.assertEqual(len(begins - ends), self.events["channel-send"] - self.events["channel-receive"], "messages that nobody received")
        self.assertEqual(sum(e["ph"] == "f" and e["cat"] == "message" for e in events), self.events["channel-receive"])
        threads = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
        self.assertEqual(sum(pid in (1, 2) for pid, _ in threads), self.demo["spawned"] + self.stat["workers"])
        self.assertTrue({(e["pid"], e["tid"]) for e in events if e["ph"] in "Xisf"} <= threads)
        zones = collections.Counter(e["name"] for e in events if e["ph"] == "X" and e["cat"] == "zone")
        self.assertEqual(set(zones), {"parse", "expression"})
        self.assertEqual(sum(zones.values()), self.events["zone-begin"])
        self.assertEqual(sum(e["ph"] == "C" and e["name"] == "spread" for e in events), self.events["counter"])
        self.assertEqual(sum(e["ph"] == "i" and e["cat"] == "signal" and e["name"].startswith("signal ") for e in events), self.events["signal"])
        told = [e["name"] for e in events if e["ph"] == "i" and e["cat"] == "told"]
        self.assertTrue(told)
        for text in told:
            self.assertRegex(text, r"^(deal: \d+ for what was asked at \d+|note: an expression of \d+ letters)$")
        alive = [e["args"]["value"] for e in events if e["ph"] == "C" and e["name"] == "coroutines"]
        self.assertGreater(max(alive), 300)
        self.assertEqual(alive[-1], 0)

    @needs("protoc")
    def test_protoc_reads_the_perfetto_trace(self):
        out = self.export("perfetto")
        schema = os.environ.get("COROSCOPE_PERFETTO_SCHEMA", "")
        with open(out, "rb") as data:
            if schema:
                text = read_out("protoc", "--decode=perfetto.protos.Trace", f"--proto_path={os.path.dirname(schema)}", schema, stdin=data).decode()
                counts = collections.Counter(re.findall(r"^ +type: (TYPE_\w+)$", text, re.M))
                counts["flows"] = len(re.findall(r"^ +flow_ids: ", text, re.M))
                counts["terminating"] = len(re.findall(r"^ +terminating_flow_ids: ", text, re.M))
                counts["tracks"] = len(re.findall(r"^  track_descriptor \{", text, re.M))
                self.assertIsNone(re.search(r"^ *\d+: ", text, re.M), "a field that the schema does not know")
            else:
                text = read_out("protoc", "--decode_raw", stdin=data).decode()
                kinds = {"1": "TYPE_SLICE_BEGIN", "2": "TYPE_SLICE_END", "3": "TYPE_INSTANT", "4": "TYPE_COUNTER"}
                counts = collections.Counter(kinds[kind] for kind in re.findall(r"^    9: (\d)$", text, re.M))
                counts["flows"] = len(re.findall(r"^    47: ", text, re.M))
                counts["terminating"] = len(re.findall(r"^    48: ", text, re.M))
                counts["tracks"] = len(re.findall(r"^  60 \{", text, re.M))
        with open(self.export("chrome")) as file:
            events = json.load(file)["traceEvents"]
        phases = collections.Counter(event["ph"] for event in events)
        self.assertEqual(counts["TYPE_SLICE_BEGIN"], phases["X"])
        self.assertEqual(counts["TYPE_SLICE_END"], phases["X"])
        self.assertEqual(counts["TYPE_INSTANT"], phases["i"])
        self.assertEqual(counts["TYPE_COUNTER"], phases["C"])
        self.assertEqual(counts["flows"], phases["s"])
        self.assertEqual(counts["terminating"], phases["f"])
        counters = len({event["name"] for event in events if event["ph"] == "C"})
        self.assertGreaterEqual(counts["tracks"], 3 + self.demo["spawned"] + self.stat["workers"] + counters)

    def check_tables(self, tables):
        """tables(name) -> rows as dicts; numbers may be text."""
        coroutines = tables("coroutines")
        self.assertEqual(len(coroutines), self.demo["spawned"])
        rows = {row["id"]: row for row in self.profile["rows"]}
        for row in coroutines:
            ours = rows[int(row["id"])]
            self.assertEqual(row["end"], ours["end"])
            for state in ("running", "ready", "blocked"):
                self.nearly(int(row[f"{state}_ns"]), ours[f"{state}_ns"], 1)
        spent = collections.Counter()
        spans = tables("spans")
        for row in spans:
            spent[row["state"]] += int(row["end_ns"]) - int(row["begin_ns"])
        for state in ("running", "ready", "blocked"):
            self.nearly(spent[state], self.totals[f"{state}_ns"], len(spans))
        self.assertEqual(len(tables("wakes")), self.events["wake"])
        channels = collections.defaultdict(lambda: [0, 0])
        for row in tables("channels"):
            channels[row["name"]][0] += int(row["sent"])
            channels[row["name"]][1] += int(row["received"])
        for name, counts in self.demo["channels"].items():
            self.assertEqual(channels[name], [counts["sent"], counts["received"]], name)
        self.assertEqual(len(tables("workers")), self.stat["workers"])
        self.assertEqual(len(tables("losses")), 0)
        self.assertEqual(int(tables("trace")[0]["events"]), self.profile["events"])
        last = {row["name"]: int(row["value"]) for row in tables("counters") if not int(row["told"])}
        self.assertEqual(last["coroutines"], 0)
        self.check_what_was_said(tables)

    def query(self, rule):
        return harness.coroscope("query", self.path, rule, "--limit", 1000000, "--json", check=0).json()["events"]

    def check_what_was_said(self, tables):
        """Row by row what `query` shows; there a text that comes in pieces is an event a piece."""
        texts, whole = [], True
        for event in self.query("message or note"):
            piece = event["detail"]
            begun = [event["t_ns"], event["event"], event["id"], ""] if whole else texts.pop()
            whole = not piece.endswith("…")
            begun[3] += piece if whole else piece[:-1]
            texts.append(begun)
        self.assertGreater(len(texts), 10)
        said = [[int(row["at_ns"]), row["kind"], int(row["coroutine"]), row["text"]] for row in tables("messages")]
        self.assertEqual(sorted(row[1:] for row in said), sorted(row[1:] for row in texts))
        for ours, theirs in zip(sorted(said), sorted(texts)):
            self.nearly(ours[0], theirs[0], 1)
        signals = tables("signals")
        self.assertGreater(len(signals), 0)
        for kind in ("signal", "signal-handled"):
            ours = [(row["signal"], row["detail"]) for row in signals if row["event"] == kind]
            theirs = [(event["object"].removeprefix("signal:"), event["detail"]) for event in self.query(kind)]
            self.assertEqual(sorted(ours), sorted(theirs))
        zones = tables("zones")
        self.assertGreater(len(zones), 10)
        self.assertEqual(len(zones), self.events["zone-begin"])
        self.assertEqual(sum(int(row["ended"]) for row in zones), self.events["zone-end"])
        begun = collections.Counter((event["id"], event["detail"]) for event in self.query("zone-begin"))
        self.assertEqual(collections.Counter((int(row["coroutine"]), row["name"]) for row in zones), begun)
        for row in zones:
            self.assertLessEqual(int(row["begin_ns"]), int(row["end_ns"]))
        told = [f"{row['name']} = {row['value']}" for row in tables("counters") if int(row["told"])]
        self.assertEqual(told, [event["detail"] for event in self.query("counter")])

    def test_csv_files_are_the_tables(self):
        folder = self.export("csv")

        def rows(table):
            with open(os.path.join(folder, table + ".csv"), newline="") as file:
                return list(csv.DictReader(file, strict=True))

        self.check_tables(rows)

    def test_json_is_one_object_of_tables(self):
        with open(self.export("json")) as file:
            tables = json.load(file)
        self.check_tables(tables.__getitem__)

    def test_sqlite_is_a_database_of_tables(self):
        with sqlite3.connect(self.export("sqlite")) as database:
            database.row_factory = sqlite3.Row
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            self.check_tables(lambda table: [dict(row) for row in database.execute(f"SELECT * FROM {table}")])
            gaps = database.execute("SELECT count(*) FROM (SELECT begin_ns - lag(end_ns) OVER (PARTITION BY coroutine ORDER BY rowid) AS gap FROM spans) "
                                    "WHERE gap <> 0").fetchone()[0]
            self.assertEqual(gaps, 0)
            by_site = database.execute("SELECT sum(running_ns), sum(coroutines) FROM by_site").fetchone()
            self.nearly(by_site[0], self.totals["running_ns"], self.demo["spawned"])
            self.assertEqual(by_site[1], self.demo["spawned"])

    @needs("sqlite3")
    def test_the_sqlite_shell_reads_the_database_and_its_comments(self):
        out = self.export("sqlite")
        self.assertEqual(int(read_out("sqlite3", out, "SELECT count(*) FROM wakes")), self.events["wake"])
        schema = read_out("sqlite3", out, ".schema spans").decode()
        self.assertIn("-- blocked: what it waits for, such as channel:words", schema)

    @needs("dot")
    def test_dot_draws_who_waits_for_whom(self):
        out = self.export("dot", "--at", "1500ms")
        waits = harness.coroscope("waits", self.path, "--at", "1500ms", "--json", check=0).json()
        plain = read_out("dot", "-Tplain", "-Gnslimit=1", "-Gnslimit1=1", out).decode()
        self.assertEqual(plain.count("\nedge "), len(waits["edges"]) + len(waits["could_wake"]))

    def test_exports_go_to_stdout_where_that_makes_sense(self):
        ran = harness.coroscope("export", self.path, "--format", "folded", "-o", "-", check=0)
        with open(self.export("folded")) as file:
            self.assertEqual(ran.out, file.read())
        for form in ("csv", "sqlite"):
            harness.one_sentence(self, harness.coroscope("export", self.path, "--format", form, "-o", "-"), 2, form, "stdout", "-o")

    def test_what_cannot_be_done_is_said_in_one_sentence(self):
        def wrong(code, *arguments):
            return lambda *words: harness.one_sentence(self, harness.coroscope("export", *arguments), code, *words)

        out = os.path.join(self.folder, "never")
        wrong(2, self.path, "--format", "svg", "-o", out)("svg", "perfetto")
        wrong(2, self.path, "--format", "go", "--kind", "cpu", "-o", out)("--kind", "pprof")
        wrong(2, self.path, "--format", "go", "--at", "1s", "-o", out)("--at", "dot")
        wrong(2, self.path, "--format", "dot", "--at", "soon", "-o", out)("soon")
        wrong(2, self.path, "--format", "go")("--output")
        wrong(3, os.path.join(self.folder, "none.coro"), "--format", "go", "-o", out)("none.coro")
        for form in ("chrome", "sqlite", "csv", "json"):
            wrong(3, self.path, "--format", form, "-o", os.path.join(self.folder, "no/such/folder"))("no/such/folder")
        if os.path.exists("/dev/full"):
            with open("/dev/full", "w") as full:
                ran = subprocess.run([harness.COROSCOPE, "export", self.path, "--format", "chrome", "-o", "-"], stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(ran.returncode, 3)
            self.assertIn("stdout", ran.stderr)
        self.assertFalse(os.path.exists(out))
        self.assertEqual([name for name in os.listdir(self.folder) if ".part-" in name], [])


if __name__ == "__main__":
    harness.main()
