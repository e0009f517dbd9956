// The workloads of the growable runner: what it costs to go on on a larger stack. Built with cprime_growable_stacks().
#pragma once

#include <cstdint>

#include "runner/runner.h"

namespace coroscope::bench::growable {

// Calls of one function with a frame of 700 bytes, by a coroutine
Measured call_with_room(std::uint64_t count);  // that has the room: no more than the check of a prologue
Measured call_over_a_hop(
    std::uint64_t count);  // on a Micro slot: each call goes over to the segment that is there already, and back
Measured call_over_first_hop(std::uint64_t count);  // ... with a park before each: a segment is allocated for each

// call_on_bigger_stack where there is room, and onto the segment that is there already.
Measured bigger_stack_with_room(std::uint64_t count);
Measured bigger_stack_cached(std::uint64_t count);

}  // namespace coroscope::bench::growable
