// What a parked coroutine waits for, in the words that every word of the command line and every view uses.
#pragma once

#include <string>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::traces {

// "channel:NAME", "mutex:NAME", the identity of the coroutine it joins, "timer", "signal:10", "select(channel:a, channel:b)", else the reason's own
// name; "" when it waits for nothing. Thread: pure.
std::string awaited_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

// "channel:NAME" of a channel's index; "channel:?" when there is none.
std::string channel_at_text(const inspect::StateImage& state, std::uint32_t channel);
// "receive from channel:a, send to channel:b": the arms of a coroutine that is parked in a select; "" when they are not known. Thread: pure.
std::string arms_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

// Who woke it last: "by parser (12)", "by 12, which has ended", "by its timer", "by a thread outside", "by parser (12), which closed the channel"; ""
// when nobody saw it. Thread: pure.
std::string woken_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

}  // namespace coroscope::traces
