"""run -> sizes -> run again, on the demo and on three programs of the size that people write: an eighth of the stack memory, the same results.

Stack memory is what the program itself measures as "stack_rss_kib" (runtime/examples/measured/footprint.h): the most memory that was resident less what
was resident before its coroutines were spawned. It is compared between runs that nobody watches, so that neither rings nor painted stacks are in it.
"""
import os
import unittest

import harness

FACTOR = 8
RECORD = ("record", "--when-full", "block", "-o")
EAGER = {"LD_BIND_NOW": "1"}  # the first call of a library's function then costs a small stack no 3 KiB


class SizeLoop(unittest.TestCase):
    def loop(self, name, *arguments, same):
        """same(ran): what must be the same in each run, whatever the stacks."""
        program = os.path.join(harness.BIN, name)
        with harness.folder() as folder:
            first, again, table = (os.path.join(folder, file) for file in ("first.coro", "again.coro", "sizes.json"))
            medium = harness.run(program, *arguments, check=0, env=EAGER)
            watched = harness.coroscope(*RECORD, first, "--", program, *arguments, check=0, env=EAGER)
            harness.coroscope("sizes", first, "-o", table, check=0)
            fitted = harness.run(program, *arguments, check=0, env=dict(EAGER, CPRIME_SIZES=table))
            watched_again = harness.coroscope(*RECORD, again, "--", program, *arguments, check=0,
                                              env=dict(EAGER, CPRIME_SIZES=table))
            with open(table) as file:
                sites = {row["site"]: row for row in harness.json.load(file)["sites"]}
            seen = harness.coroscope("sizes", again, "--json", check=0).json()
            lost = harness.coroscope("stat", again, "--json", check=0).json()["lost"]
        before, after = medium.last_json(), fitted.last_json()
        for ran in (watched, fitted, watched_again):
            self.assertEqual(same(ran), same(medium))
        # An overflow would have ended the program, with a report: all that is said is that there is a table.
        self.assertRegex(fitted.err, r"\Acprime: stack sizes of \d+ spawn sites come from [^\n]*\n\Z")
        self.assertEqual(lost, 0)  # so that no migration went unseen
        for row in seen["sites"]:
            self.assertEqual(row["migrations"], 0, row)
            ran = row["coroutines"] != 0  # what is only proven has a row, too
            if ran and sites[row["site"]]["class_used"] == "medium":  # others were wished for
                self.assertEqual(row["class_used"], sites[row["site"]]["class_advised"], row)
        self.assertEqual(seen["underestimated"], [])
        self.assertGreaterEqual(before["stack_rss_kib"], FACTOR * after["stack_rss_kib"], (before, after))
        self.assertGreaterEqual(before["stack_bytes"], FACTOR * after["stack_bytes"], (before, after))
        self.assertGreater(before["peak_rss_kib"] - after["peak_rss_kib"],
                           (before["stack_rss_kib"] - after["stack_rss_kib"]) * 0.9, (before, after))
        print(f"{name}: {before['stack_rss_kib']} -> {after['stack_rss_kib']} KiB of stacks, "
              f"{before['stack_rss_kib'] / after['stack_rss_kib']:.1f} times less")
        return sites

    def loop_of_an_example(self, name, *arguments):
        sites = self.loop(name, *arguments, same=lambda ran: (ran.last_json()["result"], ran.last_json()["peak_coroutines"]))
        # Nothing in them says how large a stack should be: all but main's had the default.
        self.assertEqual(sorted(row["class_used"] for row in sites.values()), ["large"] + ["medium"] * (len(sites) - 1))
        # That the many fit their 256 bytes rests on more than what was seen.
        many = max(sites.values(), key=lambda row: row["peak_coroutines"])
        analyzed = harness.coroscope("analyze", os.path.join(harness.BIN, name), "--json", check=1).json()
        bounds = [site["bound_bytes"] for site in analyzed["sites"] if site["site"] == many["site"] and site["proven"]]
        self.assertEqual((len(bounds), many["class_advised"]), (1, "micro"), many)
        self.assertLessEqual(many["high_water_bytes"]["max"], bounds[0], many)

    def test_a_server_needs_an_eighth(self):
        self.loop_of_an_example("web_shop")

    def test_a_frame_loop_needs_an_eighth(self):
        self.loop_of_an_example("skirmish", "--frames", 60)

    def test_a_simulation_needs_an_eighth(self):
        self.loop_of_an_example("parcel_network")

    def test_the_demo_needs_an_eighth(self):
        def same(ran):
            counted = ran.last_json()
            del counted["channels"]["reports"]  # its desk leaves when it has had enough, and what lies before it then is chance
            parsed = [line for line in ran.out.splitlines() if line.startswith("parser: ")]
            return parsed, counted["spawned"], counted["exited"], counted["channels"]

        self.loop("demo", "--seconds", 2, "--swarm", 20000, same=same)


if __name__ == "__main__":
    harness.main()
