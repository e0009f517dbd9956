// Hits from many threads to one: none is told twice, and what is not told is counted.
#include <gtest/gtest.h>
#include <poll.h>

#include <set>
#include <thread>
#include <vector>

#include "instrumentation/emit/rule_hits.h"

namespace coroscope::emit {
namespace {

bool rings(const RuleHits& hits, int timeout_ms) {
    pollfd waiting{hits.doorbell(), POLLIN, 0};
    return poll(&waiting, 1, timeout_ms) > 0;
}

wire::RuleHit hit_number(std::uint64_t number) {
    wire::RuleHit hit{};
    hit.number = number;
    hit.known = ~number;  // torn hits would not agree
    return hit;
}

TEST(rule_hits, come_in_order_and_ring_once) {
    auto hits = RuleHits::create().value();
    EXPECT_FALSE(rings(*hits, 0));
    for (std::uint64_t i = 0; i < 3; ++i)
        EXPECT_TRUE(hits->push(hit_number(i)));
    hits->ring();
    hits->ring();
    EXPECT_TRUE(rings(*hits, 0));
    std::vector<wire::RuleHit> taken;
    hits->take(taken);
    ASSERT_EQ(taken.size(), 3U);
    EXPECT_EQ(taken[2].number, 2U);
    EXPECT_FALSE(rings(*hits, 0));
}

TEST(rule_hits, beyond_the_room_are_counted) {
    auto hits = RuleHits::create().value();
    for (std::uint32_t lap = 0; lap < 3; ++lap) {
        for (std::uint32_t i = 0; i < RuleHits::kRoom; ++i)
            EXPECT_TRUE(hits->push(hit_number(i)));
        EXPECT_FALSE(hits->push(hit_number(0)));
        EXPECT_EQ(hits->lost(), lap + 1);
        std::vector<wire::RuleHit> taken;
        hits->take(taken);
        EXPECT_EQ(taken.size(), RuleHits::kRoom);
    }
}

TEST(rule_hits, of_several_threads_are_whole_and_add_up) {
    auto hits = RuleHits::create().value();
    constexpr std::uint64_t kEach = 20'000, kThreads = 3;
    std::atomic<std::uint64_t> pushed{0}, ended{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < kEach; ++i) {
                if (hits->push(hit_number(t * kEach + i))) pushed.fetch_add(1);
                hits->ring();
            }
            ended.fetch_add(1);
            hits->ring();
        });
    }
    std::vector<wire::RuleHit> taken;
    // Whoever ends rings, so that the last look is never waited for in vain.
    while (ended.load() != kThreads) {
        ASSERT_TRUE(rings(*hits, 10'000));
        hits->take(taken);
    }
    for (std::thread& thread : threads)
        thread.join();
    hits->take(taken);
    std::set<std::uint64_t> numbers;
    for (const wire::RuleHit& hit : taken) {
        ASSERT_EQ(hit.known, ~hit.number);
        EXPECT_TRUE(numbers.insert(hit.number).second);
    }
    EXPECT_EQ(taken.size(), pushed.load());
    EXPECT_EQ(taken.size() + hits->lost(), kEach * kThreads);
}

}  // namespace
}  // namespace coroscope::emit
