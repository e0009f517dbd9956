"""analyze and sizes: what is proven of the demo's stacks holds in a run of it, and speaks of the same sites."""
import os
import unittest

import harness

GROWABLE = os.path.join(harness.BIN, "growing_site_growable")


class Analyze(unittest.TestCase):
    def analyzed(self, *arguments, code):
        return harness.coroscope("analyze", *arguments, "--json", check=code).json()

    def test_no_stack_of_the_demo_is_seen_deeper_than_what_is_proven(self):
        plain = {site["site"]: site["bound_bytes"] for site in self.analyzed(harness.DEMO, code=1)["sites"] if site["proven"]}
        self.assertGreaterEqual(len(plain), 5)
        # Nothing throws in the demo unless it is told to.
        sites = self.analyzed(harness.DEMO, "--assume", "no-throw", code=1)["sites"]
        proven = {site["site"]: site["bound_bytes"] for site in sites if site["proven"]}
        self.assertGreaterEqual(len(proven), 12)
        self.assertLessEqual(set(plain), set(proven))
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, check=0)
            rows = {row["site"]: row for row in harness.coroscope("sizes", trace, "--json", check=0).json()["sites"] if row["samples"]}
        met = [site for site in proven if site in rows]
        self.assertGreaterEqual(len(met), 3, (sorted(proven), sorted(rows)))
        for site in met:
            self.assertLessEqual(rows[site]["high_water_bytes"]["max"], proven[site], site)
            self.assertLessEqual(rows[site]["seen_bytes"], proven[site], site)

    def test_every_site_of_the_demo_that_ran_is_known_to_the_proof_by_its_name(self):
        known = {site["site"] for site in self.analyzed(harness.DEMO, code=1)["sites"]}
        with harness.folder() as folder:
            trace = os.path.join(folder, "run.coro")
            harness.coroscope("record", "-o", trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0)
            ran = {row["site"] for row in harness.coroscope("sizes", trace, "--json", check=0).json()["sites"]}
        # Handlers of signals among them, which the runtime spawns from a function object.
        self.assertTrue(any("statistics.cpp" in site for site in ran), ran)
        self.assertEqual(ran - known, set())

    def test_what_the_demo_wishes_for_by_name_is_read_from_its_code(self):
        wished = {(os.path.basename(row["site"]).split(":")[0], row["class_wished"])
                  for row in self.analyzed(harness.DEMO, code=1)["sites"] if "class_wished" in row}
        # Of the swarm it depends on an option, so nothing is said.
        self.assertEqual(wished, {("climbers.cpp", "micro"), ("parser.cpp", "large"), ("parser.cpp", "small")})

    def test_each_site_that_is_not_proven_says_why(self):
        for site in self.analyzed(harness.DEMO, code=1)["sites"]:
            if not site["proven"]:
                self.assertGreater(len(site["reasons"]), 0, site["site"])
                self.assertNotIn("bound_bytes", site)

    def test_what_a_bound_rests_on_stands_beside_it(self):
        rows = {os.path.basename(site["site"]): site for site in self.analyzed(harness.DEMO, "--assume", "no-throw", code=1)["sites"]}
        said = " ".join(rows["fan_in.cpp:37"]["assumptions"])
        self.assertIn("no exception is thrown (", said)
        self.assertIn("while it ends", said)
        self.assertNotIn("no exception", " ".join(rows["swarm.cpp:40"]["assumptions"]))
        warm = self.analyzed(harness.DEMO, "--assume", "no-throw", "--assume", "warm-malloc", code=1)["sites"]
        warm = {os.path.basename(site["site"]): site for site in warm}
        self.assertLess(warm["fan_in.cpp:37"]["bound_bytes"], rows["fan_in.cpp:37"]["bound_bytes"])
        self.assertIn("has allocated before", " ".join(warm["fan_in.cpp:37"]["assumptions"]))

    def test_whom_calls_through_pointers_reach_can_be_refused_to_be_known(self):
        def reasons(*assumed):
            sites = self.analyzed(harness.DEMO, "--assume", "no-throw", *assumed, code=1)["sites"]
            row = next(site for site in sites if os.path.basename(site["site"]) == "pipeline.cpp:79")
            return [reason["reason"] for reason in row["reasons"] if len(reason["path"]) <= 3]

        unknown = "release_object_handle(unsigned long) calls through a pointer"
        self.assertTrue(any(unknown in reason for reason in reasons("--assume", "any-callee")))
        self.assertFalse(any(unknown in reason for reason in reasons()))

    def test_of_a_process_calls_go_where_its_loader_bound_them(self):
        chosen = ("--assume", "no-throw", "--assume", "warm-malloc")
        anywhere = {site["site"]: site for site in self.analyzed(harness.DEMO, *chosen, code=1)["sites"]}
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 100, env={"LD_BIND_NOW": "1"}) as program:
            harness.wait_until(lambda: harness.attachable(program.pid), what="the demo")
            here = {site["site"]: site for site in self.analyzed("--pid", program.pid, *chosen, code=1)["sites"]}
            harness.one_sentence(self, harness.coroscope("analyze", harness.COROSCOPE, "--pid", program.pid), 3, "does not run this build")
        self.assertEqual(set(here), set(anywhere))
        for site, row in anywhere.items():
            if row["proven"]:
                self.assertLessEqual(here[site]["bound_bytes"], row["bound_bytes"], site)
                self.assertIn(f"process {program.pid}", " ".join(here[site]["assumptions"]))

    @unittest.skipUnless(os.path.exists(GROWABLE), "growth by segment needs g++ without sanitizers")
    def test_growable_code_gets_what_it_asks_for_and_stays_on_its_slot(self):
        with harness.folder() as folder:
            table, first, again = (os.path.join(folder, name) for name in ("sizes.json", "first.coro", "again.coro"))
            harness.coroscope("record", "-o", first, "--", GROWABLE, check=0)
            harness.coroscope("sizes", first, "-o", table, check=0)
            harness.coroscope("record", "-o", again, "--", GROWABLE, "updated", env={"CPRIME_SIZES": table}, check=0)
            rows = [row for row in harness.coroscope("sizes", again, "--json", check=0).json()["sites"] if row["peak_coroutines"] == 100]
        self.assertEqual(len(rows), 1)
        self.assertEqual((rows[0]["evidence"], rows[0]["migrations"]), ("proven", 0), rows[0])
        self.assertGreater(rows[0]["bound_bytes"], 6000)
        self.assertGreaterEqual(rows[0]["bound_bytes"], rows[0]["high_water_bytes"]["max"])

    def test_each_site_says_where_it_may_wait_and_what_it_does_with_channels(self):
        rows = {os.path.basename(site["site"]): site for site in self.analyzed(harness.DEMO, code=1)["sites"]}
        self.assertEqual(rows["swarm.cpp:40"]["channels"], "receives in a loop")
        self.assertEqual(rows["fan_in.cpp:37"]["channels"], "sends in a loop")
        self.assertEqual(rows["exchange.cpp:70"]["channels"], "selects in a loop")
        self.assertEqual(rows["parser.cpp:91"]["channels"], "none")
        self.assertTrue(rows["swarm.cpp:40"]["suspension_points_complete"])
        self.assertIn("receive", [point["wants"] for point in rows["swarm.cpp:40"]["suspension_points"]])

    def test_a_c_program_has_its_sites_under_the_names_that_the_runtime_gives_them(self):
        poc = os.path.join(harness.BIN, "poc")
        rows = {os.path.basename(site["site"]): site for site in self.analyzed(poc, code=1)["sites"]}
        self.assertEqual([rows[name]["entry"] for name in ("poc.c:39", "poc.c:40")], ["print_slowly", "stream_file"])

    def test_what_cannot_be_analyzed_is_one_sentence(self):
        harness.one_sentence(self, harness.coroscope("analyze", "/etc/passwd"), 3, "no ELF file")
        harness.one_sentence(self, harness.coroscope("analyze", "/bin/ls"), 3, "no coroutines", "--function")
        harness.one_sentence(self, harness.coroscope("analyze", harness.DEMO, "--function", "not_there"), 3, "not_there", "nm -C")
        with harness.folder() as folder:
            cut = os.path.join(folder, "cut")
            with open(harness.DEMO, "rb") as whole, open(cut, "wb") as file:
                file.write(whole.read(5000))
            harness.one_sentence(self, harness.coroscope("analyze", cut), 3, "cut")


if __name__ == "__main__":
    harness.main()
