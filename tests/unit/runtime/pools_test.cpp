// Pools: bitmaps, remote frees, canaries, guards, addresses.
#include "runtime/stacks/pools.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "pools_fixture.h"
#include "runtime/stacks/guards.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {
namespace {

using coroscope::wire::kNone;

TEST_F(PoolsOf, slots_are_handed_out_once_and_shown_as_owned) {
    std::set<std::uint32_t> slots;
    for (int i = 0; i < 1500; ++i) {
        const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMicro);
        ASSERT_NE(slot, kNone);
        EXPECT_TRUE(slots.insert(slot).second);
        EXPECT_TRUE(bit(slab_of(kPoolMicro, slot).owned, slot));
    }
    EXPECT_EQ(pools_.used(kPoolMicro), 1500U);
    const std::uint32_t apart = valgrind_spaces() != 0 ? 2 : 1;  // valgrind's red zones want a slot between
    EXPECT_EQ(*slots.rbegin(), 1499 * apart) << "the first zero bit is taken first";
    for (const std::uint32_t slot : slots)
        pools_.free(&workers_[0], kPoolMicro, slot);
    EXPECT_EQ(pools_.used(kPoolMicro), 0U);
}

TEST_F(PoolsOf, a_freed_slot_is_the_next_one_handed_out) {
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 600; ++i)
        slots.push_back(pools_.allocate(&workers_[0], kPoolSmall));
    pools_.free(&workers_[0], kPoolSmall, slots[100]);
    EXPECT_EQ(pools_.allocate(&workers_[0], kPoolSmall), slots[100]);
}

TEST_F(PoolsOf, a_remote_free_sets_a_bit_beside_and_leaves_the_owners_alone) {
    const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMicro);
    pools_.free(&workers_[1], kPoolMicro, slot);
    EXPECT_TRUE(bit(slab_of(kPoolMicro, slot).owned, slot));
    EXPECT_TRUE(bit(slab_of(kPoolMicro, slot).remote, slot));
    EXPECT_EQ(pools_.used(kPoolMicro), 0U);
    EXPECT_NE(pools_.allocate(&workers_[0], kPoolMicro), slot) << "the owner has not swept yet";
}

TEST_F(PoolsOf, the_owner_takes_remote_frees_back_before_it_grows_again_and_again) {
    std::uint32_t highest = 0;
    for (int round = 0; round < 50; ++round) {
        std::vector<std::uint32_t> slots;
        for (std::uint32_t i = 0; i < wire::kSlotsPerSlab; ++i) {
            slots.push_back(pools_.allocate(&workers_[0], kPoolMicro));
            highest = std::max(highest, slots.back());
        }
        for (const std::uint32_t slot : slots)
            pools_.free(&workers_[1], kPoolMicro, slot);
    }
    EXPECT_LT(highest, 3 * wire::kSlotsPerSlab);
    EXPECT_EQ(pools_.used(kPoolMicro), 0U);
}

TEST_F(PoolsOf, workers_and_outside_threads_own_slabs_of_their_own) {
    const std::uint32_t a = pools_.allocate(&workers_[0], kPoolMedium);
    const std::uint32_t b = pools_.allocate(&workers_[1], kPoolMedium);
    const std::uint32_t c = pools_.allocate(nullptr, kPoolMedium);
    EXPECT_EQ(slab_of(kPoolMedium, a).owner.load(), 0U);
    EXPECT_EQ(slab_of(kPoolMedium, b).owner.load(), 1U);
    EXPECT_EQ(slab_of(kPoolMedium, c).owner.load(), wire::kSlabOwnerOutside);
    pools_.free(&workers_[0], kPoolMedium, c);
    EXPECT_EQ(pools_.used(kPoolMedium), 2U);
}

TEST_F(PoolsOf, bounds_agree_with_the_wire_formula_and_lie_within_the_slab) {
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        // The emergency slab is the threads'.
        const std::uint32_t slot = pools_.allocate(pool == kPoolEmergency ? nullptr : &workers_[0], pool);
        ASSERT_NE(slot, kNone);
        const wire::PoolRecord& record = segment_->records<wire::PoolRecord>(wire::SectionKind::kPools)[pool];
        const auto expected = wire::stack_bounds(record, slab_of(pool, slot).stack_base, slot);
        const auto bounds = pools_.bounds(pool, slot);
        // Viewers are told of the most a slot can have; before it grows its reserve is guarded.
        EXPECT_EQ(pools_.window(pool, slot).low, expected.low);
        EXPECT_EQ(bounds.low, expected.low + record.reserve_bytes);
        EXPECT_EQ(bounds.high, expected.high);
        EXPECT_EQ(bounds.high % 16, 0U);
        std::uint8_t found_pool = 99;
        std::uint32_t found_slot = 0;
        EXPECT_TRUE(pools_.find_address(bounds.high - 1, &found_pool, &found_slot));
        EXPECT_EQ(found_pool, pool);
        EXPECT_EQ(found_slot, slot);
    }
}

