// Two runs held against each other: of generated histories, whose profiles say what must come out, and of sides made by hand.
#include "traces/analyses/run_compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "synthetic_trace.h"

namespace coroscope::analyses {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;

void write_run(const std::string& path, unsigned seed, std::uint32_t workers) {
    for (;; ++seed) {
        std::mt19937 random(seed);
        SyntheticProgram program(workers);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 3000; ++i)
            program.step(static_cast<std::uint16_t>(random()));
        std::uint64_t exits = 0;
        for (std::uint32_t ring = 0; ring < workers; ++ring) {
            const auto& emitted = program.emitted(ring);
            exits += emitted.count(wire::EventType::kExit) != 0 ? emitted.at(wire::EventType::kExit) : 0;
        }
        if (exits < 50) continue;
        keyframes.push_back(program.truth());
        traces::write_synthetic_trace(path, program, keyframes, 61);
        return;
    }
}

std::shared_ptr<const analyses::Run> run_of(const std::string& path) {
    traces::Search search;
    auto run = take_run(path, search);
    EXPECT_TRUE(run.ok()) << run.error().message;
    return *run;
}

TEST(Compare, a_run_is_its_profile) {
    const TemporaryPath file("run");
    write_run(file.path(), 7, 3);
    const auto run = run_of(file.path());
    auto walk = TraceWalk::open(file.path());
    ASSERT_TRUE(walk.ok());
    const Profile profile = compute_profile(**walk, {});
    EXPECT_EQ(run->spawned, profile.spawned);
    EXPECT_EQ(run->runs, profile.totals.runs);
    EXPECT_EQ(run->running_ns, (*walk)->duration_ns(profile.totals.of(Activity::kRunning)));
    EXPECT_EQ(run->sites.size(), profile.rows.size());
    EXPECT_EQ(run->workers, 3U);
    EXPECT_EQ(run->ticks[static_cast<std::size_t>(Distribution::kWake)].samples(), profile.totals.wake_to_run.samples());
    const Latencies& slices = run->ticks[static_cast<std::size_t>(Distribution::kSlice)];
    EXPECT_GT(slices.samples(), 100U);
    EXPECT_LE(slices.samples(), profile.totals.runs);
    EXPECT_LE(slices.sum_ticks(), profile.totals.of(Activity::kRunning));
}

TEST(Compare, a_run_is_like_itself) {
    const TemporaryPath file("self");
    write_run(file.path(), 3, 2);
    const auto run = run_of(file.path());
    const RunComparison comparison = compare_runs(*run, *run);
    EXPECT_TRUE(comparison.notes.empty()) << comparison.notes.front();
    for (const TotalChange& total : comparison.totals)
        EXPECT_EQ(total.before, total.after) << total.name;
    for (const DistributionChange& change : comparison.distributions) {
        EXPECT_EQ(change.before.p99_ns, change.after.p99_ns);
        double sum = 0;
        for (const DistributionBar& bar : change.bars) {
            EXPECT_EQ(bar.before, bar.after);
            sum += bar.before;
        }
        EXPECT_NEAR(sum, change.before.samples == 0 ? 0 : 1, 1e-9);
    }
    for (const SiteChange& site : comparison.sites) {
        EXPECT_EQ(site.moved, 0) << site.site;
        EXPECT_EQ(site.before.coroutines, site.after.coroutines);
        EXPECT_EQ(site.moved_from, "");
    }
}

analyses::Run side(const char* build, double ticks_per_ns, std::int64_t duration_ns, std::uint64_t workers) {
    analyses::Run run;
    run.path = std::string(build) + ".coro";
    run.program = "demo";
    run.build = {"demo", build};
    run.ticks_per_ns = ticks_per_ns;
    run.duration_ns = duration_ns;
    run.workers = workers;
    return run;
}

void add_site(analyses::Run& run, const char* site, const char* symbol, std::int64_t running_ns) {
    run.sites.push_back({site, "worker", 10, 0, running_ns, 0, 0});
    traces::SizeRow row;
    row.symbol = symbol;
    row.coroutines = 10;
    run.sizes.build(run.build).measured[{site, symbol}] = row;
    run.sizes.build(run.build).latest_run_unix_ns = run.build.build_id == "old" ? 1 : 2;
}

