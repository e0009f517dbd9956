"""cprime_use_sizes(): a table is built into a program, held against it after the link, and gives way to the operator's.

A project outside the tree finds the installed runtime, as a user's would; the coroscope that analyses is the one of this build.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["COROSCOPE_BUILD"])
COROSCOPE = pathlib.Path(os.environ["COROSCOPE_BIN"]) / "coroscope"
PROGRAM = """\
#include <cprime/cprime.h>
#include <cstdio>
[[gnu::noinline]] int deep(int n) {
    volatile char room[600];
    for (int i = 600; i-- > 0;) room[i] = static_cast<char>(n);
    return room[n];
}
int main() {
    return cprime::run({.workers = 1}, [] {
        int sum = 0;
        auto handle = cprime::spawn("deep", [&sum] { sum += deep(3); });
        std::printf("%zu\\n", handle.view().stack_size());
        handle.join();
        return sum - 3;
    });
}
"""
LINE = 1 + PROGRAM[:PROGRAM.index("cprime::spawn(")].count("\n")
PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(sized CXX)
find_package(cprime REQUIRED)
add_executable(sized sized.cpp)
target_compile_features(sized PRIVATE cxx_std_20)
target_compile_options(sized PRIVATE -O2 -g)
target_link_libraries(sized PRIVATE cprime::cprime)
if(GROWABLE)
  cprime_growable_stacks(sized)
endif()
cprime_use_sizes(sized sizes.json)
"""
MEDIUM_BYTES, SMALL_BYTES_MAX = 16384, 2112


def run(*command, **more):
    return subprocess.run([str(word) for word in command], text=True, capture_output=True, timeout=200, **more)


