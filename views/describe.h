// Sentences and short words about coroutines, shared by tooltips, tables, the stack's head and the status line.
//
// Pure functions; any thread. Tested in tests/unit/views/coroutine_model_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "traces/moment.h"

namespace coroscope::views {

// "parked: channel-receive", "running on worker 2", "ready".
std::string state_text(const inspect::CoroutineImage& coroutine);
// What it waits for: "channel:rows", "coroutine 12 (parser)", "until 1.500 s", "signal 10"; "" when it waits for nothing.
std::string waits_on_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);
// How long it has been in its state at `t`: -1 = not known.
std::int64_t in_state_ns(const traces::Moment& moment, const inspect::CoroutineImage& coroutine);
// "4711 swarm · parked: channel-receive · channel:rows", for one line.
std::string one_line(const traces::Moment& moment, const inspect::CoroutineImage& coroutine);
// Size class of the pool that its slot lies in; "?" when out of bounds.
const char* size_class_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);
// Which slots its stack is on: "micro", "medium, grown in place", "micro + small + medium" (segments, in the order of their classes).
std::string stack_classes_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);
// The slots on which its stack goes on, in that order; each lies in one of the pools.
std::vector<inspect::StackSegmentImage> segments_of(const inspect::StateImage& state,
                                                    const inspect::CoroutineImage& coroutine);
// "deepest seen 3.20 KiB · 12 grew by segment · 1 in place": all stacks of a site together; "" when nothing was seen.
// `at_least`: bytes that a stack of it uses now; what the program noticed itself is a lower bound.
std::string site_use_text(const inspect::StateImage& state, std::uint32_t site, std::uint64_t at_least = 0);
// Usable bytes of its slot and its segments; 0 when not known.
std::uint64_t slot_bytes_of(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

}  // namespace coroscope::views
