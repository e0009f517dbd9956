// What is learned in passing: since when, how long woken coroutines waited, where they parked.
#include "traces/tally.h"

#include <gtest/gtest.h>

namespace coroscope::traces {
namespace {

wire::DecodedEvent event(wire::EventType type, std::uint64_t tsc, std::uint32_t object,
                         std::uint32_t sequence) {
    wire::DecodedEvent e;
    e.type = type;
    e.tsc = tsc;
    e.object = object;
    e.argument = wire::pack24(sequence, 0);
    return e;
}
wire::DecodedEvent suspend(std::uint64_t tsc, std::uint32_t coroutine, std::uint32_t sequence,
                           std::uint64_t pc) {
    wire::DecodedEvent e = event(wire::EventType::kSuspend, tsc, wire::kNone, sequence);
    e.current = coroutine;
    e.current_known = true;
    e.ext48[0] = pc;
    return e;
}

TEST(Tally, a_wait_is_measured_whichever_ring_is_read_first) {
    for (const bool wake_first : {true, false}) {
        Tally tally;
        const auto wake = event(wire::EventType::kWake, 1000, 5, 10);
        const auto resume = event(wire::EventType::kResume, 1040, 5, 11);
        tally.take(wake_first ? wake : resume);
        tally.take(wake_first ? resume : wake);
        EXPECT_EQ(tally.wake_to_run().samples, 1U);
        EXPECT_EQ(tally.wake_to_run().buckets[40], 1U);
    }
}

TEST(Tally, a_resume_that_no_wake_caused_is_not_a_wait) {
    Tally tally;
    tally.take(event(wire::EventType::kWake, 1000, 5, 10));
    tally.take(event(wire::EventType::kResume, 2000, 5, 13));  // of a later wake, which was lost
    tally.take(event(wire::EventType::kResume, 2000, 6, 11));
    EXPECT_EQ(tally.wake_to_run().samples, 0U);
}

TEST(Tally, sequences_wrap_at_24_bits) {
    Tally tally;
    tally.take(event(wire::EventType::kWake, 1000, 5, 0xffffff));
    tally.take(event(wire::EventType::kResume, 1001, 5, 0x1000000));
    EXPECT_EQ(tally.wake_to_run().samples, 1U);
}

TEST(Tally, since_is_filled_for_the_state_that_the_image_shows) {
    Tally tally;
    tally.take(suspend(500, 3, 8, 0x401000));
    inspect::StateImage image;
    image.coroutines.resize(2);
    image.coroutines[0].index = 3;
    image.coroutines[0].sequence = 0x5000008;  // more bits than travel in events
    image.coroutines[1].index = 4;
    image.coroutines[1].sequence = 8;
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].since_ticks, 500U);
    EXPECT_EQ(image.coroutines[1].since_ticks, 0U) << "nothing was seen of it";
    image.coroutines[0].sequence += 2;
    image.coroutines[0].since_ticks = 0;
    tally.complete(image);
    EXPECT_EQ(image.coroutines[0].since_ticks, 0U) << "it has moved on since";
}

TEST(Tally, each_park_address_is_handed_out_once) {
    Tally tally;
    tally.take(suspend(1, 1, 2, 0x401000));
    tally.take(suspend(2, 2, 2, 0x402000));
    tally.take(suspend(3, 3, 2, 0x401000));
    EXPECT_EQ(tally.take_new_pcs(), (std::vector<std::uint64_t>{0x401000, 0x402000}));
    tally.take(suspend(4, 1, 4, 0x402000));
    EXPECT_TRUE(tally.take_new_pcs().empty());
}

}  // namespace
}  // namespace coroscope::traces
