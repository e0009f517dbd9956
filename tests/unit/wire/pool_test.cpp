// Where the stacks of a pool lie.
#include "instrumentation/wire/pool.h"

#include <gtest/gtest.h>

namespace coroscope::wire {
namespace {

TEST(pool, stacks_of_neighbouring_slots_do_not_overlap_and_keep_their_guard) {
    PoolRecord pool{};
    pool.slot_bytes = 16 << 10;
    pool.stride_bytes = 20 << 10;
    pool.guard_bytes = 4096;
    pool.colour_steps = 16;
    const std::uint64_t base = 0x7f00'0000'0000ULL;
    std::uint64_t last_high = base;
    for (std::uint32_t slot = 0; slot < kSlotsPerSlab; ++slot) {
        const StackBounds bounds = stack_bounds(pool, base, slot);
        ASSERT_GE(bounds.low, last_high + pool.guard_bytes);
        ASSERT_EQ(bounds.high % kCacheLineBytes, 0U);
        ASSERT_GE(bounds.high - bounds.low, pool.slot_bytes - 15 * kCacheLineBytes);
        last_high = bounds.high;
    }
    EXPECT_LE(last_high, base + kSlotsPerSlab * pool.stride_bytes);
    // The slot is taken within its slab.
    EXPECT_EQ(stack_bounds(pool, base, kSlotsPerSlab + 3).low, stack_bounds(pool, base, 3).low);
}

TEST(pool, without_colour_a_stack_ends_where_the_next_slot_begins) {
    PoolRecord pool{};
    pool.slot_bytes = 256;
    pool.stride_bytes = 256;
    pool.colour_steps = 1;
    EXPECT_EQ(stack_bounds(pool, 0x1000, 7).low, 0x1000U + 7 * 256);
    EXPECT_EQ(stack_bounds(pool, 0x1000, 7).high, 0x1000U + 8 * 256);
}

}  // namespace
}  // namespace coroscope::wire
