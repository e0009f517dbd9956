// Look-ups over images, the index map, quantiles and tables of stacks.
#include "instrumentation/inspect/state_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <unordered_map>

#include "instrumentation/inspect/index_map.h"
#include "instrumentation/inspect/stack.h"

namespace coroscope::inspect {
namespace {

TEST(IndexMap, answers_like_a_standard_map) {
    std::mt19937_64 random(7);
    IndexMap map;
    std::vector<std::uint64_t> keys;
    const auto key_of = [&keys](std::uint32_t position) { return keys[position]; };
    EXPECT_EQ(map.find(0, key_of), wire::kNone);
    for (const std::size_t count : {0, 1, 7, 8, 9, 1000, 20000}) {
        std::unordered_map<std::uint64_t, std::uint32_t> expected;
        map.reset(count);
        keys.clear();
        for (std::uint32_t i = 0; i < count; ++i) {
            // Anything, few that come again, and halves that are alike.
            const std::uint64_t key = i % 4 == 0 ? random() : i % 4 == 1 ? (random() % 9) << 32 | (random() % count) : random() % (count + 1);
            keys.push_back(key);
            map.set(key, i, key_of);
            expected[key] = i;
        }
        for (const auto& [key, position] : expected)
            ASSERT_EQ(map.find(key, key_of), position);
        for (int i = 0; i < 1000; ++i) {
            const std::uint64_t key = random() % (2 * count + 2);
            const auto at = expected.find(key);
            ASSERT_EQ(map.find(key, key_of), at == expected.end() ? wire::kNone : at->second);
        }
    }
}

TEST(StateImage, what_has_an_index_is_found_however_many_are_missing_before_it) {
    std::mt19937_64 random(11);
    for (int round = 0; round < 200; ++round) {
        StateImage image;
        const auto indices = static_cast<std::uint32_t>(1 + random() % 60);
        const std::uint64_t missing = round % 5;  // of four; all of four: none is there
        for (auto index = static_cast<std::uint32_t>(round % 3); index < indices; ++index) {
            if (random() % 4 < missing) continue;
            image.channels.emplace_back();
            image.channels.back().index = index;
        }
        std::size_t found = 0;
        for (std::uint32_t index = 0; index < indices + 5; ++index) {
            const ChannelImage* channel = image.channel_at(index);
            if (channel == nullptr) continue;
            ASSERT_EQ(channel->index, index);
            ++found;
        }
        ASSERT_EQ(found, image.channels.size());
        EXPECT_EQ(image.channel_at(wire::kNone), nullptr);
        // A damaged image may not ascend; the answer is somebody of that index or nobody.
        std::shuffle(image.channels.begin(), image.channels.end(), random);
        for (std::uint32_t index = 0; index < indices + 5; ++index) {
            const ChannelImage* channel = image.channel_at(index);
            ASSERT_TRUE(channel == nullptr || channel->index == index);
        }
    }
}

TEST(StateImage, look_ups_after_a_vector_shrank_find_nobody) {
    StateImage image;
    image.coroutines.resize(3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        image.coroutines[i].index = i;
        image.coroutines[i].identity = 10 + i;
        image.coroutines[i].slot = i;
    }
    image.index();
    ASSERT_EQ(image.coroutine_of(12), &image.coroutines[2]);
    image.coroutines.pop_back();
    EXPECT_EQ(image.coroutine_of(12), nullptr);
    EXPECT_EQ(image.coroutine_at(2), nullptr);
    EXPECT_EQ(image.owner_of(0, 2), nullptr);
}

TEST(StateImage, who_resumes_one_by_hand_stands_on_that_ones_slot) {
    StateImage image;
    image.pools.resize(2);
    image.pools[0].stride_bytes = 1000;
    image.pools[0].guard_bytes = 100;
    image.pools[0].slabs.push_back({.owner = 0, .stack_base = 1'000'000});
    image.pools[1] = image.pools[0];
    image.pools[1].slabs[0].stack_base = 5'000'000;
    CoroutineImage coroutine;
    coroutine.pool = 0;
    coroutine.slot = 3;
    EXPECT_EQ(image.stack_at(coroutine, 1'003'500).low, 1'003'100U) << "its own";
    EXPECT_EQ(image.stack_at(coroutine, 5'007'500).low, 5'007'100U) << "another pool's";
    EXPECT_EQ(image.stack_at(coroutine, 5'007'500).high, 5'008'000U);
    EXPECT_EQ(image.stack_at(coroutine, 1'004'500).low, 1'004'100U);
    for (const std::uint64_t nowhere : {0U, 8U, 999'999U, 5'007'050U, 5'512'000U})  // one is a guard
        EXPECT_EQ(image.stack_at(coroutine, nowhere).low, 1'003'100U) << nowhere;
    image.pools[1].purpose = wire::PoolPurpose::kLocal;
    EXPECT_EQ(image.stack_at(coroutine, 5'007'500).low, 1'003'100U)
        << "slots of a MicroPool lie on others' stacks";
}

TEST(StateImage, strings_out_of_bounds_are_empty) {
    StateImage image;
    image.strings = std::string(
        "\x03\x00"
        "abc"
        "\xff\xff"
        "x",
        8);
    EXPECT_EQ(image.text(0), "abc");
    EXPECT_EQ(image.text(5), "");  // longer than what is there
    EXPECT_EQ(image.text(7), "");  // no room for a length
    EXPECT_EQ(image.text(8), "");
    EXPECT_EQ(image.text(wire::kNone), "");
    EXPECT_EQ(image.text(wire::kNone - 1), "");
}

TEST(HistogramImage, quantiles_count_samples_below_resolution_as_lowest) {
    HistogramImage histogram;
    histogram.buckets.resize(wire::kHistogramBuckets);
    EXPECT_EQ(histogram.quantile(0.5), -1);
    histogram.samples = 10;
    histogram.below_resolution = 4;
    histogram.buckets[20] = 5;
    histogram.buckets[wire::histogram_bucket(5000)] = 1;
    EXPECT_EQ(histogram.quantile(0.3), 0);
    EXPECT_EQ(histogram.quantile(0.5), 20);
    EXPECT_EQ(histogram.quantile(0.9), 20);
    EXPECT_NEAR(histogram.quantile(0.99), 5000, 5000 / 32.0);
    HistogramImage sum = histogram;
    sum.merge(histogram);
    EXPECT_EQ(sum.samples, 20U);
    EXPECT_EQ(sum.buckets[20], 10U);
}

TEST(StackTable, keeps_each_distinct_stack_once) {
    StackTable table;
    const std::uint32_t first = table.add({1, 2, 3});
    EXPECT_EQ(table.add({1, 2}), first + 1);
    EXPECT_EQ(table.add({1, 2, 3}), first);
    EXPECT_EQ(table.add({}), first + 2);
    EXPECT_EQ(table.size(), 3U);
    EXPECT_EQ(table.pcs(first), (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_TRUE(table.pcs(wire::kNone).empty());
}

TEST(Names, values_that_are_none_have_a_name_too) {
    EXPECT_STREQ(state_name(static_cast<wire::CoroutineState>(200)), "?");
    EXPECT_STREQ(reason_name(static_cast<wire::WaitReason>(200)), "?");
    EXPECT_STREQ(reason_name(wire::WaitReason::kChannelReceive), "channel-receive");
    EXPECT_STREQ(reason_name(wire::WaitReason::kForeign), "foreign");
    EXPECT_STREQ(size_class_name(static_cast<wire::SizeClass>(9)), "?");
    EXPECT_STREQ(unwind_end_name(UnwindEnd::kEntry), "entry");
}

}  // namespace
}  // namespace coroscope::inspect
