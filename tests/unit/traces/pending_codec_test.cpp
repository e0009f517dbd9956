// Timers and blocking calls in keyframes and in stat: what goes in comes out, files of before go on reading, nothing cut is believed.
#include "traces/pending_codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/image_codec.h"

namespace coroscope::traces {
namespace {

inspect::StateImage sample() {
    inspect::StateImage image;
    image.workers.resize(2);
    image.workers[0].timers_armed = 1'000'000;
    image.workers[0].timers_next_ticks = 1ULL << 50;
    image.workers[1].timers_armed = 1;
    image.workers[1].timers_next_ticks = (1ULL << 50) - 5;
    image.blocking = {.threads = 5, .busy = 4, .queued = 3, .threads_most = 64, .calls = 123'456'789'012};
    return image;
}

TEST(PendingCodec, what_goes_in_comes_out) {
    const auto decoded = decode_image(encode_image(sample()), "");
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->workers[0].timers_armed, 1'000'000U);
    EXPECT_EQ(decoded->workers[0].timers_next_ticks, 1ULL << 50);
    EXPECT_EQ(decoded->workers[1].timers_armed, 1U);
    EXPECT_EQ(decoded->workers[1].timers_next_ticks, (1ULL << 50) - 5);
    EXPECT_EQ(decoded->blocking, sample().blocking);
}

TEST(PendingCodec, a_program_without_either_writes_what_it_wrote_before) {
    inspect::StateImage image;
    image.workers.resize(2);
    const auto bytes = encode_image(image);
    image.blocking.calls = 1;
    EXPECT_GT(encode_image(image).size(), bytes.size());
    const auto decoded = decode_image(bytes, "");
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->blocking, inspect::BlockingImage{});
}

TEST(PendingCodec, a_part_that_is_cut_short_is_refused) {
    inspect::StateImage without = sample();
    without.blocking = {};
    for (inspect::WorkerImage& worker : without.workers)
        worker.timers_armed = worker.timers_next_ticks = 0;
    // The parts before it, which are written with it.
    without.sites.resize(1);
    without.sites[0].high_water_bytes = 1;
    without.waitables.resize(1);
    without.waitables[0].kind = coroscope::wire::WaitableKind::kMutex;
    inspect::StateImage with = sample();
    with.sites = without.sites;
    with.waitables = without.waitables;
    const std::size_t before = encode_image(without).size();
    const auto bytes = encode_image(with);
    ASSERT_GT(bytes.size(), before);
    for (std::size_t length = before + 1; length < bytes.size(); ++length)
        EXPECT_FALSE(decode_image({bytes.data(), length}, "").ok()) << length;
    EXPECT_TRUE(decode_image({bytes.data(), before}, "").ok()) << "a file of before";
}

TEST(PendingStat, says_how_many_timers_are_armed_and_how_far_the_next_is) {
    Stat stat;
    stat.timers_armed = 3;
    stat.timer_next_in_ns = 1'500'000;
    stat.blocking = {.threads = 5, .busy = 4, .queued = 3, .threads_most = 64, .calls = 9};
    const auto json = to_json(stat);
    EXPECT_EQ(json["timers"].dump(), R"({"armed":3,"next_in_ns":1500000})");
    EXPECT_EQ(json["blocking"].dump(), R"({"busy":4,"calls":9,"queued":3,"threads":5,"threads_most":64})");
    const std::string text = to_text(stat);
    EXPECT_NE(text.find("timers      3 armed, the next in 1.500 ms\n"), std::string::npos) << text;
    EXPECT_NE(text.find("blocking    9 calls, 4 under way, 3 waiting; 5 threads, at most 64\n"),
              std::string::npos)
        << text;
    EXPECT_TRUE(to_json(Stat{})["timers"]["next_in_ns"].is_null());
    EXPECT_EQ(to_text(Stat{}).find("timers"), std::string::npos) << "nothing is said where there is nothing";
}

}  // namespace
}  // namespace coroscope::traces
