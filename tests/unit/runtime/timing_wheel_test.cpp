// The timing wheel, driven with made-up times: order, granularity, cascades over long deadlines, memory; and against a simple model.
#include "runtime/scheduler/timing_wheel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

namespace cprime::detail {
namespace {

constexpr std::uint32_t kShift = 10;
constexpr std::uint64_t kGranule = 1U << kShift;

// One wheel over nodes of its own, and collect() with room for everything.
struct Bench {
    explicit Bench(std::uint64_t now = 0) { wheel.start(nodes, 3, kShift, now); }

    std::vector<TimingWheel::Due> collect_all(std::uint64_t now, std::uint32_t room = 64) {
        std::vector<TimingWheel::Due> all;
        std::vector<TimingWheel::Due> some(room);
        do {
            const std::uint32_t count = wheel.collect(now, some.data(), room);
            all.insert(all.end(), some.begin(), some.begin() + count);
        } while (wheel.next() <= now);
        return all;
    }

    TimerNodes nodes;
    TimingWheel wheel;
};

std::uint64_t resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long total = 0;
    unsigned long resident = 0;
    EXPECT_EQ(std::fscanf(file, "%lu %lu", &total, &resident), 2);
    std::fclose(file);
    return resident * 4096;
}

TEST(TimingWheel, nothing_is_due_before_its_deadline_and_everything_one_granule_after) {
    Bench bench(5 * kGranule);
    for (std::uint32_t i = 0; i < 3 * kGranule; ++i)
        bench.wheel.arm(i, i, 7 * kGranule + i, 0);
    std::vector<bool> fired(3 * kGranule);
    for (std::uint64_t now = 6 * kGranule; now < 12 * kGranule; now += 97) {
        for (const auto& due : bench.collect_all(now)) {
            EXPECT_LE(due.deadline, now);
            EXPECT_EQ(due.deadline, 7 * kGranule + due.index);
            EXPECT_EQ(due.sequence, due.index);
            EXPECT_FALSE(fired[due.index]);
            fired[due.index] = true;
        }
        for (std::uint32_t i = 0; i < fired.size(); ++i)
            ASSERT_TRUE(fired[i] || 7 * kGranule + i + kGranule > now) << i << " at " << now;
    }
    EXPECT_EQ(bench.wheel.armed(), 0U);
    EXPECT_EQ(bench.wheel.next(), kNoDeadline);
}

TEST(TimingWheel, a_deadline_that_has_passed_is_due_at_once) {
    Bench bench(1000 * kGranule);
    bench.wheel.arm(1, 1, 3, 1000 * kGranule);
    EXPECT_LE(bench.wheel.next(), 1000 * kGranule);
    ASSERT_EQ(bench.collect_all(1000 * kGranule).size(), 1U);
}

TEST(TimingWheel, long_deadlines_come_down_level_by_level_and_stay_exact) {
    // One entry for each level and each side of a level's border.
    std::vector<std::uint64_t> deadlines;
    for (std::uint32_t bit = 0; bit < 50; ++bit) {
        for (const std::int64_t beside : {-1, 0, 1})
            deadlines.push_back(((1ULL << bit) + static_cast<std::uint64_t>(beside)) * kGranule);
    }
    Bench bench;
    for (std::uint32_t i = 0; i < deadlines.size(); ++i)
        bench.wheel.arm(i, 0, deadlines[i], 0);
    // A sleeper that only wakes when the wheel asks for it. Its wake-ups are few: at most one a level and entry.
    std::uint32_t steps = 0;
    std::uint32_t fired = 0;
    std::uint64_t last = 0;
    while (bench.wheel.armed() > 0) {
        const std::uint64_t now = bench.wheel.next();
        ASSERT_GE(now, last);
        last = now;
        for (const auto& due : bench.collect_all(now)) {
            EXPECT_EQ(due.deadline, now) << "it is a granule's beginning, so it is due then and not later";
            EXPECT_EQ(due.deadline, deadlines[due.index]);
            ++fired;
        }
        ASSERT_LT(++steps, deadlines.size() * 10);
    }
    EXPECT_EQ(fired, deadlines.size());
}

TEST(TimingWheel, the_end_of_time_never_comes_and_does_no_harm) {
    Bench bench(1ULL << 60);
    bench.wheel.arm(1, 0, kNoDeadline, 1ULL << 60);
    bench.wheel.arm(2, 0, kNoDeadline - 1, 1ULL << 60);
    EXPECT_LT(bench.wheel.next(), kNoDeadline);
    EXPECT_TRUE(bench.collect_all(1ULL << 62).empty());
    EXPECT_GT(bench.wheel.next(), 1ULL << 62);
    EXPECT_TRUE(bench.wheel.cancel(1));
    EXPECT_TRUE(bench.wheel.cancel(2));
    EXPECT_EQ(bench.wheel.next(), kNoDeadline);
}

TEST(TimingWheel, cancelling_takes_out_exactly_once) {
    Bench bench;
    EXPECT_FALSE(bench.wheel.cancel(17)) << "there is no node yet";
    for (std::uint32_t i = 0; i < 10; ++i)
        bench.wheel.arm(i, 0, 100 * kGranule, 0);
    for (const std::uint32_t i : {0U, 9U, 4U, 5U}) {
        EXPECT_TRUE(bench.wheel.cancel(i));
        EXPECT_FALSE(bench.wheel.cancel(i));
    }
    std::vector<std::uint32_t> rest;
    for (const auto& due : bench.collect_all(200 * kGranule))
        rest.push_back(due.index);
    EXPECT_EQ(rest, (std::vector<std::uint32_t>{1, 2, 3, 6, 7, 8}))
        << "in the order in which they were armed";
    EXPECT_FALSE(bench.wheel.cancel(1)) << "it has been taken out";
}

TEST(TimingWheel, a_wheel_cancels_nothing_of_another) {
    Bench bench;
    TimingWheel other;
    other.start(bench.nodes, 4, kShift, 0);
    bench.wheel.arm(1, 0, 100 * kGranule, 0);
    EXPECT_FALSE(other.cancel(1));
    EXPECT_TRUE(bench.wheel.cancel(1));
    other.arm(1, 0, 100 * kGranule, 0);
    EXPECT_FALSE(bench.wheel.cancel(1));
    EXPECT_TRUE(other.cancel(1));
}

TEST(TimingWheel, many_that_are_due_together_come_in_pieces_and_all_of_them) {
    Bench bench;
    constexpr std::uint32_t kMany = 10'000;
    constexpr std::uint64_t kWhen = 1'000'000 * kGranule;  // level 3: all move down together
    for (std::uint32_t i = 0; i < kMany; ++i)
        bench.wheel.arm(i, 0, kWhen, 0);
    std::vector<TimingWheel::Due> some(64);
    std::uint32_t next_index = 0;
    std::uint32_t calls = 0;
    while (bench.wheel.next() <= kWhen) {
        const std::uint32_t count = bench.wheel.collect(kWhen, some.data(), 64);
        for (std::uint32_t i = 0; i < count; ++i)
            ASSERT_EQ(some[i].index, next_index++) << "in the order in which they were armed";
        // What comes while a slot is half emptied finds its place too.
        if (++calls == 20) bench.wheel.arm(kMany, 0, kWhen + 1, 0);
        if (calls == 30) bench.wheel.arm(kMany + 1, 0, kWhen + 70 * kGranule, 0);
    }
    EXPECT_EQ(next_index, kMany);
    EXPECT_GE(calls, kMany / TimingWheel::kMovesMost);
    EXPECT_EQ(bench.wheel.armed(), 2U);
    ASSERT_EQ(bench.collect_all(kWhen + kGranule).size(), 1U);
    ASSERT_EQ(bench.collect_all(kWhen + 70 * kGranule).size(), 1U);
}

TEST(TimingWheel, a_million_cancelled_leave_nothing_and_their_memory_goes_back) {
    auto bench = std::make_unique<Bench>();
    const std::uint64_t before = resident_bytes();
    constexpr std::uint32_t kMillion = 1'000'000;
    std::vector<std::uint32_t> order(kMillion);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));  // NOLINT: the same each time
    const std::uint64_t with_order = resident_bytes();
    for (const std::uint32_t i : order)
        bench->wheel.arm(i, 0, (i % 5000 + 1) * 1000 * kGranule, 0);
    EXPECT_EQ(bench->wheel.armed(), kMillion);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    EXPECT_LT(resident_bytes() - with_order, std::uint64_t{kMillion} * 25 + (1U << 20));