TEST_F(PoolsOf, a_damaged_canary_is_seen_in_the_own_slot_and_in_the_one_below) {
    const std::uint32_t first = pools_.allocate(&workers_[0], kPoolMicro);
    const std::uint32_t upper = pools_.allocate(&workers_[0], kPoolMicro);
    ASSERT_GT(upper, first);
    const std::uint32_t lower = upper - 1;
    pools_.arm_canary(kPoolMicro, upper);
    EXPECT_TRUE(pools_.canary_intact(kPoolMicro, upper)) << "the slot below has no canary yet";
    pools_.arm_canary(kPoolMicro, lower);
    EXPECT_TRUE(pools_.canary_intact(kPoolMicro, upper));
    auto* below = reinterpret_cast<std::uint64_t*>(pools_.bounds(kPoolMicro, lower).low);
    below[1] ^= 1;
    EXPECT_FALSE(pools_.canary_intact(kPoolMicro, upper));
    EXPECT_FALSE(pools_.canary_intact(kPoolMicro, lower));
    below[1] ^= 1;
    auto* own = reinterpret_cast<std::uint64_t*>(pools_.bounds(kPoolMicro, upper).low);
    own[0] = 0;
    EXPECT_FALSE(pools_.canary_intact(kPoolMicro, upper));
    EXPECT_TRUE(pools_.canary_intact(kPoolMicro, lower));
}

TEST_F(PoolsOf, high_water_is_the_most_that_was_used_at_once) {
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 700; ++i)
        slots.push_back(pools_.allocate(&workers_[0], kPoolMedium));
    pools_.sample_high_water();
    for (const std::uint32_t slot : slots)
        pools_.free(&workers_[0], kPoolMedium, slot);
    pools_.sample_high_water();
    EXPECT_EQ(
        segment_->records<wire::PoolRecord>(wire::SectionKind::kPools)[kPoolMedium].high_water_slots.load(),
        700U);
    EXPECT_EQ(segment_->header().stack_bytes_peak.load(), 700U * pools_.geometry(kPoolMedium).slot_bytes);
}

TEST_F(PoolsOf, guards_fault_and_the_page_above_does_not) {
    for (const std::uint8_t pool : {kPoolMedium, kPoolLarge}) {
        const auto bounds = pools_.bounds(pool, pools_.allocate(&workers_[0], pool));
        *reinterpret_cast<volatile char*>(bounds.low) = 1;
        EXPECT_DEATH(*reinterpret_cast<volatile char*>(bounds.low - 1) = 1, "");
    }
}

TEST_F(PoolsOf, without_guard_marking_the_pages_are_protected_instead) {
    set_guard_marking(false);
    const auto bounds = pools_.bounds(kPoolMedium, pools_.allocate(&workers_[0], kPoolMedium));
    *reinterpret_cast<volatile char*>(bounds.low) = 1;
    EXPECT_DEATH(*reinterpret_cast<volatile char*>(bounds.low - 1) = 1, "");
    set_guard_marking(true);
}

TEST_F(PoolsOf, a_slot_given_back_in_a_full_slab_is_found_again_whoever_gave_it_back) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < 4 * wire::kSlotsPerSlab; ++i)
        slots.push_back(pools_.allocate(&workers_[0], kPoolMicro));
    // One in every word, from the top down: every one of them must come back before a fifth slab is mapped.
    std::set<std::uint32_t> back;
    for (std::uint32_t slot = 4 * wire::kSlotsPerSlab - 1; slot < 4 * wire::kSlotsPerSlab; slot -= 64) {
        back.insert(slot);
        pools_.free(slot % 128 == 63 ? &workers_[0] : &workers_[1], kPoolMicro, slot);
    }
    pools_.sweep(pools_.share_of(&workers_[0], kPoolMicro), kPoolMicro);
    for (std::size_t i = back.size(); i > 0; --i)
        EXPECT_EQ(back.erase(pools_.allocate(&workers_[0], kPoolMicro)), 1U);
    EXPECT_EQ(pools_.mapped(kPoolMicro), 4 * wire::kSlotsPerSlab);
    EXPECT_EQ(pools_.used(kPoolMicro), 4 * wire::kSlotsPerSlab);
}

