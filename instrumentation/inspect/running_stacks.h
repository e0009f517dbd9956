// Stacks of coroutines that run: their workers, and nobody else, are stopped by ptrace for the time that copying registers and stacks takes
// (some microseconds each as a rule, milliseconds at worst), and go on before anything is unwound.
//
// In a runtime call the frames of the call lie on the worker's stack, those before it on the coroutine's: the walk crosses from one to the other as
// it crosses between segments. In the handler of a fault it begins on the alternate stack.
//
// Thread: one at a time; the work is done on a thread of its own, so that whatever cannot be stopped is let go with it (thread_stop.h).
// Blocks: as long as that takes. Tested in tests/unit/inspect/running_stacks_test.cpp and tests/e2e/ctl_test.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/inspect/target.h"
#include "instrumentation/inspect/unwinder.h"

namespace coroscope::inspect {

struct RunningStack {
    std::uint32_t worker = 0;
    std::uint32_t thread = 0;        // in our pid namespace
    std::uint32_t coroutine = 0;     // index; wire::kNone: the worker ran none when it stood
    std::uint64_t identity = 0;      // of that coroutine
    std::uint64_t stopped_ns = 0;    // for how long its worker stood still
    UnwindEnd end = UnwindEnd::kNotUnwound;
    std::vector<std::uint64_t> pcs;  // innermost first
    std::vector<std::uint64_t> exact_pcs;  // of them, those at which execution stood, to be looked up themselves; all others return after a call
    std::string error;               // why there is no stack; "" = there is
};

// Of every worker that runs a coroutine now. Errors: kRefused where ptrace is not permitted at all; kGone; those of reading the state plane.
base::Result<std::vector<RunningStack>> look_at_running(Target& target, Unwinder& unwinder);

}  // namespace coroscope::inspect
