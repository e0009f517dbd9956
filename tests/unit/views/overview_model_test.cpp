// views/overview_model: what looks and histories become over time, and what should worry somebody.
#include "views/overview_model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "fake_session.h"

namespace coroscope::views {
namespace {

OverviewPoint point(traces::TimeNs t, std::uint64_t switches, std::uint32_t ready) {
    OverviewPoint made;
    made.t = t;
    made.switches = switches;
    made.looks[static_cast<std::size_t>(Look::kReady)] = ready;
    made.running = {ready != 0, false};
    return made;
}

const std::vector<float>& ready_of(const OverviewSeries& series) {
    return series.looks[static_cast<std::size_t>(Look::kReady)];
}

TEST(OverviewPoint, counts_everybody_once_by_look) {
    FakeOptions options;
    options.swarm = 500;
    const auto moment = make_fake_moment(options);
    const OverviewPoint made = point_of(*moment);
    EXPECT_EQ(std::accumulate(made.looks.begin(), made.looks.end(), 0U), moment->state.coroutines.size());
    EXPECT_EQ(made.looks[static_cast<std::size_t>(Look::kReady)], 6U);  // each 97th of the swarm
    EXPECT_EQ(made.running.size(), options.workers);
    std::uint64_t used = 0;
    for (const inspect::PoolImage& pool : moment->state.pools)
        used += pool.used();
    EXPECT_EQ(std::accumulate(made.used.begin(), made.used.end(), std::uint64_t{0}), used);
}

TEST(OverviewTrail, rates_are_those_between_looks_however_seldom_one_looks) {
    OverviewTrail trail;
    EXPECT_TRUE(trail.series(10).empty());
    trail.add(point(0, 0, 1));
    EXPECT_TRUE(trail.series(10).empty());
    trail.add(point(1'000'000'000, 1000, 2));
    trail.add(point(4'000'000'000, 7000, 0));
    const OverviewSeries series = trail.series(4);
    ASSERT_EQ(series.parts, 2U);
    EXPECT_EQ(series.begin, 0);
    EXPECT_EQ(series.end, 4'000'000'000);
    EXPECT_FLOAT_EQ(series.switches[0], 1000);  // up to the look at 1 s
    EXPECT_FLOAT_EQ(series.switches[1], 2000);
    EXPECT_EQ(series.switches_total, 7000U);
    EXPECT_FLOAT_EQ(ready_of(series)[0], 2);
    EXPECT_FLOAT_EQ(ready_of(series)[1], 0);
    EXPECT_TRUE(series.looks[static_cast<std::size_t>(Look::kIo)].empty()) << "there never was one";
}

TEST(OverviewTrail, a_part_without_a_look_goes_on_as_before) {
    OverviewTrail trail;
    for (const traces::TimeNs t : {0LL, 1LL, 2LL, 9LL})
        trail.add(point(t * 1'000'000'000, static_cast<std::uint64_t>(t) * 100, static_cast<std::uint32_t>(t) + 1));
    const OverviewSeries series = trail.series(3);
    ASSERT_EQ(series.parts, 3U);
    EXPECT_FLOAT_EQ(ready_of(series)[0], 3);
    EXPECT_FLOAT_EQ(ready_of(series)[1], 3);
    EXPECT_FLOAT_EQ(ready_of(series)[2], 10);
    EXPECT_FLOAT_EQ(series.switches[1], 100);
}

TEST(OverviewTrail, is_bounded_in_time_and_number_and_passes_over_looks_at_the_past) {
    OverviewTrail trail;
    for (std::int64_t i = 0; i < 20'000; ++i)
        trail.add(point(i * 1'000'000, 0, 1));
    EXPECT_EQ(trail.size(), OverviewTrail::kPointsMax);
    trail.add(point(5'000'000, 0, 1));
    EXPECT_EQ(trail.size(), OverviewTrail::kPointsMax);
    EXPECT_EQ(trail.newest(), 19'999'000'000);
    trail.add(point(20'000'000'000, 0, 1));
    EXPECT_EQ(trail.size(), OverviewTrail::kPointsMax);
    EXPECT_EQ(trail.newest(), 20'000'000'000) << "a full trail goes on";
    trail.add(point(2 * OverviewTrail::kSpanNs, 0, 1));
    EXPECT_EQ(trail.size(), 1U);
}

TEST(OverviewSeries, of_a_history_has_states_by_look_and_slots_by_class) {
    analyses::History history;
    history.begin = 0;
    history.end = 2'000'000'000;
    history.parts = 2;
    const auto blocked = [](wire::WaitReason reason) { return analyses::kHistoryBlocked + static_cast<std::size_t>(reason); };
    history.coroutines[analyses::kHistoryReady] = {1, 2};
    history.coroutines[blocked(wire::WaitReason::kMutex)] = {3, 4};
    history.coroutines[blocked(wire::WaitReason::kJoin)] = {10, 20};
    history.coroutines[analyses::kHistoryUnknown] = {0, 5};
    for (auto* counts : {&history.switches, &history.spawned, &history.exited, &history.events, &history.lost})
        *counts = {100, 300};
    history.pools_used = {{7, 8}, {}, {1, 1}, {}, {2, 2}};  // micro; medium twice: ordinary and of signals
    const auto moment = make_fake_moment({});
    const OverviewSeries series = series_of(history, moment->state);
    EXPECT_EQ(series.looks[static_cast<std::size_t>(Look::kLock)], (std::vector<float>{13, 24}));
    EXPECT_EQ(series.looks[static_cast<std::size_t>(Look::kUnknown)], (std::vector<float>{0, 5}));
    EXPECT_EQ(series.switches, (std::vector<float>{100, 300}));  // a second each
    EXPECT_EQ(series.used[static_cast<std::size_t>(wire::SizeClass::kMicro)], (std::vector<float>{7, 8}));
    EXPECT_EQ(series.used[static_cast<std::size_t>(wire::SizeClass::kMedium)], (std::vector<float>{3, 3}));
    EXPECT_EQ(series.part_at(-5), 0U);
    EXPECT_EQ(series.part_at(1'500'000'000), 1U);
    EXPECT_EQ(series.part_at(2'000'000'000), 1U);
}

TEST(OverviewAlarms, tell_the_worst_first_and_lead_to_who_it_is_about) {
    FakeOptions options;
    options.swarm = 100;
    options.lost = 12;
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment(options, 2'500'000'000));
    traces::Waits waits;
    traces::WaitCycle cycle;
    for (const char* id : {"6", "channel:left", "7", "channel:right"})
        cycle.ids.emplace_back(id);
    cycle.sentence = "suspected: 6 and 7";
    waits.cycles.push_back(cycle);
    traces::Stat stat;
    traces::SelectArmStat arm;
    arm.luck = traces::ArmLuck::kStarves;
    stat.selects.emplace_back().arms.push_back(arm);
    const auto alarms = alarms_of(point_of(*moment), *moment, stat, &waits);
    ASSERT_EQ(alarms.size(), 4U);
    EXPECT_EQ(alarms[0].grade, AlarmGrade::kBad);
    EXPECT_NE(alarms[0].text.find("lost"), std::string::npos);
    EXPECT_EQ(alarms[1].view, std::string("waits"));
    EXPECT_EQ(alarms[1].coroutine, 6U);
    EXPECT_EQ(alarms[2].view, std::string("timers"));
    EXPECT_EQ(alarms[2].coroutine, kFakeSleeper) << "its deadline was at 2 s";
    EXPECT_EQ(alarms[3].view, std::string("selects"));
}

TEST(OverviewAlarms, a_healthy_program_has_none) {
    const auto moment = make_fake_moment({}, 1'500'000'000);
    const traces::Waits waits;
    EXPECT_TRUE(alarms_of(point_of(*moment), *moment, {}, &waits).empty());
}

TEST(OverviewLegend, says_the_moment_unless_a_part_of_the_chart_is_pointed_at) {
    OverviewSeries series;
    series.begin = 0;
    series.end = 1000;
    series.parts = 10;
    series.looks[static_cast<std::size_t>(Look::kChannel)] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    OverviewPoint now;
    now.t = 999;
    now.looks[static_cast<std::size_t>(Look::kChannel)] = 4711;  // more than the last part has
    now.looks[static_cast<std::size_t>(Look::kReady)] = 2;       // nobody was ever seen to be
    const auto count_of = [&](const std::vector<LegendRow>& rows, Look look) {
        for (const LegendRow& row : rows)
            if (row.look == look) return row.count;
        return -1.0;
    };
    const auto moment = legend_of(series, &now, nullptr);
    EXPECT_EQ(count_of(moment, Look::kChannel), 4711);
    EXPECT_EQ(count_of(moment, Look::kReady), 2);
    EXPECT_EQ(count_of(moment, Look::kLock), -1) << "nobody, at no time";
    const traces::TimeNs there = 350;
    const auto part = legend_of(series, &now, &there);
    EXPECT_EQ(count_of(part, Look::kChannel), 3);
    EXPECT_EQ(count_of(part, Look::kReady), 0);
    EXPECT_EQ(count_of(legend_of(series, nullptr, nullptr), Look::kChannel), 9) << "before the first look is counted: the last part";
}

}  // namespace
}  // namespace coroscope::views
