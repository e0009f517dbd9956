// Walking the stack of a coroutine that runs, from the registers of its worker's thread, which stands still: stopped by ptrace
// (running_stacks.h), or in a core (core_stacks.h).
//
// The thread may stand in the coroutine's own frames, on the worker's stack (inside the runtime) or on an alternate stack (in the
// handler of a fault): the walk goes on from there to the coroutine's stack by call frame information, through signal frames.
//
// Thread: any. Blocks: as its reader does. Tested in tests/e2e/core_test.py and tests/unit/inspect/running_stacks_test.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/inspect/thread_registers.h"
#include "instrumentation/inspect/unwinder.h"

namespace coroscope::inspect {

// Copies memory of the target from an address on, as much as there is; returns how much.
using PartialReader = std::function<std::size_t(std::uint64_t address, void* to, std::size_t bytes)>;

// What a walk reads: pieces of memory, innermost first. Empty: nothing of it could be read.
struct RunningPieces {
    std::vector<std::vector<std::uint8_t>> memory;
    GrownStack grown;
    std::vector<StackBytes> pieces;
};

// `worker`: that runs it; `foreign_high`: one past the stack that its thread stands on, should that be neither the coroutine's nor the worker's.
RunningPieces read_running_stack(const PartialReader& read, const StateImage& state, const CoroutineImage& coroutine,
                                 const WorkerImage& worker, const ThreadRegisters& thread, std::uint64_t foreign_high);

// Not of no pieces. `exact_pcs` gets those at which execution stood: themselves to be looked up, while all others return after a call.
UnwindEnd unwind_running(Unwinder& unwinder, const RunningPieces& pieces, const ThreadRegisters& thread,
                         std::vector<std::uint64_t>& pcs, std::vector<std::uint64_t>& exact_pcs);

}  // namespace coroscope::inspect
