// Stacks of a model's coroutines are the checker's own; they do not overflow. Stands before the real one, as ../entry/runtime_state.h does.
#pragma once

#include <cstdint>

#include "runtime/scheduler/worker.h"

namespace cprime::detail {

inline void check_stack(const Worker&, std::uint32_t, std::uint64_t) {}

}  // namespace cprime::detail
