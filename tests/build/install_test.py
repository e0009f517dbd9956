"""What is installed is enough for somebody else's program: found by CMake and by pkg-config, in C++ and in C, and seen.

The build is installed into an empty folder, which is then moved (an install tree that knows its old place would fail).
tests/build/outside is copied away from the tree and built against it both ways; each program runs, and one of them is
recorded by the installed coroscope. No file of this tree, no build folder and no default include path takes part.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
OUTSIDE = pathlib.Path(__file__).parent / "outside"


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, timeout=200, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="coroscope-install-")
        root = pathlib.Path(cls.folder.name)
        run("cmake", "--install", BUILD, "--prefix", root / "first-place")
        cls.prefix = (root / "first-place").rename(root / "prefix")
        cls.project = shutil.copytree(OUTSIDE, root / "project")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def package_config(self, *arguments):
        folder = next(self.prefix.rglob("cprime.pc")).parent
        return run("pkg-config", *arguments, "cprime", env={**os.environ, "PKG_CONFIG_PATH": folder}).split()

    def test_a_cmake_project_finds_and_uses_it(self):
        build = self.project / "build"
        run("cmake", "-S", self.project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        self.assertEqual(run(build / "first"), "sum 10\n")
        self.assertEqual(run(build / "first_c"), "sum 10\n")

    def test_pkg_config_is_enough_for_cpp(self):
        program = self.project / "by_pkg_config"
        run("c++", "-std=c++20", "-O2", self.project / "first.cpp", "-o", program, *self.package_config("--cflags", "--libs"))
        self.assertEqual(run(program), "sum 10\n")

    def test_pkg_config_is_enough_for_c(self):
        program = self.project / "c_by_pkg_config"
        run("cc", "-std=c99", "-Wall", "-Werror", self.project / "first_c.c", "-o", program,
            *self.package_config("--cflags", "--libs"))
        self.assertEqual(run(program), "sum 10\n")

    def test_programs_are_bound_eagerly(self):
        program = self.project / "bound"
        run("c++", "-std=c++20", self.project / "first.cpp", "-o", program, *self.package_config("--cflags", "--libs"))
        self.assertIn("NOW", run("readelf", "-d", program))

    def test_the_installed_coroscope_records_it(self):
        program, trace = self.project / "recorded", self.project / "recorded.coro"
        run("c++", "-std=c++20", "-g", "-O2", self.project / "first.cpp", "-o", program,
            *self.package_config("--cflags", "--libs"))
        run(self.prefix / "bin/coroscope", "record", "-o", trace, "--", program)
        totals = json.loads(run(self.prefix / "bin/coroscope", "stat", trace, "--json"))["totals"]
        self.assertEqual(totals["spawned"], totals["exited"])
        self.assertEqual(totals["channels"]["numbers"], {"sent": 4, "received": 4})

    def test_nothing_but_headers_library_and_ways_to_find_them_is_installed_for_programs(self):
        installed = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file()}
        unexpected = {p for p in installed if not p.startswith(("bin/coroscope", "share/coroscope/", "include/cprime/", "lib"))}
        self.assertEqual(unexpected, set())
        self.assertEqual([p for p in installed if p.endswith(".a")], [p for p in installed if p.endswith("libcprime.a")])


if __name__ == "__main__":
    unittest.main(verbosity=1)
