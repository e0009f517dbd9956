// Whereabouts: on which by-hand stack a scheduled coroutine stands, if on any.
//
// A scheduled coroutine that resumes one by hand leaves its own slot until that yields. Whoever looks at its stack pointer meanwhile (the
// check at a park, the annotations for sanitizers, the report of a fault) asks here. A table of its own, by coroutine index, so that
// coroutines that resume nobody pay nothing: 8 bytes each, in chunks that are mapped at the first use and kept.
//
// Thread: an entry is written by the worker that runs the coroutine, and read by it or by one that runs it later; the scheduler's
// queues order them. Tested in tests/unit/runtime/coroutine_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "cprime/detail/by_hand.h"

namespace cprime::detail {

// The entry of a scheduled coroutine, mapped if need be. Ends the program with a sentence when there is no memory for it.
std::atomic<ByHand*>& whereabouts(std::uint32_t index);

// What the coroutine stands on: the innermost one by hand, or nullptr for its own slot. Async-signal-safe.
ByHand* by_hand_of(std::uint32_t index);

// Whether it stands on a by-hand stack and rsp lies in that one.
inline bool on_by_hand_stack(std::uint32_t index, std::uint64_t rsp) {
    const ByHand* hand = by_hand_of(index);
    return hand != nullptr && rsp - hand->low < hand->high - hand->low;
}

// A fault at `address` while the coroutine ran: says so in a sentence if it is the guard below the by-hand stack that it stands on.
// Async-signal-safe.
bool say_by_hand_overflow(std::uint32_t index, std::uint64_t address);

}  // namespace cprime::detail
