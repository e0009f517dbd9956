// Checking a PoolConfig against what this machine and the segment can hold, and having the stacks that it wants ahead.
//
// Thread: the one that makes the Runtime, before the workers run. Ends the process with one sentence that names the field where something
// cannot be. Tested in tests/unit/runtime/pool_config_test.cpp.
#pragma once

#include "cprime/pool_config.h"
#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

// After the pools, the workers' array and the clock exist: gates, slots ahead, emergency slots, and when to trim.
void start_pools(RuntimeState& state, const PoolConfig& config);

}  // namespace cprime::detail