#endif
    EXPECT_GT(with_order, before);
    for (const std::uint32_t i : order)
        ASSERT_TRUE(bench->wheel.cancel(i));
    EXPECT_EQ(bench->wheel.armed(), 0U);
    EXPECT_EQ(bench->wheel.next(), kNoDeadline);
    for (std::uint32_t chunk = 0; chunk <= kMillion / TimerNodes::kChunkNodes; ++chunk) {
        EXPECT_EQ(bench->wheel.armed_in_chunk(chunk), 0U);
        EXPECT_TRUE(bench->wheel.take_touched(chunk));
        EXPECT_FALSE(bench->wheel.take_touched(chunk));
        bench->nodes.forget(chunk);
    }
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    EXPECT_LT(resident_bytes(), with_order + (1U << 20));
#endif
    // Pages of zeros are nodes that are not armed: as good as new.
    EXPECT_FALSE(bench->wheel.cancel(7));
    bench->wheel.arm(7, 0, kGranule, 0);
    EXPECT_EQ(bench->collect_all(2 * kGranule).size(), 1U);
}

// Random histories beside a map from index to deadline.
RC_GTEST_PROP(TimingWheel, does_what_a_list_of_deadlines_would, ()) {
    constexpr std::uint32_t kIndices = 40;
    std::uint64_t now = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 50);
    Bench bench(now);
    std::map<std::uint32_t, std::uint64_t> model;  // deadline by index
    const int steps = *rc::gen::inRange(1, 200);
    for (int step = 0; step < steps; ++step) {
        const auto index = *rc::gen::inRange<std::uint32_t>(0, kIndices);
        // Distances of every magnitude, so that all levels are met.
        const auto bits = *rc::gen::inRange<std::uint32_t>(1, 44);
        const auto distance = *rc::gen::inRange<std::uint64_t>(0, 1ULL << bits);
        switch (*rc::gen::inRange(0, 4)) {
            case 0:
            case 1:
                if (model.contains(index)) break;
                bench.wheel.arm(index, index + 1, now + distance, now);
                model[index] = now + distance;
                break;
            case 2:
                RC_ASSERT(bench.wheel.cancel(index) == (model.erase(index) == 1));
                break;
            default: {
                now += distance;
                const auto room = *rc::gen::inRange<std::uint32_t>(1, 5);
                std::uint64_t last_granule = 0;
                for (const auto& due : bench.collect_all(now, room)) {
                    RC_ASSERT(model.contains(due.index));
                    RC_ASSERT(model[due.index] == due.deadline);
                    RC_ASSERT(due.sequence == due.index + 1);
                    RC_ASSERT(due.deadline <= now);
                    const std::uint64_t granule = (due.deadline + kGranule - 1) / kGranule;
                    RC_ASSERT(granule >= last_granule);
                    last_granule = granule;
                    model.erase(due.index);
                }
                for (const auto& [left, deadline] : model)
                    RC_ASSERT(deadline + kGranule > now);
            }
        }
        RC_ASSERT(bench.wheel.armed() == model.size());
        RC_ASSERT((bench.wheel.next() == kNoDeadline) == model.empty());
        for (const auto& [left, deadline] : model)
            RC_ASSERT(bench.wheel.next() <= std::max(now, (deadline + kGranule - 1) / kGranule * kGranule));
    }
}

}  // namespace
}  // namespace cprime::detail
