"""Programs of the runtime run under valgrind with every stack at its true size: a Micro slot stays 256 bytes, and no access is wrong."""
import os
import shutil
import subprocess
import sys

# Not here: tests that a guard faults (valgrind follows them into a child and may not come back), those that count slots (every second one
# stays free there), and growth on several workers (it knows one current stack for all threads, and takes one's growth for
# another's frames).
PROGRAMS = {
    "switch_test": "*",
    "channel_micro_test": "*",
    "pools_test": "-*guard*:*full_slab*:*slots_ahead*",
    "torture_test": "-*several_workers*",
}
HERE = os.path.dirname(os.path.abspath(__file__))
SUPPRESSIONS = [os.path.join(HERE, "libunwind.supp"), os.path.join(HERE, "../../../runtime/valgrind.supp")]
WRONG = 9


def main():
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("valgrind is not installed")
        return 77
    failed = 0
    for name, wanted in PROGRAMS.items():
        program = os.path.join(os.environ["COROSCOPE_BIN"], name)
        try:
            done = subprocess.run([valgrind, f"--error-exitcode={WRONG}", *[f"--suppressions={path}" for path in SUPPRESSIONS], "-q", program,
                                   f"--gtest_filter={wanted}"], capture_output=True, text=True, timeout=55)
        except subprocess.TimeoutExpired:
            print(f"{name} has not ended under valgrind after 55 seconds")
            failed += 1
            continue
        if done.returncode == 0 and "[  PASSED  ]" in done.stdout:
            print(f"{name}: right under valgrind")
            continue
        failed += 1
        print(f"{name}: exit code {done.returncode} ({WRONG}: valgrind saw wrong accesses)\n{done.stdout}{done.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
