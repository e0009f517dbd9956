// What a parked coroutine waits for, in the words that every word of the command line and every view uses.
#pragma once

#include <string>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::traces {

// "channel:NAME", "mutex:NAME", the identity of the coroutine it joins, "timer", "signal:10", else the reason's own name; "" when it waits for
// nothing. Thread: pure.
std::string awaited_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

}  // namespace coroscope::traces
