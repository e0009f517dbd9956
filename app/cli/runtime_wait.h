// Waiting until a runtime stands in a program that was started, or in what it starts: `record` and `top` with "-- PROG".
//
// Thread: the main thread. Blocks. Tested by tests/e2e/errors_test.py and tests/e2e/top_test.py.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/launcher.h"

namespace coroscope::app {

// The first process with a runtime among the program and its descendants, also those whose parents have ended: they become our own
// children (PR_SET_CHILD_SUBREAPER, which the caller has set). Blocks as long as any of them runs, or until `given_up` says so, which is
// asked ten times a second. Errors: kGone, naming how the program ended; kUnreadable when it was given up.
base::Result<std::uint32_t> wait_for_runtime(LaunchedProgram& program, const std::string& name,
                                             const std::function<bool()>& given_up = {});

}  // namespace coroscope::app
