// Raising, as the runtime's own parts need it.
//
// Thread: any; a coroutine on its own stack. Tested in tests/unit/runtime/local_signal_test.cpp.
#pragma once

#include <cstdint>
#include <memory>

#include "cprime/any_signal.h"

namespace cprime::detail {

inline constexpr std::uint32_t kCausesMax = 64;

// The innermost signal that the caller recovers from or handles becomes the cause of this one.
void take_cause(HeldSignal& signal);

// Whether the caller runs in the handler of an application signal.
bool handles_signal();

}  // namespace cprime::detail
