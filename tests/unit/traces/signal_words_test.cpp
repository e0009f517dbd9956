// Events of signals in words.
#include "traces/signal_words.h"

#include <gtest/gtest.h>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/signal.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

std::string said(EventType type, std::uint32_t object, std::uint32_t argument, std::uint64_t extra48, std::uint64_t extra64) {
    base::ClockCalibration clock;
    clock.multiplier = 1ULL << 31;  // two ticks a nanosecond
    clock.shift = 32;
    wire::DecodedEvent event;
    event.type = type;
    event.object = object;
    event.argument = argument;
    event.ext48[0] = extra48;
    event.ext64[0] = extra64;
    EXPECT_TRUE(is_of_signals(type));
    return signal_detail(event, clock);
}

TEST(SignalWords, say_who_sent_it_and_who_raised_it) {
    EXPECT_EQ(said(EventType::kSignal, 10, 77, 4711, 0), "from process 4711");
    EXPECT_EQ(said(EventType::kSignal, 10, 77, 0, 0), "from the kernel");
    EXPECT_EQ(said(EventType::kSignal, 10, wire::kNone, 4711, 0), "from process 4711, handled on the spot");
    EXPECT_EQ(said(EventType::kSignal, wire::kSignalsMax, 77, 12, 0), "raised by 12");
    EXPECT_EQ(said(EventType::kSignal, wire::kSignalsMax, 77, 0, 0), "raised outside of coroutines");
}

TEST(SignalWords, say_what_became_of_it) {
    EXPECT_EQ(said(EventType::kSignalHandled, 10, static_cast<std::uint32_t>(wire::ExitStatus::kFinished), 4000, 30000),
              "first instruction after 2.0 us, end after 15.0 us");
    EXPECT_EQ(said(EventType::kSignalHandled, 10, static_cast<std::uint32_t>(wire::ExitStatus::kFailed), 4'000'000, 4'000'000'000),
              "first instruction after 2.0 ms, end after 2.0 s, failed");
    EXPECT_EQ(said(EventType::kSignalHandled, 10, static_cast<std::uint32_t>(wire::ExitStatus::kAbandoned), 0, 0), "abandoned after a fault");
    EXPECT_EQ(said(EventType::kSignalHandled, 10, 99, 0, 0), "first instruction after 0.0 us, end after 0.0 us, ended in an unknown way");
    EXPECT_EQ(said(EventType::kSignalDropped, 10, static_cast<std::uint32_t>(wire::SignalFate::kLost), 3, 0), "3 lost");
    EXPECT_EQ(said(EventType::kSignalDropped, 10, static_cast<std::uint32_t>(wire::SignalFate::kCoalesced), 1, 0), "1 coalesced");
}

TEST(SignalWords, say_what_faulted_and_who_recovers) {
    EXPECT_EQ(said(EventType::kFault, 11, static_cast<std::uint32_t>(wire::FaultOutcome::kAbandoned) | 1U << 8, 0x10, 0x401234),
              "abandoned: address 0x10, at 0x401234");
    EXPECT_EQ(said(EventType::kFault, 11, 0xff, 0, 0), "unknown outcome: address 0x0, at 0x0");
    EXPECT_EQ(said(EventType::kRaise, wire::kSignalsMax, wire::kNone, 0, 0), "nobody recovers");
    EXPECT_EQ(said(EventType::kRaise, wire::kSignalsMax, 0, 0, 0), "recovered by scope 1 from within");
    EXPECT_EQ(said(EventType::kRecover, wire::kSignalsMax, 1, 0, 0), "another was raised in its place");
    EXPECT_FALSE(is_of_signals(EventType::kSpawn));
}

}  // namespace
}  // namespace coroscope::traces
