// Stacks out of a core: of everybody who was parked, and of those that ran on a worker when the program ended.
//
// Parked ones are unwound from the registers saved on their stacks, as in a living program. For a coroutine that ran, the worker's thread has
// the registers (running_walk.h).
//
// Nothing moves any more, so what is there is exact. What is not: gdb's gcore stops at guard pages, and a core may be cut off.
//
// Thread: one at a time. Blocks: reads the core and files. Tested in tests/unit/inspect/core_file_test.cpp and tests/e2e/core_test.py.
#pragma once

#include <cstdint>

#include "instrumentation/inspect/core_file.h"
#include "instrumentation/inspect/unwinder.h"

namespace coroscope::inspect {

struct CoreStacks {
    StackSnapshot snapshot;
    std::uint64_t missing = 0;  // stacks that the core does not hold: they have no entry in the table
    // Program counters at which execution stood, of those that ran: themselves to be looked up, while all others return after a call.
    std::vector<std::uint64_t> exact_pcs;
};

CoreStacks snapshot_core_stacks(const CoreFile& core, Unwinder& unwinder, const StateImage& state,
                                StackTable& table);

// The coroutine that a thread ran; nullptr when it ran none, or is no worker.
const CoroutineImage* running_on(const StateImage& state, std::uint32_t thread_id);

}  // namespace coroscope::inspect
