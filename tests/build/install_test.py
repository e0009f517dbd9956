"""What is installed is enough for somebody else's program: found by CMake and by pkg-config, in C++ and in C, and seen.

The build is installed into an empty folder, which is then moved (an install tree that knows its old place would fail).
tests/build/outside is copied away from the tree and built against it both ways; each program runs, and one of them is
recorded by the installed coroscope. No file of this tree, no build folder and no default include path takes part.
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
MATRIX = [
    ("g++", "-O0", "-g"), ("g++", "-O2", "-g"), ("g++", "-O3", "-march=native", "-g"), ("g++", "-O2"), ("g++", "-O2", "-s"),
    ("g++", "-O2", "-g", "-gdwarf-4"), ("g++", "-O2", "-g", "-gsplit-dwarf"), ("g++", "-O2", "-g", "-flto"),
    ("g++", "-O2", "-g", "-fcf-protection=full"),
    ("g++", "-O2", "-g", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", "-fstack-clash-protection"),
    ("g++", "-O2", "-g", "-no-pie"), ("g++", "-O2", "-g", "-static"), ("g++", "-O2", "-g", "-fno-plt"),
    ("g++", "-O2", "-g", "-fuse-ld=gold"), ("g++", "-O2", "-g", "-fuse-ld=lld"),
    ("clang++", "-O0", "-g"), ("clang++", "-O2", "-g"), ("clang++", "-O2", "-g", "-flto", "-fuse-ld=lld"),
]
DESKTOP = ("share/applications/coroscope", "share/icons/hicolor/", "share/mime/packages/coroscope.xml", "share/man/man1/coroscope.1.gz",
           "share/bash-completion/completions/coroscope", "share/zsh/vendor-completions/_coroscope",
           "share/fish/vendor_completions.d/coroscope.fish", "share/doc/coroscope/", "share/doc/libcprime-dev/")
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
        self.assertEqual(run(build / "growing"), "sum 50005000\n")

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

    def look_at(self, program):
        """The stacks of the running program, once its exception has crossed a wait."""
        with subprocess.Popen([program], stdout=subprocess.PIPE, text=True, env={**os.environ, "LD_BIND_NOW": "1"}) as process:
            try:
                self.assertEqual(process.stdout.readline(), "crossed\n")
                looked = run(self.prefix / "bin/coroscope", "stacks", "--pid", process.pid, "--json")
            finally:
                process.kill()
        return json.loads(looked)["coroutines"]

    def test_the_matrix_of_first_program(self):
        """Every row of the table in runtime/FIRST_PROGRAM.md: built, run, an exception thrown across a wait, every stack unwound and named."""
        flags = self.package_config("--cflags", "--libs")
        for compiler, *options in MATRIX:
            if shutil.which(compiler) is None:
                continue  # the page says what was tried, here is what can be tried again
            with self.subTest(" ".join([compiler, *options])):
                program = self.project / "parked"
                run(compiler, "-std=c++20", *options, self.project / "parked.cpp", "-o", program, *flags)
                coroutines = self.look_at(program)
                self.assertEqual(len(coroutines), 9)
                for coroutine in coroutines:
                    self.assertEqual(coroutine["consistency"], "exact")
                    self.assertEqual(coroutine["unwind_end"], "entry")
                if "-s" not in options:
                    named = [c for c in coroutines if any("wait_here" in (frame["function"] or "") for frame in c["frames"])]
                    self.assertEqual(len(named), 8)

    def test_the_runtime_may_be_part_of_a_shared_library(self):
        flags = self.package_config("--cflags", "--libs")
        library, program = self.project / "libparked.so", self.project / "with_library"
        run("g++", "-std=c++20", "-O2", "-g", "-fPIC", "-shared", "-Dmain=main_of_library", self.project / "parked.cpp", "-o", library, *flags)
        (self.project / "caller.cpp").write_text("int main_of_library();\nint main() { return main_of_library(); }\n")
        run("g++", self.project / "caller.cpp", library, "-o", program)
        self.assertEqual({c["unwind_end"] for c in self.look_at(program)}, {"entry"})

    def test_nothing_but_headers_library_and_ways_to_find_them_is_installed_for_programs(self):
        installed = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file()}
        unexpected = {p for p in installed if not p.startswith(("bin/coroscope", "share/coroscope/", "share/cprime/valgrind.supp", "include/cprime/", "lib", *DESKTOP))}
        self.assertEqual(unexpected, set())
        self.assertEqual([p for p in installed if p.endswith(".a")], [p for p in installed if p.endswith("libcprime.a")])

    def test_a_desktop_knows_the_program_and_its_traces(self):
        for entry in DESKTOP:
            self.assertTrue(list(self.prefix.glob(entry + "*")), entry)
        if shutil.which("desktop-file-validate"):
            run("desktop-file-validate", *(self.prefix / "share/applications").glob("*.desktop"))
        for size in (16, 24, 32, 48, 64, 128, 256):
            picture = (self.prefix / f"share/icons/hicolor/{size}x{size}/apps/coroscope.png").read_bytes()
            self.assertEqual(struct.unpack(">II", picture[16:24]), (size, size))

    @unittest.skipUnless(shutil.which("update-mime-database"), "needs shared-mime-info")
    def test_a_trace_is_known_by_its_first_bytes(self):
        """The database of file types, made of what is installed, holds the magic that this build writes."""
        database = shutil.copytree(self.prefix / "share/mime", self.prefix.parent / "mime")
        run("update-mime-database", database, env={**os.environ, "PKGSYSTEM_ENABLE_FSYNC": "0"})
        magic = (pathlib.Path(os.environ["COROSCOPE_SOURCE"]) / "tests/golden/small_2.coro").read_bytes()[:8]
        known = (database / "magic").read_bytes()
        self.assertIn(b"application/x-coroscope-trace]\n>0=" + struct.pack(">H", len(magic)) + magic, known)


if __name__ == "__main__":
    unittest.main(verbosity=1)
