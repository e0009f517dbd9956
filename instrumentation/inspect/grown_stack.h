// Reading the stack of a parked coroutine that goes over segments (wire/stack_segment.h): from its innermost frames back to its own slot.
//
// Nothing that the target's memory says is believed before it was found to lie within a slot of a pool; whether it all belongs to
// one moment is for the caller to check, by the coroutine's sequence.
//
// Thread: any. Blocks: a few process_vm_readv.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"

namespace coroscope::inspect {

struct GrownStack {
    std::vector<std::uint8_t> memory;
    std::vector<StackBytes> pieces;  // into memory, innermost first; empty: could not be read
};

// `own`: bounds of the coroutine's own slot; `rsp`: of its saved frame, on a segment.
GrownStack read_grown_stack(std::uint32_t pid, const StateImage& state, const wire::StackBounds& own,
                            std::uint64_t rsp);
// The same of a coroutine that stands still while it runs: `limit` is that of the stack it is on (%fs:112 of its thread). From `below` bytes under rsp
// on, as far as the stack reaches.
GrownStack read_running_grown_stack(std::uint32_t pid, const StateImage& state, const wire::StackBounds& own,
                                    std::uint64_t rsp, std::uint64_t limit, std::uint64_t below);

}  // namespace coroscope::inspect
