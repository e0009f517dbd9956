// Signals in keyframes and as events bring them forward: what goes in comes out, files of before go on reading, nothing cut is believed.
#include "traces/signal_codec.h"

#include <gtest/gtest.h>

#include "traces/image_codec.h"
#include "traces/signal_counts.h"

namespace coroscope::traces {
namespace {

using inspect::SignalImage;
using wire::EventType;

inspect::StateImage sample() {
    inspect::StateImage image;
    image.ring_heads = {{3, 77}};
    image.signals.push_back({.index = 10, .name = 4, .route = wire::SignalRoute::kCoroutine, .pool = 4, .site = 9,
                             .arrived = 1'000'000, .delivered = 999'990, .finished = 999'980, .failed = 1,
                             .coalesced = 5, .lost = 2, .emergency = 7, .latency_ticks = 1ULL << 40,
                             .latency_ticks_most = 1ULL << 33});
    image.signals.push_back({.index = wire::kSignalsMax, .flags = wire::kSignalForeign, .handler = 12});
    return image;
}

TEST(SignalCodec, what_goes_in_comes_out) {
    const auto decoded = decode_image(encode_image(sample()), "");
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    ASSERT_EQ(decoded->signals.size(), 2U);
    const SignalImage& first = decoded->signals[0];
    EXPECT_EQ(first.index, 10U);
    EXPECT_EQ(first.name, 4U);
    EXPECT_EQ(first.route, wire::SignalRoute::kCoroutine);
    EXPECT_EQ(first.pool, 4);
    EXPECT_EQ(first.site, 9U);
    EXPECT_EQ(first.waiting(), 3U);
    EXPECT_EQ(first.finished, 999'980U);
    EXPECT_EQ(first.failed, 1U);
    EXPECT_EQ(first.emergency, 7U);
    EXPECT_EQ(first.latency_ticks, 1ULL << 40);
    EXPECT_EQ(first.latency_ticks_most, 1ULL << 33);
    EXPECT_TRUE(decoded->signals[1].own());
    EXPECT_EQ(decoded->signals[1].flags, wire::kSignalForeign);
    EXPECT_EQ(decoded->signals[1].handler, 12U);
    EXPECT_EQ(decoded->ring_heads.size(), 1U);
}

TEST(SignalCodec, a_part_that_is_cut_short_or_out_of_order_is_refused) {
    inspect::StateImage without = sample();
    without.signals.clear();
    const std::size_t before = encode_image(without).size();
    const auto bytes = encode_image(sample());
    for (std::size_t size = before + 1; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_image(std::span(bytes).first(size), "").ok()) << size;
    inspect::StateImage twice = sample();
    twice.signals[1].index = 10;
    EXPECT_FALSE(decode_image(encode_image(twice), "").ok());
    twice.signals[1].index = wire::kSignalRecordsMax;
    EXPECT_FALSE(decode_image(encode_image(twice), "").ok());
}

TEST(SignalCounts, events_bring_a_keyframe_forward) {
    std::vector<SignalImage> signals;
    signals.push_back({.index = 10, .arrived = 5, .delivered = 3});
    const auto happens = [&](EventType type, std::uint32_t object, std::uint32_t argument, std::uint64_t extra48) {
        wire::DecodedEvent event;
        event.type = type;
        event.object = object;
        event.argument = argument;
        event.ext48[0] = extra48;
        count_signal(event, signals);
    };
    happens(EventType::kSignal, 10, 77, 4711);
    EXPECT_EQ(signals[0].delivered, 4U);
    EXPECT_EQ(signals[0].waiting(), 1U) << "those that had arrived are taken first";
    happens(EventType::kSignalDropped, 10, static_cast<std::uint32_t>(wire::SignalFate::kLost), 3);
    EXPECT_EQ(signals[0].lost, 3U);
    EXPECT_EQ(signals[0].arrived, 7U);
    happens(EventType::kSignalHandled, 10, static_cast<std::uint32_t>(wire::ExitStatus::kFailed), 900);
    happens(EventType::kSignalHandled, 10, static_cast<std::uint32_t>(wire::ExitStatus::kFinished), 100);
    EXPECT_EQ(signals[0].finished, 2U);
    EXPECT_EQ(signals[0].failed, 1U);
    EXPECT_EQ(signals[0].latency_ticks, 1000U);
    EXPECT_EQ(signals[0].latency_ticks_most, 900U);
    happens(EventType::kSignalDropped, 4, static_cast<std::uint32_t>(wire::SignalFate::kCoalesced), 2);
    ASSERT_EQ(signals.size(), 2U);
    EXPECT_EQ(signals[0].index, 4U) << "one that the keyframe did not know, in its place";
    EXPECT_EQ(signals[0].coalesced, 2U);
    happens(EventType::kSignal, wire::kSignalRecordsMax, 0, 0);
    EXPECT_EQ(signals.size(), 2U) << "damage names no signal";
}

}  // namespace
}  // namespace coroscope::traces
