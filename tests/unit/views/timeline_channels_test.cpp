// views/timeline_channels: what lies in channels over time is what the model says lay there, at any zoom.
#include "views/timeline_channels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "synthetic_trace.h"

namespace coroscope::views {
namespace {

struct Recorded {
    explicit Recorded(const char* name, unsigned seed, int steps, int steps_a_keyframe) : file(name), program(2, false) {
        std::mt19937 random(seed);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 1; i <= steps; ++i) {
            program.step(static_cast<std::uint16_t>(random()));
            if (i % steps_a_keyframe == 0) keyframes.push_back(program.truth());
        }
        segments = keyframes.size() - 1;
        traces::write_synthetic_trace(file.path(), program, keyframes, 61);
        auto reader = traces::TraceReader::open(file.path());
        EXPECT_TRUE(reader.ok());
        auto made = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
        EXPECT_TRUE(made.ok());
        replay = std::move(*made);
    }
    TimeRange all() const { return {replay->begin(), replay->end()}; }
    // Items by channel at that time, by the model.
    std::map<std::uint64_t, std::uint32_t> lengths(traces::TimeNs t) const {
        std::map<std::uint64_t, std::uint32_t> lengths;
        const auto moment = replay->moment_at(t);
        EXPECT_TRUE(moment.ok());
        for (const inspect::ChannelImage& channel : (*moment)->state.channels)
            lengths[channel.identity] = channel.length;
        return lengths;
    }
    traces::TemporaryPath file;
    traces::SyntheticProgram program;
    std::shared_ptr<const traces::Replay> replay;
    std::size_t segments = 0;
};

// The first of the made-up programs, beginning with this seed, of which the looks know so many channels with a buffer that were used.
std::unique_ptr<Recorded> with_buffers(std::size_t count, unsigned seed, int steps, int steps_a_keyframe) {
    for (const unsigned end = seed + 100; seed < end; ++seed) {
        auto recorded = std::make_unique<Recorded>("buffers", seed, steps, steps_a_keyframe);
        ChannelDepths depths;
        depths.follow(recorded->replay);
        depths.choose({}, count);
        const traces::Search search;
        if (depths.lanes(recorded->all(), 1000, search)->size() == count) return recorded;
    }
    ADD_FAILURE() << "no program has " << count << " channels with a buffer";
    return nullptr;
}

std::vector<ChannelLane> lanes_of(ChannelDepths& depths, TimeRange range, double pixel_ns) {
    const traces::Search search;
    while (depths.advance(range, std::chrono::steady_clock::time_point::max(), search)) {
    }
    auto lanes = depths.lanes(range, pixel_ns, search);
    EXPECT_TRUE(lanes.has_value());
    return std::move(*lanes);
}

// What a column says lies between what the model says at its edges and in its midst; times beside which something just changes are passed over.
std::size_t hold_against_the_model(const Recorded& recorded, const std::vector<ChannelLane>& lanes) {
    std::size_t held = 0;
    for (const ChannelLane& lane : lanes) {
        for (std::size_t i = 0; i < lane.columns.size(); ++i) {
            const DepthColumn& column = lane.columns[i];
            const auto edge = lane.begin + static_cast<traces::TimeNs>(lane.column_ns * static_cast<double>(i + 1));
            if (!column.known || edge + 4 > recorded.replay->end() || edge - 4 < recorded.replay->begin()) continue;
            EXPECT_GE(column.most, column.last);
            auto before = recorded.lengths(edge - 4), after = recorded.lengths(edge + 4);
            if (before.count(lane.identity) == 0 || after.count(lane.identity) == 0 || before[lane.identity] != after[lane.identity]) continue;
            EXPECT_EQ(column.last, before[lane.identity]) << lane.text << " column " << i;
            const auto middle = static_cast<traces::TimeNs>(static_cast<double>(edge) - lane.column_ns / 2);
            EXPECT_GE(column.most, recorded.lengths(middle)[lane.identity]);
            ++held;
        }
    }
    return held;
}

TEST(ChannelDepths, columns_say_what_the_model_says_lay_in_the_channel) {
    std::size_t held = 0;
    for (const unsigned seed : {0U, 100U, 200U, 300U}) {
        SCOPED_TRACE(seed);
        const auto made = with_buffers(1, seed, 1500, 500);
        ASSERT_NE(made, nullptr);
        const Recorded& recorded = *made;
        ASSERT_LE(recorded.segments, ChannelDepths::kNearSegments);
        ChannelDepths depths;
        depths.follow(recorded.replay);
        depths.choose({}, 3);
        const double length = static_cast<double>(recorded.replay->end() - recorded.replay->begin());
        const auto lanes = lanes_of(depths, recorded.all(), length / 40);
        ASSERT_GE(lanes.size(), 1U);
        for (const ChannelLane& lane : lanes) {
            EXPECT_TRUE(lane.found && lane.busiest && lane.capacity > 0);
            EXPECT_GE(lane.columns.size(), 40U);
        }
        held += hold_against_the_model(recorded, lanes);
    }
    EXPECT_GT(held, 50U);
}

TEST(ChannelDepths, far_out_a_lane_hides_no_peak) {
    const auto made = with_buffers(2, 5, 3000, 250);
    ASSERT_NE(made, nullptr);
    const Recorded& recorded = *made;
    ASSERT_GT(recorded.segments, ChannelDepths::kNearSegments);
    ChannelDepths depths;
    depths.follow(recorded.replay);
    depths.choose({}, 2);
    const double length = static_cast<double>(recorded.replay->end() - recorded.replay->begin());
    const auto far = lanes_of(depths, recorded.all(), length / 30);
    EXPECT_GT(hold_against_the_model(recorded, far), 5U);
    // The same stretch looked at piece by piece, each from its own events.
    std::map<std::uint64_t, std::uint32_t> most_far, most_near;
    for (const ChannelLane& lane : far) {
        for (const DepthColumn& column : lane.columns)
            most_far[lane.identity] = std::max(most_far[lane.identity], column.most);
    }
    constexpr int kPieces = 24;
    for (int piece = 0; piece < kPieces; ++piece) {
        const TimeRange range = {recorded.replay->begin() + static_cast<traces::TimeNs>(length * piece / kPieces),
                                 recorded.replay->begin() + static_cast<traces::TimeNs>(length * (piece + 1) / kPieces)};
        for (const ChannelLane& lane : lanes_of(depths, range, length / kPieces / 200)) {
            for (const DepthColumn& column : lane.columns)
                most_near[lane.identity] = std::max(most_near[lane.identity], column.most);
        }
    }
    EXPECT_EQ(most_far, most_near);
}

TEST(ChannelDepths, who_is_asked_for_comes_first_and_one_that_never_was_says_so) {
    const auto made = with_buffers(2, 6, 3000, 1000);
    ASSERT_NE(made, nullptr);
    const Recorded& recorded = *made;
    ChannelDepths depths;
    depths.follow(recorded.replay);
    depths.choose({}, 3);
    const double length = static_cast<double>(recorded.replay->end() - recorded.replay->begin());
    const auto busiest = lanes_of(depths, recorded.all(), length / 10);
    ASSERT_GE(busiest.size(), 2U);
    depths.choose({"channel:nobody-made-it", busiest[1].text}, 1);
    const auto lanes = lanes_of(depths, recorded.all(), length / 10);
    ASSERT_EQ(lanes.size(), 3U);
    EXPECT_FALSE(lanes[0].found);
    EXPECT_TRUE(std::none_of(lanes[0].columns.begin(), lanes[0].columns.end(), [](const DepthColumn& column) { return column.known; }));
    EXPECT_EQ(lanes[1].text, busiest[1].text);
    EXPECT_EQ(lanes[1].columns, busiest[1].columns);
    EXPECT_FALSE(lanes[1].busiest);
    EXPECT_EQ(lanes[2].text, busiest[0].text);
    EXPECT_TRUE(lanes[2].busiest);
}

TEST(ChannelDepths, a_search_that_nobody_wants_ends_without_lanes) {
    const auto made = with_buffers(1, 7, 20'000, 10'000);
    ASSERT_NE(made, nullptr);
    const Recorded& recorded = *made;
    ChannelDepths depths;
    depths.follow(recorded.replay);
    depths.choose({}, 3);
    traces::Search search;
    search.cancelled = true;
    EXPECT_FALSE(depths.lanes(recorded.all(), 1000, search).has_value());
    EXPECT_TRUE(depths.advance(recorded.all(), std::chrono::steady_clock::time_point::max(), search));
}

}  // namespace
}  // namespace coroscope::views
