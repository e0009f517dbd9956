// WorkDeque, one thread at a time: both ends, growth, the limit, and what `alone` shares with the form for several workers.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/work_deque.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kNothing = WorkDeque::kNothing;

// Each of these holds for one worker and for several.
template <typename Alone>
class WorkDequeTest : public testing::Test {
protected:
    static constexpr bool kAlone = Alone::value;
    static std::uint32_t oldest(WorkDeque& deque) { return deque.take_oldest<kAlone>(); }
    static std::uint32_t newest(WorkDeque& deque) { return deque.pop_newest<kAlone>(); }
};
using BothModes = testing::Types<std::true_type, std::false_type>;
TYPED_TEST_SUITE(WorkDequeTest, BothModes);

TYPED_TEST(WorkDequeTest, an_empty_deque_gives_nothing_from_any_end) {
    WorkDeque deque;
    EXPECT_EQ(this->oldest(deque), kNothing);
    EXPECT_EQ(this->newest(deque), kNothing);
    EXPECT_EQ(deque.steal(), kNothing);
    EXPECT_EQ(deque.peek(0), kNothing);
    EXPECT_EQ(deque.length(), 0U);
}

TYPED_TEST(WorkDequeTest, the_oldest_comes_first_from_one_end_and_the_newest_from_the_other) {
    WorkDeque deque;
    for (std::uint32_t i = 1; i <= 4; ++i)
        ASSERT_TRUE(deque.push(i));
    EXPECT_EQ(this->newest(deque), 4U);
    EXPECT_EQ(this->oldest(deque), 1U);
    EXPECT_EQ(this->newest(deque), 3U);
    EXPECT_EQ(this->oldest(deque), 2U);
    EXPECT_EQ(this->newest(deque), kNothing);
}

TYPED_TEST(WorkDequeTest, a_deque_that_was_emptied_from_either_end_is_usable_again) {
    WorkDeque deque;
    for (std::uint32_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(deque.push(i));
        EXPECT_EQ(i % 2 == 0 ? this->newest(deque) : this->oldest(deque), i);
        EXPECT_EQ(this->newest(deque), kNothing);
        EXPECT_EQ(deque.length(), 0U);
    }
}

TYPED_TEST(WorkDequeTest, peek_counts_from_the_oldest) {
    WorkDeque deque;
    for (std::uint32_t i = 10; i < 15; ++i)
        ASSERT_TRUE(deque.push(i));
    EXPECT_EQ(this->oldest(deque), 10U);
    EXPECT_EQ(deque.peek(0), 11U);
    EXPECT_EQ(deque.peek(3), 14U);
    EXPECT_EQ(deque.peek(4), kNothing);
}

TYPED_TEST(WorkDequeTest, it_grows_to_its_limit_and_then_says_full) {
    WorkDeque deque(4, 16);
    for (std::uint32_t i = 0; i < 16; ++i)
        ASSERT_TRUE(deque.push(i)) << i;
    EXPECT_FALSE(deque.push(16));
    EXPECT_EQ(deque.length(), 16U);
    EXPECT_EQ(this->oldest(deque), 0U);
    EXPECT_TRUE(deque.push(16));
    EXPECT_FALSE(deque.push(17));
    deque.free_retired();
    for (std::uint32_t i = 1; i <= 16; ++i)
        EXPECT_EQ(this->oldest(deque), i);
}