class UseSizes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="coroscope-sizes-")
        cls.prefix = pathlib.Path(cls.folder.name) / "prefix"
        installed = run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "cprime")
        assert installed.returncode == 0, installed.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.project = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        (self.project / "sized.cpp").write_text(PROGRAM)
        (self.project / "CMakeLists.txt").write_text(PROJECT)
        self.site = f"{self.project}/sized.cpp:{LINE}"

    def write(self, size_class, evidence, site=None, name="sizes.json"):
        rows = [{"site": site or self.site, "class_advised": size_class, "evidence": evidence, "predicted_bytes": 700}]
        (self.project / name).write_text(json.dumps({"version": 1, "sites": rows}))

    def configure(self, *more):
        done = run("cmake", "-S", self.project, "-B", self.project / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                   f"-DCOROSCOPE_PROGRAM={COROSCOPE}", *more)
        self.assertEqual(done.returncode, 0, done.stderr)

    def make(self, code=0):
        done = run("cmake", "--build", self.project / "build")
        self.assertEqual(done.returncode == 0, code == 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def start(self, **environment):
        done = run(self.project / "build/sized", env={**os.environ, "LD_BIND_NOW": "1", **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout), done.stderr

    def test_a_proven_row_gives_its_class_without_anything_in_the_environment(self):
        self.write("small", "proven")
        self.configure()
        self.assertNotIn("warning", self.make())
        slot_bytes, said = self.start()
        self.assertLessEqual(slot_bytes, SMALL_BYTES_MAX)
        self.assertEqual(said, "")

    def test_a_profiled_row_chooses_nothing_below_a_page_unless_the_operator_wishes(self):
        self.write("small", "profiled")
        self.configure()
        self.make()
        self.assertEqual(self.start()[0], MEDIUM_BYTES)
        slot_bytes, said = self.start(CPRIME_SIZES=str(self.project / "sizes.json"))
        self.assertLessEqual(slot_bytes, SMALL_BYTES_MAX)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn("which is built in", said)

    def test_profiled_rows_of_growable_code_may_be_small(self):
        self.write("micro", "profiled")
        self.configure("-DGROWABLE=ON")
        self.make()
        self.assertEqual(self.start()[0], 256)

    def test_a_row_of_a_site_that_is_gone_is_a_warning_that_names_it(self):
        self.write("small", "proven", site="gone.cpp:7")
        self.configure()
        said = self.make()
        self.assertRegex(said, "warning: the size table .*sizes.json has stale rows.*: gone.cpp:7;")
        self.assertEqual(self.start()[0], MEDIUM_BYTES)

    def test_a_class_that_is_proven_not_to_hold_its_site_fails_the_build_until_the_table_is_mended(self):
        self.write("micro", "proven")
        self.configure()
        for _ in range(2):  # it is no accident that a second try would forget
            said = self.make(code=1)
            sentence = [line for line in said.splitlines() if line.startswith("error: ")]
            self.assertEqual(len(sentence), 1, said)
            self.assertRegex(sentence[0], f"{self.site} is proven to need up to [67][0-9][0-9] bytes and micro holds 2[0-9][0-9]")
        self.write("small", "proven")
        self.assertNotIn("error", self.make())
        self.assertLessEqual(self.start()[0], SMALL_BYTES_MAX)

    def test_a_class_that_the_code_wishes_for_and_that_is_proven_not_to_hold_the_site_fails_the_build(self):
        (self.project / "sized.cpp").write_text(
            PROGRAM.replace('spawn("deep",', 'spawn({.name = "deep", .size_class = cprime::size_class::micro},'))
        self.write("small", "proven", site="gone.cpp:7")
        self.configure()
        said = self.make(code=1)
        self.assertRegex(said, f"error: .*{self.site} is proven to need up to [67][0-9][0-9] bytes and micro, which the code wishes for, holds ")
        self.write("small", "proven")  # raises what the code wishes for
        self.make()
        self.assertLessEqual(self.start()[0], SMALL_BYTES_MAX)

    def test_a_row_of_a_signals_handler_is_not_stale(self):
        (self.project / "sized.cpp").write_text(PROGRAM.replace("        int sum", "        cprime::signals().handle(SIGUSR2, [] {});\n        int sum"))
        handled = f"{self.project}/sized.cpp:{LINE - 1}"
        self.write("medium", "profiled", site=handled)
        self.configure()
        self.assertNotIn("warning", self.make())
        self.write("medium", "profiled", site=f"{self.project}/sized.cpp:{LINE + 5}")
        self.assertIn("stale rows", self.make())

    def test_a_wish_in_unoptimised_code_is_read_too(self):
        (self.project / "CMakeLists.txt").write_text(PROJECT.replace("-O2", "-O0"))
        self.misfit('spawn("deep",', 'spawn({.name = "deep", .size_class = cprime::size_class::micro},')

    def misfit(self, before, after, site="gone.cpp:7"):
        (self.project / "sized.cpp").write_text(PROGRAM.replace(before, after))
        self.write("medium", "profiled", site=site)
        self.configure()
        said = self.make(code=1)
        self.assertRegex(said, "error: .*sized.cpp:[0-9]+ is proven to need up to [6-9][0-9][0-9] bytes and micro, which the code wishes for, holds ")

    def test_a_micro_pool_into_which_a_body_does_not_fit_fails_the_build_whatever_a_row_says(self):
        self.misfit('auto handle = cprime::spawn("deep", [&sum] { sum += deep(3); });',
                    'cprime::MicroPool<4> pool; auto handle = pool.spawn("deep", [&sum] { sum += deep(3); });', site=self.site)

    def test_what_is_declared_of_a_body_and_proven_wrong_fails_the_build(self):
        (self.project / "sized.cpp").write_text(PROGRAM.replace(
            "[&sum] { sum += deep(3); });", "cprime::with_metadata<cprime::coro_metadata{.max_stack = 60, .bounded = true}>([&sum] { sum += deep(3); }));"))
        self.write("small", "proven", site="gone.cpp:7")
        self.configure()
        self.assertRegex(self.make(code=1), f"error: .*{self.site} is proven to need up to [67][0-9][0-9] bytes and micro, which the code wishes for, ")

    def test_a_file_that_is_no_table_fails_the_build_in_one_sentence(self):
        (self.project / "sizes.json").write_text("[1, 2")
        self.configure()
        self.assertRegex(self.make(code=1), "size-table: the size table .*sizes.json cannot be used: line 1")


if __name__ == "__main__":
    unittest.main(verbosity=2)
