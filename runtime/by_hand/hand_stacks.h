// Stacks of coroutines that are resumed by hand.
//
// Where a Runtime lives, a slot of its pools: the heatmap shows it as used by nobody's record. A Medium slot is 16 KiB and grows in place
// to 64: in a scheduled coroutine when a frame wants it, else before it first runs there, since only workers answer faults. Without a
// Runtime, a guarded mapping of the grown size; a thread keeps some of those it gave back for the next coroutine it makes, until
// it ends.
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
