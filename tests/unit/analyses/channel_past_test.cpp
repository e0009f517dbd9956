// The past of each channel of generated programs: it ends as the program itself says, and counts what went through.
#include "traces/analyses/channel_past.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "synthetic_trace.h"

namespace coroscope::analyses {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;

std::unique_ptr<traces::Replay> replay_of(const std::string& path) {
    auto reader = traces::TraceReader::open(path);
    EXPECT_TRUE(reader.ok());
    auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
    EXPECT_TRUE(replay.ok());
    return std::move(*replay);
}

TEST(ChannelPast, of_every_channel_that_lives_ends_with_what_lies_in_it) {
    std::size_t channels = 0;
    std::uint64_t items = 0;
    for (const unsigned seed : {5U, 11U, 23U, 31U, 47U}) {
        const TemporaryPath file("channel");
        std::mt19937 random(seed);
        SyntheticProgram program(3);
        for (int i = 0; i < 300; ++i)  // so that some channels are there at the first look
            program.step(static_cast<std::uint16_t>(random()));
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 3000; ++i)
            program.step(static_cast<std::uint16_t>(random()));
        keyframes.push_back(program.truth());
        traces::write_synthetic_trace(file.path(), program, keyframes, 61);
        const auto replay = replay_of(file.path());
        for (const inspect::ChannelImage& channel : keyframes[1].channels) {
            traces::Search search;
            const auto past = compute_channel_past(*replay, channel.identity, 64, search);
            ASSERT_TRUE(past.ok());
            EXPECT_TRUE(past->seen);
            EXPECT_EQ(past->depth.back(), channel.length);
            const inspect::ChannelImage* before = nullptr;
            for (const inspect::ChannelImage& each : keyframes[0].channels)
                before = each.identity == channel.identity ? &each : before;
            EXPECT_EQ(past->sent_total, channel.sent - (before != nullptr ? before->sent : 0));
            EXPECT_EQ(past->received_total, channel.received - (before != nullptr ? before->received : 0));
            EXPECT_EQ(std::accumulate(past->sent.begin(), past->sent.end(), std::uint64_t{0}), past->sent_total);
            for (std::size_t i = 0; i < past->depth.size(); ++i)
                EXPECT_GE(past->depth_most[i], past->depth[i]);
            EXPECT_LE(*std::max_element(past->depth_most.begin(), past->depth_most.end()), std::max(1U, channel.capacity));
            ++channels;
            items += past->sent_total;
        }
    }
    EXPECT_GT(channels, 5U);
    EXPECT_GT(items, 20U);
}

TEST(ChannelPast, of_one_that_never_was_is_empty_and_says_so) {
    const TemporaryPath file("nobody");
    std::mt19937 random(5);
    SyntheticProgram program(2);
    std::vector<inspect::StateImage> keyframes = {program.truth()};
    for (int i = 0; i < 500; ++i)
        program.step(static_cast<std::uint16_t>(random()));
    keyframes.push_back(program.truth());
    traces::write_synthetic_trace(file.path(), program, keyframes, 61);
    traces::Search search;
    const auto past = compute_channel_past(*replay_of(file.path()), 1'000'000, 16, search);
    ASSERT_TRUE(past.ok());
    EXPECT_FALSE(past->seen);
    EXPECT_EQ(past->sent_total, 0U);
}

}  // namespace
}  // namespace coroscope::analyses
