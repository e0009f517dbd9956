// What the program, else the environment, says of deadlocks and stalls (cprime/runtime.h).
//
// Thread: the one that makes the Runtime.
#pragma once

#include <cstdint>

#include "cprime/runtime.h"

namespace cprime::detail {

struct WatchOptions {
    OnDeadlock on_deadlock = OnDeadlock::report;  // not by_environment
    std::uint32_t stall_ms = 1000;                // 0 = nobody looks
};

// A value that means nothing ends the process: a sentence, code 2.
WatchOptions read_watch_options(const RuntimeOptions& options);

}  // namespace cprime::detail
