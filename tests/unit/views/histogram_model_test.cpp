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
    ASSERT_EQ(model.of(Measured::kSwitch).size(), 5U);
    EXPECT_EQ(model.of(Measured::kSwitch)[0].title, "all workers");
    std::uint64_t samples = 0, below = 0;
    for (std::size_t i = 1; i < model.of(Measured::kSwitch).size(); ++i) {
        samples += model.of(Measured::kSwitch)[i].samples;
        below += model.of(Measured::kSwitch)[i].below_resolution;
    }
    EXPECT_EQ(model.of(Measured::kSwitch)[0].samples, samples);
    EXPECT_EQ(model.of(Measured::kSwitch)[0].below_resolution, below);
    EXPECT_TRUE(model.of(Measured::kWakeToRun).empty());
    EXPECT_TRUE(model.of(Measured::kRunning).empty());
    EXPECT_EQ(model.other, nullptr);
}

TEST(Histogram, bars_hold_exactly_the_samples_above_resolution) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    for (const HistogramPanel& panel : model.of(Measured::kSwitch)) {
        EXPECT_NEAR(sum(panel.bars), static_cast<double>(panel.samples - panel.below_resolution),
                    1e-6 * static_cast<double>(panel.samples));
    }
}

TEST(Histogram, bars_follow_each_other_without_gaps_and_are_equally_wide_on_a_log_axis) {
    const auto model = compute_histograms(make_fake_moment({})->state);
    const auto& bars = model.of(Measured::kSwitch)[0].bars;
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
    for (const HistogramPanel& panel : model.of(Measured::kSwitch)) {
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
    for (const HistogramPanel& panel : model.of(Measured::kSwitch)) {
        EXPECT_FALSE(panel.measured);
        EXPECT_LT(panel.p50, 0);
        EXPECT_TRUE(panel.bars.empty());
    }
    const nlohmann::json json = to_json(model);
    EXPECT_TRUE(json["switch"][0]["p50"].is_null());
    EXPECT_FALSE(json["switch"][0]["measured"].get<bool>());
}

TEST(Histogram, a_range_of_lengths_is_a_rule_about_the_events_that_say_them) {
    const auto rule = [](Measured what) { return range_rule(what, 2500, 20'000, 2.5); };
    EXPECT_EQ(rule(Measured::kWakeToRun), "resume and ready_ns >= 1000 and ready_ns < 8000");
    EXPECT_EQ(rule(Measured::kRunning), "(suspend or exit) and run_ns >= 1000 and run_ns < 8000");
    EXPECT_EQ(rule(Measured::kBlocked), "suspend and blocked_ns >= 1000 and blocked_ns < 8000");
    for (const Measured what : {Measured::kWakeToRun, Measured::kRunning, Measured::kBlocked})
        EXPECT_TRUE(rules::event_rule(rule(what)).ok()) << rule(what);
    EXPECT_EQ(rule(Measured::kSwitch), "") << "what a switch cost is in no event";
    EXPECT_EQ(range_rule(Measured::kWakeToRun, 10, 20, 0), "") << "how long a tick is is not known";
    EXPECT_EQ(range_rule(Measured::kWakeToRun, 20, 20, 1), "");
}

// A run that ran 40 times 1000 ticks and 60 times 4000, was blocked once, and measured two switches on worker 1.
analyses::Run known_run(double ticks_per_ns) {
    analyses::Run run;
    run.path = "somewhere/before.coro";
    run.ticks_per_ns = ticks_per_ns;
    auto& slices = run.ticks[static_cast<std::size_t>(analyses::Distribution::kSlice)];
    for (int i = 0; i < 100; ++i)
        slices.add(i < 40 ? 1000 : 4000);
    run.ticks[static_cast<std::size_t>(analyses::Distribution::kBlocked)].add(64);
    inspect::HistogramImage switches;
    switches.kind = wire::HistogramKind::kSwitchTicks;
    switches.worker = 1;
    switches.samples = 2;
    switches.sum = 96;
    switches.resolution_ticks = 4;
    switches.buckets.resize(wire::kHistogramBuckets);
    switches.buckets[48] = 2;
    run.histograms.push_back(switches);
    return run;
}

TEST(Histogram, what_the_past_adds_up_stands_beside_what_the_program_keeps) {
    const analyses::Run run = known_run(2);
    const auto model = compute_histograms(make_fake_moment({})->state, &run);
    ASSERT_EQ(model.of(Measured::kRunning).size(), 1U);
    const HistogramPanel& running = model.of(Measured::kRunning).front();
    EXPECT_EQ(running.samples, 100U);
    EXPECT_NEAR(running.p50, 4000, 4000 / 64.0);
    EXPECT_NEAR(running.mean, 0.4 * 1000 + 0.6 * 4000, 1e-9);
    EXPECT_NEAR(sum(running.bars), 100, 1e-9);
    EXPECT_NEAR(model.of(Measured::kBlocked).front().p50, 64, 1);
    EXPECT_EQ(model.of(Measured::kSwitch).size(), 5U) << "that of the state";
}

TEST(Histogram, the_other_run_stands_beside_by_title_and_in_this_ones_ticks) {
    const auto moment = make_fake_moment({});
    const double ticks_per_ns = moment->state.clock.ticks_per_ns();
    const analyses::Run other = known_run(ticks_per_ns / 2);  // each of its ticks is two of ours
    const auto model = compute_histograms(moment->state, nullptr, &other);
    EXPECT_EQ(model.other_name, "before.coro");
    EXPECT_TRUE(model.of(Measured::kRunning).empty());
    const HistogramPanel* one = model.other_of(Measured::kSwitch, "worker 1");
    ASSERT_NE(one, nullptr);
    EXPECT_EQ(one->samples, 2U);
    EXPECT_NEAR(one->p50, 96, 2);
    EXPECT_NEAR(one->mean, 96, 1e-9);
    EXPECT_NEAR(one->resolution, 8, 1e-9);
    EXPECT_NEAR(sum(one->bars), 2, 1e-9);
    for (const HistogramBar& bar : one->bars) {
        EXPECT_GT(bar.high, 96);
        EXPECT_LT(bar.low, 98.1);
        EXPECT_NEAR(std::log2(bar.low) * 8, std::round(std::log2(bar.low) * 8), 1e-9) << "bars of both runs lie in one grid";
    }
    EXPECT_EQ(model.other_of(Measured::kSwitch, "worker 0"), nullptr) << "it measured nothing there";
    EXPECT_NEAR(model.other_of(Measured::kSwitch, "all workers")->p50, 96, 2);
    EXPECT_NEAR(model.other_of(Measured::kRunning, "all workers")->p999, 8000, 8000 / 64.0);
    EXPECT_EQ(model.other_of(Measured::kWakeToRun, "all workers"), nullptr);
    const nlohmann::json json = to_json(model);
    EXPECT_EQ(json["other"]["name"], "before.coro");
    EXPECT_EQ(json["other"]["running"][0]["samples"], 100);
    EXPECT_TRUE(to_json(compute_histograms(moment->state))["other"].is_null());
}

TEST(Histogram, clocks_that_are_as_good_as_equal_leave_ticks_alone) {
    const auto moment = make_fake_moment({});
    const analyses::Run other = known_run(moment->state.clock.ticks_per_ns() * 1.0005);
    EXPECT_NEAR(compute_histograms(moment->state, nullptr, &other).other_of(Measured::kSwitch, "worker 1")->mean, 48, 1e-9);
}

TEST(Histogram, an_axis_says_whole_numbers) {
    EXPECT_EQ(axis_duration(5000), "5 µs");
    EXPECT_EQ(axis_duration(20), "20 ns");
    EXPECT_EQ(axis_duration(2.5e6), "2.5 ms");
}

TEST(Histogram, axis_ticks_are_one_two_five_and_lie_inside) {
    EXPECT_EQ(log_axis_ticks(1, 100), (std::vector<double>{1, 2, 5, 10, 20, 50, 100}));
    EXPECT_EQ(log_axis_ticks(3, 30), (std::vector<double>{5, 10, 20}));
    EXPECT_TRUE(log_axis_ticks(0, 10).empty());
    EXPECT_TRUE(log_axis_ticks(10, 10).empty());
}

}  // namespace
}  // namespace coroscope::views
