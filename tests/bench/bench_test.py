"""The bench runs, every row has its peers, and its JSON has the keys that others rely on.

Figures of a quick run on a busy machine mean little, so hardly any is judged here: only what cannot be otherwise.
"""

import json
import os
import subprocess
import sys
import unittest

BENCH = os.path.join(os.environ["COROSCOPE_BIN"], "bench")

ROWS = {  # name: peers that must be there
    "switch": {"boost_context"},
    "switch_ring_1000": {"boost_context"},
    "by_hand": {"boost_context", "boost_callcc", "boost_coroutine2"},
    "ring_micro_10k": {"boost_context"},
    "ring_large_1k": {"boost_context"},
    "hop_cached": {"call_with_room"},
    "hop_first": {"go"},
    "bigger_stack": {"with_room"},
    "slot_lifo": {"used_1m"},
    "slot_classes": {"small", "medium", "large"},
    "million": {"linked_statically", "slots_ahead", "go"},
    "spawn_cold_medium": {"slots_ahead", "go", "boost_fiber"},
    "yield_1000": {"go", "boost_fiber", "cpp20", "asio"},
    "spawn_join": {"go", "boost_fiber", "cpp20", "asio"},
    "channel_unbuffered": {"go", "boost_fiber", "asio"},
    "channel_buffered_128": {"go", "boost_fiber", "asio"},
    "select_2": {"go", "asio"},
    "fan_in_10k": {"go", "boost_fiber", "asio"},
    "signal": {"sigaction", "go"},
    "timer_1m": {"go", "boost_fiber", "asio"},
    "timer_1m_cancelled": {"go", "asio"},
    "skynet_1m_1_worker": {"go", "boost_fiber", "asio"},
    "skynet_1m_2_workers": {"one_worker", "go", "boost_fiber", "asio"},
    "parked_micro_bytes": {"go", "boost_fiber"},
    "parked_medium_bytes": {"go", "boost_fiber"},
    "event": {"rdtsc_store"},
    "ring_to_memory": {"full_speed", "overwritten"},
    "probe_dormant": {"no_probe"},
    "zone": {"rdtsc_store", "dormant"},
    "slices_1us": {"alone"},
    "local_signal": {"throw_catch"},
    "local_scope": {"try"},
    "yield_1000_conditions": {"probes_off", "no_state_plane", "recorded", "recorded_profiled"},
    "switch_histogram": {"bench_stamps"},
    "unwind": {"libunwind"},
    "stacks_100k": {"libunwind"},
    "stacks_1m": {"libunwind"},
    "watched": {"alone", "window", "window_elsewhere", "profiled"},
    "trace_write": {"slots", "compacted"},
    "trace_log": {"verbatim", "counted"},
    "trace_scan": {"rows", "compacted", "compacted_rows"},
    "trace_open_50m": {"walked", "first_picture"},
}


def bench(*arguments):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=280)


class Bench(unittest.TestCase):
    def test_every_row_is_measured_beside_its_peers(self):
        run = bench("--quick", "--json", *ROWS)
        self.assertEqual(run.returncode, 0, run.stderr)
        document = json.loads(run.stdout)
        self.assertTrue(document["machine"])
        rows = {row["name"]: row for row in document["rows"]}
        self.assertEqual(set(rows), set(ROWS))
        for name, peers in ROWS.items():
            row = rows[name]
            with self.subTest(row=name):
                self.assertTrue(row["unit"])
                self.assertLessEqual(peers, set(row["peers"]))
                for peer in row["peers"]:
                    self.assertGreater(row["peers"][peer], 0)
                self.assertGreater(row["ours"], 0)
                self.assertLessEqual(row["ours"], row["ours_median"])
                self.assertEqual(set(row["ratio"]), set(row["peers"]))
                for peer in row["peers"]:
                    self.assertAlmostEqual(row["ratio"][peer], row["ours"] / row["peers"][peer], places=6)
        # A recorded run that recorded nothing would be a bench of nothing.
        recorded = rows["yield_1000_conditions"]["details"]["recorded"]
        self.assertGreater(recorded["events"], 1000)
        # How much faster stacks are walked than by libunwind does not depend on the machine by an order of magnitude: 40 times in quiet.
        self.assertLess(rows["unwind"]["ratio"]["libunwind"], 1 / 15)
        self.assertEqual(rows["unwind"]["details"]["ours"]["frames"], 9)
        self.assertEqual(rows["stacks_100k"]["details"]["ours"]["different"], 64)
        self.assertIn("loss_percent", rows["watched"]["details"]["ours"])
        # Bytes are no times: what the format promises holds on a busy machine, too.
        self.assertLessEqual(rows["trace_write"]["details"]["ours"]["bytes_per_event"], 8.5)
        self.assertLessEqual(rows["trace_write"]["details"]["compacted"]["bytes_per_event"], 6)
        # The memory that a coroutine adds holds at least its control block, and a Medium one a page of stack.
        self.assertGreater(rows["parked_micro_bytes"]["ours"], 64)
        self.assertGreater(rows["parked_medium_bytes"]["ours"], 4096)

    def test_a_million_micro_coroutines_fit(self):
        # Bytes and maps are not times: they are what they are on a busy machine, too.
        run = subprocess.run([BENCH + "_cprime_static"], input="cold_micro 1000000\n", capture_output=True, text=True, timeout=280,
                             env={**os.environ, "CPRIME_WORKERS": "1"})
        answer = run.stdout.splitlines()[-1].split()
        self.assertEqual((run.returncode, answer[0], answer[2]), (0, "ok", "1000000"), run.stdout + run.stderr)
        figures = dict(zip(answer[3::2], map(float, answer[4::2])))
        self.assertLessEqual(figures["bytes"], 384)
        self.assertLessEqual(figures["maps"], 64)

    def test_an_unknown_row_is_a_wrong_command_line(self):
        run = bench("no_such_row")
        self.assertEqual(run.returncode, 2)
        self.assertIn("no_such_row", run.stderr)
        self.assertEqual(len(run.stderr.strip().splitlines()), 1)

    def test_the_list_names_every_row(self):
        run = bench("--list")
        self.assertEqual(run.returncode, 0)
        listed = {line.split()[0] for line in run.stdout.splitlines()}
        self.assertLessEqual(set(ROWS), listed)


if __name__ == "__main__":
    sys.exit(unittest.main())