TYPED_TEST(WorkDequeTest, the_limit_is_65536_entries_unless_said_otherwise) {
    WorkDeque deque;
    for (std::uint32_t i = 0; i < 65'536; ++i)
        ASSERT_TRUE(deque.push(i)) << i;
    EXPECT_FALSE(deque.push(0));
    for (std::uint32_t i = 0; i < 65'536; ++i)
        ASSERT_EQ(this->oldest(deque), i);
}

TYPED_TEST(WorkDequeTest, a_long_random_use_agrees_with_a_plain_deque) {
    WorkDeque deque(2, 64);
    std::deque<std::uint32_t> expected;
    std::mt19937 random(1);
    for (std::uint32_t step = 0; step < 200'000; ++step) {
        // Phases that fill and phases that drain, so that it meets its limit and its end often.
        const bool fills = step / 500 % 2 == 0;
        if (random() % 10 < (fills ? 7U : 3U)) {
            ASSERT_EQ(deque.push(step), expected.size() < 64);
            if (expected.size() < 64) expected.push_back(step);
        } else if (expected.empty()) {
            ASSERT_EQ(random() % 2 == 0 ? this->newest(deque) : this->oldest(deque), kNothing);
        } else if (random() % 2 == 0) {
            ASSERT_EQ(this->newest(deque), expected.back());
            expected.pop_back();
        } else {
            ASSERT_EQ(this->oldest(deque), expected.front());
            expected.pop_front();
        }
        ASSERT_EQ(deque.length(), expected.size());
        const std::size_t n = random() % 64;
        ASSERT_EQ(deque.peek(static_cast<std::uint32_t>(n)), n < expected.size() ? expected[n] : kNothing);
    }
}

TEST(WorkDequeSteal, half_of_it_is_stolen_oldest_first_rounded_up_and_no_more_than_there_is_room_for) {
    WorkDeque deque;
    for (std::uint32_t i = 0; i < 9; ++i)
        ASSERT_TRUE(deque.push(i));
    std::uint32_t out[8] = {};
    EXPECT_EQ(deque.steal_half(out, 8), 5U);
    EXPECT_EQ(std::vector<std::uint32_t>(out, out + 5), (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
    EXPECT_EQ(deque.steal_half(out, 1), 1U);
    EXPECT_EQ(out[0], 5U);
    EXPECT_EQ(deque.steal_half(out, 8), 2U);
    EXPECT_EQ(deque.steal_half(out, 8), 1U);
    EXPECT_EQ(out[0], 8U);
    EXPECT_EQ(deque.steal_half(out, 8), 0U);
}

TEST(WorkDequeSteal, what_is_pushed_by_one_thread_is_stolen_by_another) {
    WorkDeque deque(2, 16);
    for (std::uint32_t i = 0; i < 10; ++i)
        ASSERT_TRUE(deque.push(i));
    std::thread thief([&] {
        for (std::uint32_t i = 0; i < 5; ++i)
            EXPECT_EQ(deque.steal(), i);
    });
    thief.join();
    EXPECT_EQ(deque.take_oldest<false>(), 5U);
    EXPECT_EQ(deque.pop_newest<false>(), 9U);
    EXPECT_EQ(deque.length(), 3U);
}

// The fences themselves, on the machine: store, fence, load on two threads at once, and one of them must see the other.
TEST(AsymmetricFences, two_threads_that_store_and_then_look_cannot_both_miss_the_other) {
    constexpr int kRounds = 300;
    sync::atomic<int> often{0}, seldom{0}, round{0}, missed{0};
    std::thread other([&] {
        for (int i = 1; i <= kRounds; ++i) {
            while (round.load(std::memory_order_acquire) < i)
                sync::yield_thread();
            often.store(i, std::memory_order_relaxed);
            sync::light_fence();
            if (seldom.load(std::memory_order_relaxed) < i) missed.fetch_add(1, std::memory_order_relaxed);
            round.store(-i, std::memory_order_release);
        }
    });
    for (int i = 1; i <= kRounds; ++i) {
        missed.store(0, std::memory_order_relaxed);
        round.store(i, std::memory_order_release);
        seldom.store(i, std::memory_order_relaxed);
        sync::heavy_fence();
        const bool unseen = often.load(std::memory_order_relaxed) < i;
        while (round.load(std::memory_order_acquire) != -i)
            sync::yield_thread();
        ASSERT_FALSE(unseen && missed.load(std::memory_order_relaxed) != 0) << "round " << i;
    }
    other.join();
}

}  // namespace
}  // namespace cprime::detail
