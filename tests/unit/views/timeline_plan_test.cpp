// The timeline's axis and ruler, and its plans of a made-up program's trace: at every zoom what is drawn adds up to what ran.
#include "views/timeline_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "synthetic_trace.h"
#include "views/timeline_axis.h"

namespace coroscope::views {
namespace {

TimelineAxis settled_axis(traces::TimeNs begin, traces::TimeNs end) {
    TimelineAxis axis;
    axis.set_bounds(begin, end);
    axis.set_pixels(100, 1100);
    return axis;
}

TEST(TimelineAxis, what_lies_under_the_hand_stays_there_while_it_zooms) {
    TimelineAxis axis = settled_axis(0, 1'000'000'000);
    const double under = axis.time_at(400);
    for (int i = 0; i < 30; ++i) {
        axis.zoom(400, i < 20 ? 0.7 : 1.2);
        while (axis.step(0.016))
            EXPECT_NEAR(axis.time_at(400), under, axis.ns_per_pixel());
        EXPECT_NEAR(axis.time_at(400), under, axis.ns_per_pixel());
    }
}

TEST(TimelineAxis, it_ends_at_its_least_span_and_comes_back_to_all_of_it) {
    TimelineAxis axis = settled_axis(5, 3'600'000'000'005);
    const double all = axis.end() - axis.begin();
    for (int i = 0; i < 200; ++i)
        axis.zoom(600, 0.5);
    while (axis.step(0.016)) {
    }
    EXPECT_NEAR(axis.end() - axis.begin(), TimelineAxis::kSpanMinNs, 1e-3);
    axis.fit();
    while (axis.step(0.016)) {
    }
    EXPECT_NEAR(axis.end() - axis.begin(), all, 1);
}

TEST(TimelineAxis, it_follows_what_grows_until_somebody_moves) {
    TimelineAxis axis = settled_axis(0, 1000);
    axis.set_bounds(0, 5000);
    EXPECT_GE(axis.end(), 5000);
    axis.zoom(300, 0.2);
    while (axis.step(0.016)) {
    }
    EXPECT_FALSE(axis.follows());
    const double end = axis.end();
    axis.set_bounds(0, 9000);
    EXPECT_EQ(axis.end(), end);
}

TEST(TimelineRuler, large_marks_are_every_1_2_or_5_of_a_unit_and_far_enough_apart) {
    for (const double span : {60.0, 777.0, 12'345.0, 4.2e6, 9.9e8, 3.3e9, 7.2e12}) {
        for (const double begin : {0.0, 1.25e9, 3.6e12}) {
            const Ruler ruler = make_ruler(begin, begin + span, 1000, 90);
            std::vector<double> large;
            for (const RulerMark& mark : ruler.marks) {
                EXPECT_EQ(mark.large, !mark.label.empty());
                if (mark.large) large.push_back(mark.at);
            }
            ASSERT_GE(large.size(), 2U) << span;
            const double step = large[1] - large[0];
            EXPECT_GE(step / span * 1000, 89);
            const double digit = std::round(step / std::pow(10, std::floor(std::log10(step) + 1e-9)));
            EXPECT_TRUE(digit == 1 || digit == 2 || digit == 5) << step;
        }
    }
}

TEST(TimelinePlan, slices_and_columns_of_every_zoom_add_up_to_what_ran) {
    for (unsigned seed = 0; seed < 8; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        traces::SyntheticProgram program(2, false);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 3000; ++i)
            program.step(static_cast<std::uint16_t>(random()));
        keyframes.push_back(program.truth());
        const traces::TemporaryPath file("plan");
        traces::write_synthetic_trace(file.path(), program, keyframes, seed % 2 == 0 ? 61 : 900);
        auto reader = traces::TraceReader::open(file.path());
        ASSERT_TRUE(reader.ok());
        auto made = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
        ASSERT_TRUE(made.ok());
        const std::shared_ptr<const traces::Replay> replay(std::move(*made));
        traces::LaneIndex index;
        index.follow(replay);
        const TimelineSums sums = sum_timeline(index, {replay->begin(), replay->end()});
        ASSERT_TRUE(sums.complete);
        for (const double pixel : {1.0, 37.0, 500.0, 20'000.0, 1e6}) {
            SCOPED_TRACE(pixel);
            TimelineWish wish;
            wish.replay = replay;
            wish.range = wish.seen = wish.whole = {replay->begin(), replay->begin() + static_cast<traces::TimeNs>(pixel * 60'000)};
            wish.range.end = wish.seen.end = wish.whole.end = std::min(wish.range.end, replay->end());
            wish.pixel_ns = pixel;
            wish.strip_parts = 100;
            const TimelinePlan plan = make_timeline_plan(index, wish, true);
            EXPECT_TRUE(plan.complete);
            EXPECT_FALSE(plan.late.has_value()) << "nobody asks";
            const TimelineSums in_range = sum_timeline(index, wish.range);
            ASSERT_EQ(plan.workers.size(), in_range.workers.size());
            for (std::size_t w = 0; w < plan.workers.size(); ++w) {
                const WorkerLane& lane = plan.workers[w];
                double drawn = 0;
                for (const PlanSlice& slice : lane.slices) {
                    EXPECT_NE(slice.identity, 0U);
                    drawn += static_cast<double>(std::min(slice.end, wish.range.end) - std::max(slice.begin, wish.range.begin));
                }
                for (const PlanColumn& column : lane.columns) {
                    EXPECT_EQ(column.events, 0);
                    drawn += static_cast<double>(column.running) * pixel;
                }
                // A block at the end of the range may be cut, and its time is evenly spread; a share has the digits of a float.
                const auto ran = static_cast<double>(in_range.workers[w].running_ns);
                EXPECT_NEAR(drawn, ran, ran * 1e-3 + 2 * pixel);
            }
        }
    }
}

// A trace of a program of `workers` that did `steps` things drawn from the seed; nullptr when it cannot be read.
std::shared_ptr<const traces::Replay> trace_by_chance(const std::string& path, unsigned seed, std::uint32_t workers, int steps) {
    std::mt19937 random(seed);
    traces::SyntheticProgram program(workers, false);
    std::vector<inspect::StateImage> keyframes = {program.truth()};
    for (int i = 0; i < steps; ++i)
        program.step(static_cast<std::uint16_t>(random()));
    keyframes.push_back(program.truth());
    traces::write_synthetic_trace(path, program, keyframes, 61);
    auto reader = traces::TraceReader::open(path);
    if (!reader.ok()) return nullptr;
    auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
    if (!replay.ok()) return nullptr;
    return std::shared_ptr<const traces::Replay>(std::move(*replay));
}

TEST(WhyLate, who_ran_on_the_worker_meanwhile_adds_up_to_what_ran) {
    const traces::TemporaryPath file("late");
    const std::shared_ptr<const traces::Replay> made = trace_by_chance(file.path(), 7, 2, 3000);
    ASSERT_NE(made, nullptr);
    traces::LaneIndex index;
    index.follow(made);
    const traces::TimeNs length = made->end() - made->begin();
    const TimeRange range = {made->begin() + length / 4, made->begin() + length / 2};
    const TimelineSums sums = sum_timeline(index, range);
    ASSERT_GE(sums.workers.size(), 2U);
    for (const TimelineSums::Worker& worker : sums.workers) {
        const LateWake all = why_late(index, {0, worker.worker, range});
        EXPECT_TRUE(all.known);
        std::int64_t sum = 0;
        for (const LateRunner& runner : all.runners)
            sum += runner.ns;
        EXPECT_EQ(sum, all.busy_ns);
        EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(worker.running_ns), static_cast<double>(worker.running_ns) * 1e-3 + 1000);
        EXPECT_EQ(all.others.size(), sums.workers.size() - 1);
        EXPECT_TRUE(std::is_sorted(all.runners.begin(), all.runners.end(), [](const LateRunner& a, const LateRunner& b) { return a.ns > b.ns; }));
        if (all.runners.empty()) continue;
        // Whoever was late is not among those who made it so.
        const LateWake without = why_late(index, {all.runners.front().identity, worker.worker, range});
        EXPECT_EQ(without.busy_ns, all.busy_ns - all.runners.front().ns);
    }
}

TEST(WhyLate, the_worker_that_ran_it_in_the_end_is_found_by_its_run) {
    const traces::TemporaryPath file("found");
    const std::shared_ptr<const traces::Replay> made = trace_by_chance(file.path(), 11, 3, 2000);
    ASSERT_NE(made, nullptr);
    traces::LaneIndex index;
    index.follow(made);
    ASSERT_TRUE(sum_timeline(index, {made->begin(), made->end()}).complete);
    std::size_t asked = 0;
    for (const std::uint32_t worker : index.workers()) {
        const auto slices = index.slices(worker, made->ticks_of(made->begin()), made->ticks_of(made->end()), 1000);
        for (std::size_t i = 2; i < slices.size(); ++i) {
            const traces::LifeBegin* life = index.life_at(slices[i].coroutine, slices[i].end);
            if (life == nullptr || (slices[i].flags & traces::LaneSlice::kBeganBefore) != 0) continue;
            const TimeRange ready = {made->time_of(slices[i - 2].begin), made->time_of(slices[i].begin)};
            const LateWake found = why_late(index, {life->identity, wire::kNone, ready});
            EXPECT_EQ(found.worker, worker);
            EXPECT_EQ(found.busy_ns, why_late(index, {life->identity, worker, ready}).busy_ns);
            // Nobody of that name runs: then nothing is said of who ran.
            const LateWake lost = why_late(index, {~0ULL, wire::kNone, ready});
            EXPECT_EQ(lost.worker, wire::kNone);
            EXPECT_TRUE(lost.runners.empty());
            EXPECT_FALSE(lost.known);
            ++asked;
        }
    }
    EXPECT_GT(asked, 20U);
}

}  // namespace
}  // namespace coroscope::views
