"""record -> compact: fewer bytes, the same answers; what is damaged is named and left out."""
import os
import unittest

import harness


class Compact(unittest.TestCase):
    def test_a_compacted_recording_answers_as_before_in_fewer_bytes(self):
        with harness.folder() as folder:
            live, small = os.path.join(folder, "live.coro"), os.path.join(folder, "small.coro")
            harness.coroscope("record", "-o", live, "--", harness.DEMO, "--seconds", 2, "--swarm", 2000, check=0, timeout=200)
            said = harness.coroscope("compact", live, "-o", small, "--json", check=0).json()
            self.assertEqual((said["bytes_before"], said["bytes_after"]), (os.path.getsize(live), os.path.getsize(small)))
            self.assertLess(said["bytes_after"], said["bytes_before"])
            self.assertEqual(said["left_out"], [])
            self.assertGreater(harness.coroscope("stat", live, "--json", check=0).json()["events"], 10_000)
            self.assertLessEqual(said["bytes_before"], 8.5 * said["events"])
            self.assertLessEqual(said["bytes_after"], 6 * said["events"])
            for word in (["stat", "--json"], ["stacks", "--json"], ["waits", "--json"], ["stacks", "--at", "1s", "--json"]):
                before = harness.coroscope(word[0], live, *word[1:], check=0).json()
                after = harness.coroscope(word[0], small, *word[1:], check=0).json()
                self.assertEqual(before, after, word)

    def test_a_damaged_recording_is_mended_and_says_what_it_lost(self):
        with harness.folder() as folder:
            live, small = os.path.join(folder, "live.coro"), os.path.join(folder, "small.coro")
            harness.coroscope("record", "-o", live, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0, timeout=200)
            size = os.path.getsize(live)
            with open(live, "r+b") as file:
                file.truncate(size - 40)  # the trailer and the end of the footer
                file.seek(size // 2)
                file.write(b"damage" * 10)
            ran = harness.coroscope("compact", live, "-o", small, check=0)
            self.assertIn("left out: ", ran.err)
            stat = harness.coroscope("stat", small, "--json", check=0)
            self.assertEqual(stat.err, "")

    def test_what_cannot_be_compacted_is_refused_in_one_sentence(self):
        with harness.folder() as folder:
            out = os.path.join(folder, "out.coro")
            harness.one_sentence(self, harness.coroscope("compact", harness.DEMO, "-o", out), 3, harness.DEMO)
            self.assertFalse(os.path.exists(out))
            harness.one_sentence(self, harness.coroscope("compact", out), 2, "--output")


if __name__ == "__main__":
    harness.main()
