// Segments: where the frames of a coroutine continue when its slot has no more room for them.
//
// A coroutine's stack is its slot and, in growable code, a chain of further slots of larger classes. Old frames stay where they
// are. Each of these stacks has a *limit*: an address near its low end with which a growable function's prologue compares
// rsp - frame. What lies below the limit:
//
//   of a segment                                      of the coroutine's own slot
//   limit - 64   room for one park or one growth      limit - 64   the same
//   limit - 72   next                                 limit - 72   next
//   limit - 120  rest of the StackSegmentHeader
//   limit - 136  canary, if the class has them        limit - 88   canary, if the class has them   <- lowest usable address
//
// `next` is the limit of the segment that growth goes on with, 0 = none yet. A parked coroutine's SavedFrame says the limit of the stack
// it is on; when that is not the one of its own slot, the header leads back to where the frames before it lie.
//
// The headers lie in the target's private memory, written by the worker that runs the coroutine; a viewer reads them as it reads stacks,
// under the coroutine's sequence. Which slots are segments, and whose, stands in the state plane (StackSegmentRecord).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/stack_segment_offsets.h"

namespace coroscope::wire {

inline constexpr std::uint64_t
    kCanaryBytesMax = 16;  // kept free at the low end of every slot, whether it has a canary or not

struct StackSegmentHeader {  // ends 64 bytes below the segment's limit
    std::uint32_t record;    // index into kStackSegments
    std::uint32_t slot;      // of this segment, in its pool
    std::uint8_t pool;
    std::uint8_t reserved[7];
    std::uint64_t previous_limit;  // of the stack that the frames before this segment's are on
    std::uint64_t previous_rsp;  // there: everything from here up is in use; written by each growth onto this segment
    std::uint64_t capacity_bytes;  // top - limit
    std::uint64_t top;             // one past the highest byte; a multiple of 16
    std::uint64_t next;            // limit of the next segment, 0 = none
};
static_assert(sizeof(StackSegmentHeader) == 56);

inline constexpr std::uint64_t kOwnSlotLimitBytes = kCanaryBytesMax + 8 + COROSCOPE_ROOM_BELOW_LIMIT;
inline constexpr std::uint64_t kSegmentLimitBytes = kCanaryBytesMax + sizeof(StackSegmentHeader) +
                                                    COROSCOPE_ROOM_BELOW_LIMIT;
// Where the header of the segment with that limit lies. Not for the limit of a coroutine's own slot, which has no header.
inline constexpr std::uint64_t segment_header_address(std::uint64_t limit) {
    return limit - COROSCOPE_ROOM_BELOW_LIMIT - sizeof(StackSegmentHeader);
}
#define COROSCOPE_AT(field)                                                                                 \
    (static_cast<int>(offsetof(StackSegmentHeader, field)) - static_cast<int>(sizeof(StackSegmentHeader)) - \
     COROSCOPE_ROOM_BELOW_LIMIT)
static_assert(COROSCOPE_AT(next) == COROSCOPE_SEGMENT_NEXT && COROSCOPE_AT(top) == COROSCOPE_SEGMENT_TOP);
static_assert(COROSCOPE_AT(capacity_bytes) == COROSCOPE_SEGMENT_CAPACITY &&
              COROSCOPE_AT(previous_rsp) == COROSCOPE_SEGMENT_PREVIOUS_RSP);
#undef COROSCOPE_AT

// One in the state plane for each slot that is a segment. Writer: the worker that runs the coroutine; readers: viewers, relaxed: a record
// says whose slot it is, and may be a growth older than what its coroutine's stack says.
struct StackSegmentRecord {
    std::atomic<std::uint32_t> coroutine;  // whose; kNone = the record is free
    std::atomic<std::uint32_t> slot;
    std::atomic<std::uint32_t> pool;
    std::uint32_t next_free;  // the runtime's own
};
static_assert(sizeof(StackSegmentRecord) == 16);

}  // namespace coroscope::wire
