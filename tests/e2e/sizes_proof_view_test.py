"""The Sizes view says what is proven of the chosen site, and opens the calls of the proof in the code view, although nobody stands there."""
import json
import os
import unittest

import harness


class SizesProofView(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "run.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 300, check=0, timeout=200)
        cls.printed = harness.coroscope("sizes", cls.trace, "--json", check=0).json()
        # By site, as the view lists them after a click on that title.
        cls.rows = sorted(cls.printed["sites"], key=lambda row: (row["site"].rsplit(":", 1)[0], int(row["site"].rsplit(":", 1)[1])))

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def window(self, *lines, word=None, size="1600x1000"):
        """The dump after these lines, with the Sizes view alone; and the dump before the last of them."""
        path, dump = os.path.join(self.folder, "proof.script"), os.path.join(self.folder, "dump.json")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment", "view sizes", "key m", "wait-for settled", "click sizes.header.0", "wait-for settled", *lines,
                                  "wait-for settled", f"dump {dump}", "quit"]) + "\n")
        harness.coroscope(*(word or ["replay", self.trace]), "--offscreen", "--size", size, "--script", path, check=0, timeout=180, cwd=self.folder)
        with open(dump) as file:
            return json.load(file)

    def row(self, wanted):
        """Its number in the view, and itself."""
        return next((i, row) for i, row in enumerate(self.rows) if row["proof"] and wanted(row))

    @staticmethod
    def in_demo(places):
        return len(places) > 0 and all(binary.endswith("/demo") for binary, _ in places)

    def test_a_proven_row_says_its_bound_what_it_rests_on_and_the_calls_that_go_deepest(self):
        number, row = self.row(lambda row: row["proof"]["proven"] and row["proof"]["contracts"])
        proof = row["proof"]
        detail = self.window(f"click sizes.row.{number}")["views"]["sizes"]["detail"]
        self.assertEqual(detail["site"], row["site"])
        lines = [(line["kind"], line["text"]) for line in detail["lines"]]
        self.assertEqual(lines[0][0], "proven")
        self.assertIn("PROVEN ≤ {:,}".format(proof["bound_bytes"]).replace(",", " "), lines[0][1].replace("\u2009", " ").replace("\u202f", " "))
        self.assertEqual([text for kind, text in lines if kind == "frame"], proof["path"])
        self.assertEqual([text for kind, text in lines if kind == "assumption"], proof["contracts"] + proof["assumptions"])

    def test_an_unproven_row_says_every_reason_with_its_calls(self):
        number, row = self.row(lambda row: not row["proof"]["proven"] and len(row["proof"]["reasons"]) > 1)
        detail = self.window(f"click sizes.row.{number}")["views"]["sizes"]["detail"]
        expected = [("unproven", f"UNPROVEN: {len(row['proof']['reasons'])} reasons")]
        for reason in row["proof"]["reasons"]:
            expected.append(("reason", reason["reason"]))
            expected += [("frame", function) for function in reason["path"]]
        self.assertEqual([(line["kind"], line["text"]) for line in detail["lines"]], expected)

    def check_code(self, shown, place):
        binary, address = place
        code = shown["views"]["code"]
        self.assertEqual((code["place"]["binary"], code["place"]["address"]), (binary, address))
        here = [row for row in code["rows"] if row["here"]]
        self.assertEqual([row["address"] for row in here], [address])
        return code, here[0]

    def test_a_click_on_a_call_shows_its_code_and_source(self):
        number, row = self.row(lambda row: not row["proof"]["proven"] and self.in_demo(row["proof"]["reasons"][0]["places"]))
        reason = row["proof"]["reasons"][0]
        last = len(reason["places"]) - 1
        code, here = self.check_code(self.window(f"click sizes.row.{number}", "wait-for settled", f"click sizes.frame.{last}"), reason["places"][last])
        self.assertEqual(reason["places"][last], [reason["binary"], reason["address"]])
        self.assertEqual(here["note"], reason["reason"])
        self.assertGreater(code["source"]["lines"], 10)
        self.assertEqual(code["source"]["problem"], "")

    def test_keys_walk_over_the_calls_open_one_and_go_back(self):
        number, row = self.row(lambda row: row["proof"]["proven"] and len(row["proof"]["places"]) > 1 and self.in_demo(row["proof"]["places"][:2]))
        places = row["proof"]["places"]
        chosen = [f"click sizes.row.{number}", "wait-for settled"]
        self.check_code(self.window(*chosen, "key enter"), places[0])
        _, here = self.check_code(self.window(*chosen, "key ctrl+shift+down", "key enter"), places[1])
        _, here = self.check_code(self.window(*chosen, "key ctrl+shift+down", "key ctrl+shift+up", "key enter"), places[0])
        self.assertTrue(here["text"].startswith(("call", "jmp")), here)
        self.assertIn("the proof goes on in", here["note"])
        back = self.window(*chosen, "key enter", "wait-for settled", "key backspace")["views"]["code"]
        self.assertTrue(back is None or "place" not in back)

    def test_a_live_program_shows_the_code_of_its_proofs_too(self):
        with harness.started(harness.DEMO, "--seconds", 60, "--swarm", 300) as demo:
            harness.wait_until(lambda: harness.attachable(demo.pid), what="the demo being attachable")
            word = ["attach", demo.pid, "--events", "always"]
            rows = self.window("wait-for coroutines > 300", word=word)["views"]["sizes"]["rows"]
            site = next(row["site"] for row in self.rows if row["proof"] and row["proof"]["proven"] and self.in_demo(row["proof"]["places"])
                        and any(shown["site"] == row["site"] for shown in rows))
            place = next(row for row in self.rows if row["site"] == site)["proof"]["places"][0]
            # A window that has just attached shows rows before it keeps a past to prove from: then there is nothing yet that opens.
            def opened():
                shown = self.window("wait-for coroutines > 300", "click sizes.filter", f"type {site}", "wait-for settled", "click sizes.row.0",
                                    "wait-for settled", "key enter", word=word)
                return shown if "code" in shown["views"] else None

            shown = harness.wait_until(opened, what="a window with a proof of the row")
        self.check_code(shown, place)


if __name__ == "__main__":
    harness.main()
