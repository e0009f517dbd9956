// What the program's exit codes mean, and how an error of any folder becomes one.
//
// Scripts rely on these: 0 good, 1 a finding (a certain deadlock), 2 a wrong command line, 3 the target or the file cannot be read or
// written. Whatever goes wrong is said in one sentence on stderr, and nothing of it on stdout.
//
// Thread: the main thread. Tested in tests/unit/app/exit_codes_test.cpp and tests/e2e/errors_test.py.
#pragma once

#include <cstdint>
#include <string>

#include "instrumentation/base/result.h"

namespace coroscope::app {

enum ExitCode : int {
    kExitGood = 0,
    kExitFinding = 1,
    kExitUsage = 2,
    kExitUnreadable = 3,
};

int exit_code_of(base::ErrorCode code);

// The message as one line: line breaks become spaces, the full stop at the end goes, "coroscope: " comes before it.
std::string error_line(const std::string& message);
// Prints it to stderr; returns the exit code.
int fail(const base::Error& error);

// Writes all of `text` to stdout. Errors: kIo (disk full, closed), because a half-written answer must not look like a whole one.
base::Status write_stdout(const std::string& text);

}  // namespace coroscope::app
