// views/histogram_model: bars on a logarithmic axis, and honest words where nothing was measured.
#include "views/histogram_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "fake_session.h"
#include "traces/rules/event_window.h"

namespace coroscope::views {
namespace {

double sum(const std::vector<HistogramBar>& bars) {
    double all = 0;
    for (const HistogramBar& bar : bars)
        all += bar.count;
    return all;
}

TEST(Histogram, all_workers_stand_first_and_are_the_sum_of_the_rest) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    ASSERT_EQ(model.switches.size(), 5U);
    EXPECT_EQ(model.switches[0].title, "all workers");
    std::uint64_t samples = 0, below = 0;
    for (std::size_t i = 1; i < model.switches.size(); ++i) {
        samples += model.switches[i].samples;
        below += model.switches[i].below_resolution;
    }
    EXPECT_EQ(model.switches[0].samples, samples);
    EXPECT_EQ(model.switches[0].below_resolution, below);
    EXPECT_TRUE(model.wake_to_run.empty());
}

TEST(Histogram, bars_hold_exactly_the_samples_above_resolution) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    for (const HistogramPanel& panel : model.switches) {
        EXPECT_NEAR(sum(panel.bars), static_cast<double>(panel.samples - panel.below_resolution),
                    1e-6 * static_cast<double>(panel.samples));
    }
}

TEST(Histogram, bars_follow_each_other_without_gaps_and_are_equally_wide_on_a_log_axis) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    const auto& bars = model.switches[0].bars;
    ASSERT_GT(bars.size(), 8U);
    for (std::size_t i = 1; i < bars.size(); ++i) {
        EXPECT_DOUBLE_EQ(bars[i].low, bars[i - 1].high);
        EXPECT_NEAR(std::log2(bars[i].high / bars[i].low), 1.0 / 8, 1e-9);
    }
    EXPECT_GT(bars.front().count, 0);
    EXPECT_GT(bars.back().count, 0);
}

TEST(Histogram, a_sample_lies_in_the_bar_that_covers_its_value) {
    for (const std::uint64_t value : {1ULL, 7ULL, 63ULL, 64ULL, 1000ULL, 123'456'789ULL}) {
        std::vector<std::uint64_t> buckets(wire::kHistogramBuckets, 0);
        buckets[wire::histogram_bucket(value)] = 5;
        const auto bars = make_bars(buckets, 8);
        ASSERT_FALSE(bars.empty());
        EXPECT_NEAR(sum(bars), 5, 1e-9);
        EXPECT_LE(bars.front().low, static_cast<double>(value));
        EXPECT_GT(bars.back().high, static_cast<double>(value) * 0.97);
    }
}

TEST(Histogram, quantiles_grow_with_their_order) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    for (const HistogramPanel& panel : model.switches) {
        EXPECT_LE(panel.p50, panel.p90);
        EXPECT_LE(panel.p90, panel.p99);
        EXPECT_LE(panel.p99, panel.p999);
        EXPECT_GT(panel.p50, panel.resolution);
    }
}

TEST(Histogram, nothing_measured_is_said_and_never_shown_as_zero) {
    FakeOptions options;
    options.measured = false;
    const auto model = compute_histograms(make_fake_moment(options)->state);
    for (const HistogramPanel& panel : model.switches) {
        EXPECT_FALSE(panel.measured);
        EXPECT_LT(panel.p50, 0);
        EXPECT_TRUE(panel.bars.empty());
    }
    const nlohmann::json json = to_json(model);
    EXPECT_TRUE(json["switch"][0]["p50"].is_null());
    EXPECT_FALSE(json["switch"][0]["measured"].get<bool>());
}

TEST(Histogram, a_range_of_latencies_is_a_rule_about_events) {
    const std::string rule = latency_rule(2500, 20'000, 2.5);
    EXPECT_EQ(rule, "resume and ready_ns >= 1000 and ready_ns < 8000");
    EXPECT_TRUE(rules::event_rule(rule).ok());
    EXPECT_EQ(latency_rule(10, 20, 0), "") << "how long a tick is is not known";
    EXPECT_EQ(latency_rule(20, 20, 1), "");
}

TEST(Histogram, axis_ticks_are_one_two_five_and_lie_inside) {
    EXPECT_EQ(log_axis_ticks(1, 100), (std::vector<double>{1, 2, 5, 10, 20, 50, 100}));
    EXPECT_EQ(log_axis_ticks(3, 30), (std::vector<double>{5, 10, 20}));
    EXPECT_TRUE(log_axis_ticks(0, 10).empty());
    EXPECT_TRUE(log_axis_ticks(10, 10).empty());
}

}  // namespace
}  // namespace coroscope::views
