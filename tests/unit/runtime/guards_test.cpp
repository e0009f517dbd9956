// Guards in numbers: all of them hold, few maps, and what happens where an old kernel has no more to give.
#include "runtime/stacks/guards.h"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "pools_fixture.h"

namespace cprime::detail {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kMany = 5'000;  // their slots are four times as large
#else
constexpr std::uint32_t kMany = 100'000;
#endif

std::size_t maps_now() {
    std::ifstream maps("/proc/self/maps");
    std::size_t lines = 0;
    for (std::string line; std::getline(maps, line);)
        ++lines;
    return lines;
}

class Guards : public PoolsOf {};

TEST_F(Guards, of_many_stacks_all_hold_and_take_few_maps) {
    const std::size_t before = maps_now();
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < kMany; ++i)
        slots.push_back(pools_.allocate(&workers_[i % 2], kPoolMedium));
    EXPECT_EQ(pools_.guarded(kPoolMedium), pools_.mapped(kPoolMedium));
    EXPECT_LE(maps_now(), before + 64);
    const std::uint64_t guard_bytes = pools_.geometry(kPoolMedium).guard_bytes;
    std::uint32_t holds = 0;
    for (const std::uint32_t slot : slots) {
        const auto bounds = pools_.bounds(kPoolMedium, slot);
        const std::uint64_t low = pools_.window(kPoolMedium, slot).low;
        *reinterpret_cast<volatile char*>(bounds.high - 8) = 1;
        // The tripwire right below the slot, and the guard at the end of the window, both ends of it.
        holds += !can_be_read(bounds.low - 1) && !can_be_read(low - 1) && !can_be_read(low - guard_bytes);
    }
    EXPECT_EQ(holds, kMany);
    EXPECT_LE(maps_now(), before + 64) << "using the stacks splits nothing";
    EXPECT_EQ(slab_of(kPoolMedium, slots[0]).guards.load(), wire::SlabGuards::kMarked);
    EXPECT_FALSE(pools_.has_canaries(kPoolMedium));
}

TEST_F(Guards, of_large_stacks_are_counted_as_they_are_made) {
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 10; ++i)
        slots.push_back(pools_.allocate(&workers_[0], kPoolLarge));
    EXPECT_EQ(pools_.guarded(kPoolLarge), 10U);
    EXPECT_EQ(slab_of(kPoolLarge, slots[0]).guarded_slots.load(), 10U);
    for (const std::uint32_t slot : slots)
        EXPECT_FALSE(can_be_read(pools_.bounds(kPoolLarge, slot).low - 1));
}

TEST_F(Guards, that_are_pages_protected_one_by_one_hold_as_well) {
    set_guard_marking(false);
    const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMedium);
    EXPECT_FALSE(can_be_read(pools_.bounds(kPoolMedium, slot).low - 1));
    EXPECT_EQ(slab_of(kPoolMedium, slot).guards.load(), wire::SlabGuards::kProtected);
    EXPECT_EQ(slab_of(kPoolMedium, slot).guarded_slots.load(), wire::kSlotsPerSlab);
    set_guard_marking(true);
}

// What a kernel before 6.13 has for 40,000 stacks: guards for 28,600 of them. The others get canaries, which is said once.
class OldKernel : public Guards {
protected:
    void SetUp() override {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "a sanitizer's own maps are part of the limit";
#endif
        Guards::SetUp();
    }
    void TearDown() override {
        if (!IsSkipped()) Guards::TearDown();
    }

    // In a process of its own: the sentence is said once in each.
    [[noreturn]] void take_40000() {
        set_guard_marking(false);
        std::uint32_t guarded = 0, armed = 0, silent = 0;
        for (int i = 0; i < 40'000; ++i) {
            const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMedium);
            if (slot == wire::kNone) std::_Exit(2);
            if (pools_.has_canaries(kPoolMedium)) pools_.arm_canary(kPoolMedium, slot);
            const bool holds = !can_be_read(pools_.bounds(kPoolMedium, slot).low - 1);
            guarded += holds;
            armed += pools_.has_canary(kPoolMedium, slot);
            silent += !holds && !pools_.has_canary(kPoolMedium, slot);
            if (!pools_.canary_intact(kPoolMedium, slot)) std::_Exit(3);
        }
        std::uint32_t overflows_seen = 0;
        const std::uint32_t last = 39'999;
        *reinterpret_cast<volatile std::uint64_t*>(pools_.bounds(kPoolMedium, last).low) = 0;
        overflows_seen += !pools_.canary_intact(kPoolMedium, last);
        // The program still gets maps of its own.
        const bool map_left = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
        std::fprintf(stderr, "guarded %u counted %u armed %u silent %u overflows seen %u map left %d\n",
                     guarded, static_cast<unsigned>(pools_.guarded(kPoolMedium)), armed, silent,
                     overflows_seen, map_left);
        std::_Exit(0);
    }
};

TEST_F(OldKernel, refuses_guards_past_its_limit_and_that_is_said_once_counted_and_made_up_for_by_canaries) {
    const auto says_all = [](const std::string& output) {
        const std::string sentence = "the kernel refuses more guard pages below stacks";
        const std::size_t first = output.find(sentence);
        unsigned guarded = 0, counted = 0, armed = 0, silent = 0, seen = 0;
        int map_left = 0;
        const std::size_t figures = output.find("guarded ");
        return first != std::string::npos && output.find(sentence, first + 1) == std::string::npos &&
               figures != std::string::npos &&
               std::sscanf(output.c_str() + figures,
                           "guarded %u counted %u armed %u silent %u overflows seen %u map left %d", &guarded,
                           &counted, &armed, &silent, &seen, &map_left) == 6 &&
               guarded > 20'000 && guarded < 33'000 && counted == guarded && guarded + armed == 40'000 &&
               silent == 0 && seen == 1 && map_left == 1;
    };
    EXPECT_EXIT(take_40000(), testing::ExitedWithCode(0), testing::Truly(says_all));
}

}  // namespace
}  // namespace cprime::detail