TEST_F(PoolsOf, any_order_of_taking_and_giving_back_hands_no_slot_out_twice) {
    std::uint64_t random = 88172645463325252ULL;
    const auto next = [&random] {
        random ^= random << 13;
        random ^= random >> 7;
        return random ^= random << 17;
    };
    std::set<std::uint32_t> used;
    std::vector<std::uint32_t> list;
    for (int step = 0; step < 200'000; ++step) {
        Worker* worker = &workers_[next() % 2];
        if (list.empty() || next() % 16 < (step / 20'000 % 2 == 0 ? 9U : 7U)) {
            const std::uint32_t slot = pools_.allocate(worker, kPoolSmall);
            ASSERT_TRUE(used.insert(slot).second) << "step " << step;
            list.push_back(slot);
        } else {
            std::swap(list[next() % list.size()], list.back());
            used.erase(list.back());
            pools_.free(worker, kPoolSmall, list.back());
            list.pop_back();
        }
        if (step % 1000 == 0) pools_.trim_slab(&workers_[0], kPoolSmall, 0, step % 2000 == 0);
    }
    EXPECT_EQ(pools_.used(kPoolSmall), list.size());
}

TEST_F(PoolsOf, slots_ahead_are_divided_over_the_workers_in_whole_slabs) {
    ASSERT_TRUE(pools_.map_ahead(kPoolMicro, 1025));
    EXPECT_EQ(workers_[0].slots.pools[kPoolMicro].slabs.size(), 2U);
    EXPECT_EQ(workers_[1].slots.pools[kPoolMicro].slabs.size(), 2U);
    for (int i = 0; i < 1024; ++i)
        pools_.allocate(&workers_[1], kPoolMicro);
    EXPECT_EQ(pools_.mapped(kPoolMicro), 2048U) << "nothing was mapped when they were used";
    ASSERT_TRUE(pools_.map_ahead(kPoolLarge, 20));
    EXPECT_EQ(pools_.guarded(kPoolLarge), 20U) << "guards of large stacks stand ahead, too";
}

TEST_F(PoolsOf, a_wide_window_is_lifted_in_two_steps) {
    const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolWide);
    const PoolGeometry& geometry = pools_.geometry(kPoolWide);
    const auto window = pools_.window(kPoolWide, slot);
    const std::uint64_t half = window.low + geometry.deep_bytes;
    EXPECT_EQ(geometry.stride_bytes / wire::kPageBytes % 2, 1U);
    EXPECT_FALSE(pools_.grow(kPoolWide, slot, window.high - 8)) << "that was no guard";
    EXPECT_TRUE(pools_.grow(kPoolWide, slot, half + 8));
    EXPECT_EQ(pools_.bounds(kPoolWide, slot).low, half);
    EXPECT_TRUE(pools_.grown(kPoolWide, slot));
    EXPECT_FALSE(pools_.deep(kPoolWide, slot));
    *reinterpret_cast<volatile char*>(half) = 1;
    EXPECT_FALSE(can_be_read(half - 1));
    EXPECT_TRUE(pools_.grow(kPoolWide, slot, half - 8));
    EXPECT_TRUE(pools_.deep(kPoolWide, slot));
    *reinterpret_cast<volatile char*>(window.low) = 1;
    EXPECT_FALSE(can_be_read(window.low - 1));
    pools_.free(&workers_[0], kPoolWide, slot);
    EXPECT_FALSE(pools_.grown(kPoolWide, slot));
    EXPECT_FALSE(pools_.deep(kPoolWide, slot));
    EXPECT_FALSE(can_be_read(window.low + geometry.reserve_bytes - 1)) << "guarded again as a whole";
    // A frame that goes all the way down at once takes both steps.
    const std::uint32_t again = pools_.allocate(&workers_[0], kPoolWide);
    EXPECT_EQ(again, slot);
    EXPECT_TRUE(pools_.grow(kPoolWide, again, window.low));
    EXPECT_TRUE(pools_.deep(kPoolWide, again));
    EXPECT_EQ(*reinterpret_cast<volatile char*>(window.low), 0) << "what was there went with the first";
}

}  // namespace
}  // namespace cprime::detail
