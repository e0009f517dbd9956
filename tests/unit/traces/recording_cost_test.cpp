// What a recording costs: counts into shares, and into the last words of a trace and back.
#include "traces/recording_cost.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "synthetic_trace.h"
#include "traces/event_budget.h"
#include "traces/recording_stat.h"

namespace coroscope::traces {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr double kNs = 10;

CostMeter::Counts after_two_seconds() {
    return {.now_ns = 7 * kSecond, .events = 2'000'000, .lost = 0, .switches = 800'000, .program_cpu_ns = 4 * kSecond,
            .recorder_cpu_ns = kSecond, .bytes = 6'000'000};
}

TEST(RecordingCost, what_events_take_is_their_number_times_what_one_costs) {
    CostMeter meter(kNs, {.now_ns = 5 * kSecond});
    meter.take(after_two_seconds());
    const RecordingCost cost = meter.total();
    EXPECT_DOUBLE_EQ(cost.seconds, 2);
    EXPECT_DOUBLE_EQ(cost.events_per_second, 1e6);
    EXPECT_DOUBLE_EQ(cost.cpu_share, 2e6 * kNs / 4e9);
    EXPECT_DOUBLE_EQ(cost.recorder_cores, 0.5);
    EXPECT_DOUBLE_EQ(cost.bytes_per_second, 3e6);
    // 800,000 switches with two events each, and 400,000 other events.
    EXPECT_DOUBLE_EQ(cost.estimated_slowdown, (8e5 * EventBudget::kSwitchNs + 4e5 * EventBudget::kEventNs) / 4e9);
}

TEST(RecordingCost, events_that_were_dropped_cost_their_stamp) {
    CostMeter meter(kNs, {.now_ns = 5 * kSecond});
    CostMeter::Counts counts = after_two_seconds();
    counts.lost = 1'000'000;
    meter.take(counts);
    EXPECT_DOUBLE_EQ(meter.total().cpu_share, 3e6 * kNs / 4e9);
    EXPECT_DOUBLE_EQ(meter.total().estimated_slowdown,
                     (8e5 * EventBudget::kSwitchNs + 4e5 * EventBudget::kEventNs + 1e6 * kNs) / 4e9);
}

TEST(RecordingCost, no_program_loses_more_than_one_that_does_nothing_but_switch) {
    CostMeter meter(kNs, {});
    meter.take({.now_ns = kSecond, .events = 100'000'000, .lost = 0, .switches = 50'000'000, .program_cpu_ns = kSecond,
                .recorder_cpu_ns = 0, .bytes = 0});
    EXPECT_NEAR(meter.total().estimated_slowdown, 0.75, 1e-9);
    EXPECT_DOUBLE_EQ(meter.total().cpu_share, 1);
}

TEST(RecordingCost, the_last_interval_is_told_apart_from_the_whole) {
    CostMeter meter(kNs, {.now_ns = 5 * kSecond});
    meter.take(after_two_seconds());
    CostMeter::Counts later = after_two_seconds();
    later.now_ns += kSecond;
    later.events += 500'000;
    meter.take(later);
    EXPECT_DOUBLE_EQ(meter.recent().seconds, 1);
    EXPECT_DOUBLE_EQ(meter.recent().events_per_second, 5e5);
    EXPECT_DOUBLE_EQ(meter.total().seconds, 3);
    EXPECT_DOUBLE_EQ(meter.recent().cpu_share, 0) << "the program is gone: its processor time stands still";
}

TEST(RecordingCost, what_the_program_waited_is_in_the_last_words_and_traces_of_before_have_none) {
    CostMeter meter(kNs, {.now_ns = 5 * kSecond, .blocked_ns = kSecond});
    CostMeter::Counts counts = after_two_seconds();
    EXPECT_EQ(to_text(meter.total()).find("waited"), std::string::npos);
    counts.blocked_ns = kSecond + kSecond / 2;
    meter.take(counts);
    EXPECT_DOUBLE_EQ(meter.total().blocked_seconds, 0.5);
    EXPECT_NE(to_text(meter.total()).find("threads waited 0.50 s"), std::string::npos);
    TraceEnd end{12, "the program ended", ""};
    end.cost = meter.total();
    Bytes bytes = encode_end(end);
    EXPECT_DOUBLE_EQ(decode_end(bytes)->cost->blocked_seconds, 0.5);
    bytes.resize(bytes.size() - sizeof(double));
    const auto decoded = decode_end(bytes);
    ASSERT_TRUE(decoded.ok());
    EXPECT_DOUBLE_EQ(decoded->cost->bytes_per_second, 3e6);
    EXPECT_DOUBLE_EQ(decoded->cost->blocked_seconds, 0);
}

TEST(RecordingCost, the_last_words_of_a_trace_carry_it_and_need_not) {
    CostMeter meter(kNs, {.now_ns = 5 * kSecond});
    meter.take(after_two_seconds());
    TraceEnd end{12, "the program ended", ""};
    Bytes before = encode_end(end);
    EXPECT_FALSE(decode_end(before)->cost.has_value()) << "as in traces of before";
    end.cost = meter.total();
    const Bytes bytes = encode_end(end);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), bytes.begin())) << "readers of before read what they know";
    const auto decoded = decode_end(bytes);
    ASSERT_TRUE(decoded.ok());
    ASSERT_TRUE(decoded->cost.has_value());
    EXPECT_EQ(decoded->because, "the program ended");
    EXPECT_DOUBLE_EQ(decoded->cost->estimated_slowdown, end.cost->estimated_slowdown);
    EXPECT_DOUBLE_EQ(decoded->cost->bytes_per_second, 3e6);
    before.push_back(1);
    EXPECT_FALSE(decode_end(before).ok()) << "half a figure is none";
}

TEST(RecordingCost, stat_counts_what_was_stored_verbatim) {
    const TemporaryPath file("verbatim");
    SyntheticProgram program(1);
    for (std::uint16_t i = 0; i < 2000; ++i)
        program.step(static_cast<std::uint16_t>(i * 31));
    // Every second chunk of it in a hurry.
    write_synthetic_trace(file.path(), program, {program.truth()}, 64);
    const auto reader = TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    const RecordingStat stat = recording_stat(**reader);
    EXPECT_EQ(stat.event_chunks, (*reader)->events().size());
    EXPECT_GT(stat.verbatim_chunks, 1U);
    EXPECT_LT(stat.verbatim_chunks, stat.event_chunks);
    EXPECT_TRUE(to_json(stat)["cpu_share"].is_null());
    EXPECT_NE(to_text(stat).find("verbatim"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::traces
