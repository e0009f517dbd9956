// The workers' threads: started with every signal blocked but faults, an alternate stack, and a warmed-up allocator and unwinder.
//
// Thread: the one that makes and destroys the Runtime.
#pragma once

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

// Starts one thread a worker and waits until each is ready to run coroutines.
void start_workers(RuntimeState& state);
// After Scheduler::stop().
void join_workers(RuntimeState& state);

}  // namespace cprime::detail
