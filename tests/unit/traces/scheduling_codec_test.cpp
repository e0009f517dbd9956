// Wakers, selects and queues in keyframes: what goes in comes out, files of before go on reading, nothing cut is believed.
#include "traces/scheduling_codec.h"

#include <gtest/gtest.h>

#include "traces/image_codec.h"

namespace coroscope::traces {
namespace {

inspect::StateImage sample() {
    inspect::StateImage image;
    image.coroutines.resize(3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        image.coroutines[i].index = 10 * i;
        image.coroutines[i].identity = 100 + i;
    }
    image.coroutines[1].woken_ticks = 1ULL << 50;
    image.coroutines[1].woken_by = 102;
    image.coroutines[1].woken_cause = wire::WakeCause::kClose;
    image.workers.resize(2);
    image.workers[1].ready_length = 300;
    image.workers[1].bound_length = 2;
    image.workers[1].injected = 4'000'000'000U;
    image.workers[1].steals = 1ULL << 40;
    image.workers[1].taken_from = {77, 0};
    image.select_arms = {{0, 5, 0, true}, {0, 6, 3, false}, {20, 5, 1, true}};
    image.selects.resize(1);
    image.selects[0].address = 0x401234;
    image.selects[0].arms = 3;
    image.selects[0].receives = 0b101;
    image.selects[0].other_arm = 3;
    image.selects[0].parked = 9;
    image.selects[0].timed_out = 8;
    image.selects[0].declined = 7;
    image.selects[0].fired[7] = 6;
    image.selects[0].passed_over[0] = 5;
    return image;
}

TEST(SchedulingCodec, what_goes_in_comes_out) {
    const inspect::StateImage image = sample();
    const auto decoded = decode_image(encode_image(image), "");
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    for (std::size_t i = 0; i < image.coroutines.size(); ++i) {
        EXPECT_EQ(decoded->coroutines[i].woken_ticks, image.coroutines[i].woken_ticks);
        EXPECT_EQ(decoded->coroutines[i].woken_by, image.coroutines[i].woken_by);
        EXPECT_EQ(decoded->coroutines[i].woken_cause, image.coroutines[i].woken_cause);
    }
    EXPECT_EQ(decoded->workers[1].ready_length, 300U);
    EXPECT_EQ(decoded->workers[1].bound_length, 2U);
    EXPECT_EQ(decoded->workers[1].injected, 4'000'000'000U);
    EXPECT_EQ(decoded->workers[1].steals, 1ULL << 40);
    EXPECT_EQ(decoded->workers[1].taken_from, image.workers[1].taken_from);
    EXPECT_TRUE(decoded->workers[0].taken_from.empty());
    EXPECT_EQ(decoded->select_arms, image.select_arms);
    EXPECT_EQ(decoded->selects, image.selects);
    EXPECT_EQ(decoded->arms_of(image.coroutines[0]).size(), 2U);
    EXPECT_TRUE(decoded->arms_of(image.coroutines[1]).empty());
    EXPECT_EQ(decoded->arms_of(image.coroutines[2]).size(), 1U);
}

TEST(SchedulingCodec, a_program_without_any_writes_what_it_wrote_before) {
    inspect::StateImage image;
    image.workers.resize(2);
    image.coroutines.resize(1);
    const auto bytes = encode_image(image);
    EXPECT_FALSE(has_scheduling(image, image.coroutines));
    const auto decoded = decode_image(bytes, "");
    ASSERT_TRUE(decoded.ok());
    EXPECT_TRUE(decoded->selects.empty());
    image.workers[0].injected = 1;
    EXPECT_GT(encode_image(image).size(), bytes.size());
}

TEST(SchedulingCodec, a_part_that_is_cut_short_is_refused) {
    inspect::StateImage without = sample();
    without.select_arms.clear();
    without.selects.clear();
    without.coroutines[1].woken_ticks = 0;
    for (inspect::WorkerImage& worker : without.workers)
        worker = {};
    without.blocking.calls = 1;
    inspect::StateImage with = sample();
    with.blocking.calls = 1;
    const std::size_t before = encode_image(without).size();
    const auto bytes = encode_image(with);
    ASSERT_GT(bytes.size(), before);
    for (std::size_t cut = before + 1; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(decode_image(std::span(bytes).first(cut), "").ok())
            << "cut at " << cut << " of " << bytes.size();
    }
}

TEST(SchedulingCodec, arms_out_of_order_and_causes_that_are_none_are_refused) {
    inspect::StateImage disordered = sample();
    std::swap(disordered.select_arms[0], disordered.select_arms[2]);
    EXPECT_FALSE(decode_image(encode_image(disordered), "").ok());
    inspect::StateImage no_cause = sample();
    no_cause.coroutines[0].woken_cause = static_cast<wire::WakeCause>(wire::kWakeCausesCount);
    EXPECT_FALSE(decode_image(encode_image(no_cause), "").ok());
    inspect::StateImage more_workers = sample();
    more_workers.workers[1].taken_from.push_back(1);
    EXPECT_FALSE(decode_image(encode_image(more_workers), "").ok());
}

}  // namespace
}  // namespace coroscope::traces
