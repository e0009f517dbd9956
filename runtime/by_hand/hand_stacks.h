// Stacks of coroutines that are resumed by hand.
//
// Where a Runtime lives, a slot of its pools: the heatmap shows it as used by nobody's record. A Medium slot's reserve is opened at once,
// since growing on demand is for scheduled coroutines (16 KiB, then 64). Else a guarded mapping of its own, of the same
// size; a thread keeps some of those it gave back for the next coroutine it makes, until it ends.
//
// Thread: any. Enters the kernel, but for a kept mapping. Tested in tests/unit/runtime/coroutine_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/detail/by_hand.h"

namespace cprime::detail {

struct HandStack {
    std::uint64_t low = 0, high = 0;  // usable; high is a multiple of 64
    std::uint64_t mapped_bytes = 0;   // guard included; 0 = a slot
    std::uint32_t slot = kNoCoroutine;
    std::uint8_t pool = 0;
};

// low = 0 when there is no memory. `large`: the Large class, else Medium.
HandStack take_hand_stack(bool large) noexcept;
void give_hand_stack(const HandStack& stack) noexcept;

// The Runtime ends and unmaps its pools: ends the program with a sentence if coroutines resumed by hand still have slots of it.
void check_no_hand_stacks_left();

}  // namespace cprime::detail
