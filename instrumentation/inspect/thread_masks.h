// Which signals each thread of a process blocks, and which wait for it, as the kernel tells in /proc/PID/task/TID/status.
//
// Thread: any. Blocks: reads /proc, some 20 us a thread. Tested in tests/unit/inspect/thread_masks_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::inspect {

// Sets of signals: bit n - 1 is signal n.
struct ThreadMask {
    std::uint32_t thread = 0;  // kernel id
    std::string name;
    std::uint64_t blocked = 0, pending = 0;
};
struct SignalMasks {
    std::uint64_t caught = 0, ignored = 0;  // of the process
    std::uint64_t pending = 0;              // sent to the process, and taken by no thread yet
    std::vector<ThreadMask> threads;        // in the kernel's order; threads that ended meanwhile are left out
};

// Errors: kGone (no such process), kUnreadable.
base::Result<SignalMasks> read_signal_masks(std::uint32_t pid);

// What a status file says of one thread; false where it is none. `masks` takes what it says of the process.
bool parse_thread_status(std::string_view text, ThreadMask& thread, SignalMasks& masks);

}  // namespace coroscope::inspect