TEST(Compare, a_site_that_moved_is_one_row_and_what_changed_most_comes_first) {
    analyses::Run before = side("old", 2, 1'000'000'000, 2), after = side("new", 2, 1'000'000'000, 2);
    add_site(before, "x.cpp:10", "demo::spawn_parsers", 1000);
    add_site(before, "y.cpp:5", "demo::spawn_writers", 5000);
    add_site(after, "x.cpp:14", "demo::spawn_parsers", 1100);
    add_site(after, "y.cpp:5", "demo::spawn_writers", 9000);
    add_site(after, "z.cpp:1", "demo::spawn_others", 300);
    const RunComparison comparison = compare_runs(before, after);
    ASSERT_EQ(comparison.sites.size(), 3U);
    EXPECT_EQ(comparison.sites[0].site, "y.cpp:5");
    const auto moved = std::find_if(comparison.sites.begin(), comparison.sites.end(),
                                    [](const SiteChange& site) { return site.site == "x.cpp:14"; });
    ASSERT_NE(moved, comparison.sites.end());
    EXPECT_EQ(moved->moved_from, "x.cpp:10");
    EXPECT_EQ(moved->before.running_ns, 1000);
    EXPECT_EQ(moved->after.running_ns, 1100);
    const auto fresh = std::find_if(comparison.sites.begin(), comparison.sites.end(),
                                    [](const SiteChange& site) { return site.site == "z.cpp:1"; });
    ASSERT_NE(fresh, comparison.sites.end());
    EXPECT_FALSE(fresh->before.ran);
}

TEST(Compare, says_what_is_not_comparable) {
    const auto said = [](const analyses::Run& before, const analyses::Run& after, const char* words) {
        const auto notes = compare_runs(before, after).notes;
        return std::any_of(notes.begin(), notes.end(),
                           [&](const std::string& note) { return note.find(words) != std::string::npos; });
    };
    const analyses::Run one = side("old", 2, 1'000'000'000, 2);
    EXPECT_TRUE(compare_runs(one, one).notes.empty());
    EXPECT_TRUE(said(one, side("new", 2, 1'000'000'000, 2), "two builds"));
    EXPECT_TRUE(said(one, side("old", 3, 1'000'000'000, 2), "different machines"));
    EXPECT_TRUE(said(one, side("old", 2, 3'000'000'000, 2), "last 1 s and 3 s"));
    EXPECT_TRUE(said(one, side("old", 2, 1'000'000'000, 4), "2 and 4 workers"));
    analyses::Run other = one;
    other.program = "other";
    EXPECT_TRUE(said(one, other, "two programs"));
    other = one;
    other.losses = 1;
    EXPECT_TRUE(said(one, other, "lacks events in 1 place"));
}

TEST(Compare, times_of_two_clocks_are_told_in_nanoseconds) {
    analyses::Run before = side("old", 2, 1'000'000'000, 2), after = side("old", 4, 1'000'000'000, 2);
    for (int i = 0; i < 100; ++i) {
        before.ticks[0].add(2000);
        after.ticks[0].add(8000);
    }
    const RunComparison comparison = compare_runs(before, after);
    const DistributionChange& change = comparison.distributions[0];
    EXPECT_NEAR(change.before.p50_ns, 1000, 20);
    EXPECT_NEAR(change.after.p50_ns, 2000, 40);
    EXPECT_NEAR(ratio_of(change.before.p50_ns, change.after.p50_ns), 2, 0.05);
    EXPECT_EQ(change.bars.front().before, 1);
    EXPECT_EQ(change.bars.back().after, 1);
    EXPECT_EQ(change.bars.size(), 9U);  // an octave of eight, and both ends
    const nlohmann::json json = to_json(comparison);
    EXPECT_EQ(json["distributions"]["switch"]["before"]["samples"], 100);
    EXPECT_TRUE(json["distributions"]["slice"]["before"]["p50_ns"].is_null());
    EXPECT_NE(to_text(comparison).find("x 2"), std::string::npos);
}

TEST(Compare, a_file_that_is_no_trace_is_an_error) {
    traces::Search search;
    EXPECT_FALSE(take_run("/nonexistent.coro", search).ok());
}

}  // namespace
}  // namespace coroscope::analyses
