// Growth by segment: the slots of larger classes on which a coroutine's frames continue, and blocks for arrays of variable length.
//
// The layout is wire/stack_segment.h, the way there switch/grow_x86_64.S. Here is what happens seldom: a segment is taken from the pools at
// the first growth onto it and kept while the coroutine runs or yields (a later growth only changes the stack pointer); those
// beyond the innermost one in use are given back when it parks, all of them when it ends.
//
// Invariants
//   G1  The chain: the coroutine's own slot, then segments; `next` of the last one is 0. Each segment is of a larger class than the one
//       before it, or Large.
//   G2  A slot is given back with `next` = 0 in the place where it would be if it were a coroutine's own, as fresh memory has it.
//   G3  A coroutine with a segment or a block has kCoroutineSegments set in its flags.
//
// A Medium slot is used to the end of its window (growth in place costs one fault, a segment costs each call) before a segment
// follows it; a Medium segment to the end of its 16 KiB, with the window below it for ordinary code that goes deeper than it asked for.
//
// Under ASan and TSan limits are 0: nothing grows by segment, slots are larger instead.
//
// Thread: the worker that runs the coroutine, on its own stack, unless said otherwise. new_segment() and new_block() take a lock for a few
// instructions. Tested in tests/unit/growable/torture_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/base/result.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/stack_segment.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/pools.h"
#include "runtime/switch/sanitizer.h"

namespace cprime::detail {

// A slot by its numbers.
struct StackPlace {
    std::uint8_t pool;
    std::uint32_t slot;
};

class Segments {
public:
    ~Segments();

    coroscope::base::Status start(coroscope::emit::StateSegment& segment);

    // The limit of a slot as a coroutine's own; 0 where stacks do not grow by segment. Any thread.
    static std::uint64_t own_limit(const Pools& pools, std::uint8_t pool, std::uint32_t slot) {
        if constexpr (kSanitizer) return 0;
        // Without guards the reserve is no place to be: a canary stands above it.
        const std::uint64_t low = pools.has_canaries(pool) ? pools.bounds(pool, slot).low
                                                           : pools.window(pool, slot).low;
        return low + coroscope::wire::kOwnSlotLimitBytes;
    }

    // Which stack of the coroutine has that limit: its own slot, or a segment. Async-signal-safe.
    StackPlace place(std::uint32_t index, std::uint64_t limit) const;

    // Bytes of stack that the coroutine uses, on all its stacks, when its stack pointer is `rsp` on the one with that limit.
    std::uint64_t used_bytes(std::uint32_t index, std::uint64_t limit, std::uint64_t rsp) const;

    // A segment of at least `bytes` after the stack with that limit, in the place of one that was too small. Returns its limit; `wanter`
    // is an address in the function that wants it, `rsp` its stack pointer. Ends the program with the overflow report when no pool has one.
    std::uint64_t new_segment(Worker& worker, std::uint64_t limit, std::uint64_t bytes, std::uint64_t wanter,
                              std::uint64_t rsp);

    // Memory for an array in the frame at `rsp` on the stack with that limit; frees those of frames that are gone.
    void* new_block(Worker& worker, std::uint64_t limit, std::uint64_t rsp, std::uint64_t bytes);

    // For a coroutine with kCoroutineSegments that leaves its worker at `rsp`: nullptr, or what is wrong, for the overflow report.
    const char* check(std::uint32_t index, std::uint64_t rsp) const;

    // It parks: gives back what lies beyond its innermost frame.
    void trim(Worker& worker, std::uint32_t index);

    // It has ended: gives back everything.
    void release(Worker& worker, std::uint32_t index);

    // It was abandoned: its segments are never used again, nor anything it has written in them believed. How many it had.
    std::uint32_t forget(std::uint32_t index);

private:
    struct Block;

    std::uint32_t take_record();
    void give_record(std::uint32_t record);
    std::uint64_t append(Worker& worker, std::uint32_t index, std::uint64_t limit, StackPlace to);
    void cut_after(Worker& worker, std::uint64_t limit);
    void free_blocks(std::uint32_t index, std::uint64_t limit, std::uint64_t rsp);
    bool in_chain(std::uint32_t index, std::uint64_t innermost, std::uint64_t limit) const;

    coroscope::emit::StateSegment* segment_ = nullptr;
    coroscope::wire::StackSegmentRecord* records_ = nullptr;
    Block** blocks_ = nullptr;  // by coroutine; the worker that runs it
    SpinLock lock_;             // guards first_free_
    std::uint32_t first_free_ = coroscope::wire::kNone;
};

}  // namespace cprime::detail
