// A Moment: everything that is known of a program at one time t. Live, recorded and scrubbed views, the command line and the
// exports all read Moments and cannot tell where one came from.
//
// Immutable once published (shared_ptr<const Moment>); may be read by any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event.h"

namespace coroscope::traces {

using TimeNs = std::int64_t;  // nanoseconds since the target's runtime started

// What happened to the events of one type, over all rings, up to this moment.
struct EventCount {
    std::uint64_t accepted = 0;  // read (live) or in the file
    std::uint64_t lost = 0;      // dropped by the writer or overtaken
    std::uint64_t emitted = 0;   // attempts, as the rings' own counters say
};

struct Moment {
    TimeNs t = 0;
    inspect::StateImage state;
    inspect::StackSnapshot stacks;  // may be older than `state`: match by identity and sequence
    std::shared_ptr<const inspect::StackTable> table;  // of `stacks`
    std::array<EventCount, wire::kEventTypesMax> events{};
    std::uint64_t events_total = 0;
    std::uint64_t events_lost = 0;
    std::uint64_t unknown_coroutines = 0;  // after losses, until the next keyframe
    // Indices (ascending) of parked coroutines that moved while the program was looked at: the others were all in the states shown at one and
    // the same instant. Empty for recorded programs, whose state at t is one instant by construction.
    std::vector<std::uint32_t> moved;

    // The stack that belongs to this coroutine's present park; nullptr when there is none (running, or not captured since).
    const inspect::StackRef* stack_of(const inspect::CoroutineImage& coroutine) const;
    // Deepest use of its stack that is known, in bytes: what was measured in the program, and not less than what it uses now. 0 = never measured.
    std::uint64_t high_water_of(const inspect::CoroutineImage& coroutine) const;
};

}  // namespace coroscope::traces
