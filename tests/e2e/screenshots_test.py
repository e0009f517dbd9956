"""./dev screenshots makes a picture of every view; at rest a view stands still; and its type grows with the scale."""
import importlib.util
import json
import os
import struct
import unittest
import zlib

import harness

SCREENSHOTS = os.path.join(harness.SOURCE, "assets/screenshots/make.py")


def maker():
    spec = importlib.util.spec_from_file_location("screenshots", SCREENSHOTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def size_and_bytes(path):
    """Width and height of a PNG, and how many different bytes its rows hold: a picture of nothing has a handful."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        at += 12 + length
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            packed += body
    return size, len(set(zlib.decompress(packed)))


class Screenshots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.context = harness.folder()
        cls.folder = cls.context.__enter__()
        cls.trace = os.path.join(cls.folder, "run.coro")
        harness.coroscope("record", "-o", cls.trace, "--", harness.DEMO, "--seconds", 1, "--swarm", 100, check=0, timeout=200)

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    def window(self, *lines, size="1280x800", scale="1"):
        path = os.path.join(self.folder, "window.script")
        with open(path, "w") as file:
            file.write("\n".join(["wait-for moment timeout 60s", "time 500ms", "wait-for settled timeout 60s", *lines, "quit"]) + "\n")
        harness.coroscope("replay", self.trace, "--offscreen", "--size", size, "--scale", scale, "--script", path, check=0, timeout=200)

    def dumped(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return json.load(file)

    def test_every_view_of_a_trace_is_a_picture_of_something(self):
        make = maker()
        folder = os.path.join(self.folder, "pictures")
        pictures = make.make(folder, ["trace"], ["small"], ["light"])
        views = make.names_of_views()
        self.assertGreaterEqual(len(views), 24)
        modes = ["pools-band", *(f"pools-{mode}" for mode in make.POOL_MODES[1:])]
        self.assertEqual(sorted(pictures), sorted(f"{name}.trace.light.small.png" for name in [*views, *modes]))
        for name in pictures:
            size, kinds = size_and_bytes(os.path.join(folder, name))
            self.assertEqual(size, (1280, 800), name)
            self.assertGreater(kinds, 40, name)
        with open(os.path.join(folder, "index.html")) as page:
            text = page.read()
        self.assertTrue(all(name in text for name in pictures))

    def test_at_rest_nothing_moves_from_one_frame_to_the_next_in_any_view(self):
        views = maker().names_of_views()
        lines = []
        for view in views:
            lines += ["preset overview", "select coroutine climber", f"view {view}", "wait-for settled timeout 60s",
                      f"dump {self.folder}/{view}.one.json", f"dump {self.folder}/{view}.two.json"]  # frames lie between them
        self.window(*lines)
        for view in views:
            one, two = self.dumped(f"{view}.one.json"), self.dumped(f"{view}.two.json")
            self.assertIn(view, one["visible"])
            self.assertEqual(one["places"], two["places"], view)

    def test_everything_is_twice_as_large_at_twice_the_scale_and_keeps_its_place(self):
        for scale in ("1", "2"):
            self.window("preset overview", "wait-for settled timeout 60s", f"dump {self.folder}/scale{scale}.json", scale=scale)
        one, two = self.dumped("scale1.json")["places"], self.dumped("scale2.json")["places"]
        for name in ("time", "pools.fit", "table.filter", "row.1"):
            for a, b in zip(one[name], two[name]):
                self.assertAlmostEqual(2 * a, b, delta=24, msg=name)  # type is hinted to whole pixels, at each size its own

    def test_fonts_are_made_anew_when_the_scale_changes_while_the_window_is_open(self):
        self.window("preset overview", f"dump {self.folder}/before.json", "key ctrl+=", "key ctrl+=", "wait-for settled timeout 60s",
                    f"dump {self.folder}/after.json", f"screenshot {self.folder}/after.png")
        before, after = self.dumped("before.json")["places"], self.dumped("after.json")["places"]

        def height(places):
            return places["pools.fit"][3] - places["pools.fit"][1]

        def width(places):
            return places["pools.fit"][2] - places["pools.fit"][0]

        self.assertGreater(height(after), height(before))
        self.assertGreater(width(after), width(before))
        self.assertGreater(size_and_bytes(os.path.join(self.folder, "after.png"))[1], 40)


if __name__ == "__main__":
    harness.main()
