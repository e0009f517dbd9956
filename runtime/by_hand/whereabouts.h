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
#include "instrumentation/wire/limits.h"

namespace cprime::detail {

// The entry of a scheduled coroutine, mapped if need be. Ends the program with a sentence when there is no memory for it.
std::atomic<ByHand*>& map_whereabouts(std::uint32_t index);

inline constexpr std::uint32_t kWhereaboutsChunk = 1U << 16;  // entries
inline constexpr std::uint32_t kWhereaboutsChunks = coroscope::wire::kCoroutinesMax / kWhereaboutsChunk;
// Writer: whoever first needs the chunk (compare_exchange, release); readers acquire. Zeroed memory is null entries.
extern std::atomic<std::atomic<ByHand*>*> g_whereabouts[kWhereaboutsChunks];

// The same, quick.
inline std::atomic<ByHand*>& whereabouts(std::uint32_t index) {
    std::atomic<ByHand*>* chunk = g_whereabouts[index / kWhereaboutsChunk].load(std::memory_order_acquire);
    if (__builtin_expect(chunk == nullptr, 0)) return map_whereabouts(index);
    return chunk[index % kWhereaboutsChunk];
}

// What the coroutine stands on: the innermost one by hand, or nullptr for its own slot. Async-signal-safe.
ByHand* by_hand_of(std::uint32_t index);

// Whether it stands on a by-hand stack and rsp lies in that one.
inline bool on_by_hand_stack(std::uint32_t index, std::uint64_t rsp) {
    const ByHand* hand = by_hand_of(index);
    return hand != nullptr && rsp - hand->low < hand->high - hand->low;
}

// Opens the reserve of a Medium slot that it runs on, or will. False: it has none, or has it already. Async-signal-safe.
bool grow_by_hand(ByHand& hand);
// A fault at `address` while the coroutine ran: opens the reserve if that is what the by-hand stack wants that it stands on; then
// the instruction that faulted just works when it is run again. Async-signal-safe.
bool grow_by_hand_at(std::uint32_t index, std::uint64_t address);

// A fault at `address` while the coroutine ran: says so in a sentence if it is the guard below the by-hand stack that it stands on.
// Async-signal-safe.
bool say_by_hand_overflow(std::uint32_t index, std::uint64_t address);

}  // namespace cprime::detail
