// Reading the stack of a parked coroutine that goes over segments (wire/stack_segment.h): from its innermost frames back to its own slot.
//
// Nothing that the target's memory says is believed before it was found to lie within a slot of a pool; whether it all belongs to
// one moment is for the caller to check, by the coroutine's sequence.
//
// Thread: any. Blocks: a few reads of the target's memory.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"

namespace coroscope::inspect {

struct GrownStack {
    std::vector<std::uint8_t> memory;
    std::vector<StackBytes> pieces;  // into memory, innermost first; empty: could not be read
};

// Copies memory of the target, all of it or none: false.
using MemoryReader = std::function<bool(std::uint64_t address, void* to, std::size_t bytes)>;

// The part of one stack that is in use.
struct StackSpan {
    std::uint64_t low = 0, high = 0;
    std::uint64_t limit = 0;  // of the stack (stack_segment.h); 0 = it never grows by segment
    bool segment = false;     // else the coroutine's own slot
    std::uint8_t pool = 0;    // of a segment
    std::uint32_t slot = 0;
};
// Those of a stack that goes over segments, innermost first; empty when what its headers say does not fit together. `own`: bounds of the
// coroutine's own slot; `rsp`: where its innermost frame ends, on a segment or on `own`; `limit`: of the stack it is on.
std::vector<StackSpan> segment_spans(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                                     std::uint64_t rsp, std::uint64_t limit);

// The memory of those.
GrownStack read_grown_stack(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                            std::uint64_t rsp, std::uint64_t limit);
// The same of one that is parked: `rsp` is that of its saved frame, which has the limit.
GrownStack read_grown_stack(const MemoryReader& read, const StateImage& state, const wire::StackBounds& own,
                            std::uint64_t rsp);

}  // namespace coroscope::inspect
