// Row model of the overview: how the program went over time, the numbers of the moment, and what should worry somebody.
//
//   recorded   series_of(History): every event of the trace, in equal parts
//   live       OverviewTrail: what the looks of the last ten minutes said, at most kPointsMax of them; a look is an instant, counts are those of
//              the program's own counters, so that rates are right however seldom one looks
//
// Thread: pure functions and a value type; any. point_of() visits every coroutine: off the frame. Tested in
// tests/unit/views/overview_model_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analyses/history.h"
#include "traces/analysis.h"
#include "views/look.h"

namespace coroscope::views {

// What one look at the program says.
struct OverviewPoint {
    traces::TimeNs t = 0;
    std::array<std::uint32_t, kLooksCount> looks{};
    std::uint64_t switches = 0, spawned = 0, exited = 0, lost = 0;  // up to t
    std::array<std::uint64_t, wire::kSizeClassesCount> used{};      // slots, of pools of all purposes
    std::vector<bool> running;                                      // by worker; whether it ran a coroutine
    // Of whom the alarms tell: identities are those of the first and of the latest one; 0 = of nobody.
    std::uint64_t without_slot = 0, first_without_slot = 0;  // spawns that wait for a stack slot
    std::uint64_t overdue = 0, latest = 0;                   // deadlines that have passed a while ago
    std::int64_t late_ns = 0;
};
OverviewPoint point_of(const traces::Moment& moment);

// Equal parts of [begin, end]; every row is as long as there are parts, or empty: there never was anything.
struct OverviewSeries {
    traces::TimeNs begin = 0, end = 0;
    std::size_t parts = 0;
    bool sampled = false;  // instants are those of looks; else every event is in it
    std::array<std::vector<float>, kLooksCount> looks;
    std::vector<float> switches, spawned, exited;  // a second
    std::vector<float> lost;                       // events in the part
    std::array<std::vector<float>, wire::kSizeClassesCount> used;
    std::vector<std::vector<float>> busy;                                                   // by worker: 0..1
    std::uint64_t switches_total = 0, spawned_total = 0, exited_total = 0, lost_total = 0;  // within [begin, end]

    bool empty() const { return parts == 0; }
    std::size_t part_at(traces::TimeNs t) const;
};
// `state`: says of which class each pool is.
OverviewSeries series_of(const analyses::History& history, const inspect::StateImage& state);

// What a legend says beside the chart: of the part in which a time lies, where one is pointed at; else of the moment itself, as the other views
// do. In the order of Look; those of which there is nothing at any time are left out.
struct LegendRow {
    Look look = Look::kFree;
    double count = 0;
};
std::vector<LegendRow> legend_of(const OverviewSeries& series, const OverviewPoint* now, const traces::TimeNs* pointed_at);

class OverviewTrail {
public:
    static constexpr traces::TimeNs kSpanNs = 600'000'000'000;
    static constexpr std::size_t kPointsMax = 8192;

    // A look that is not newer than the last one is passed over: somebody looks at the past.
    void add(const OverviewPoint& point);
    std::size_t size() const { return points_.size(); }
    traces::TimeNs newest() const { return points_.empty() ? -1 : points_.back().t; }  // -1 = there is none
    void reset() { points_.clear(); }
    // Empty before the second look.
    OverviewSeries series(std::size_t parts_most) const;

private:
    std::deque<OverviewPoint> points_;
};

enum class AlarmGrade : std::uint8_t { kNote, kWarning, kBad };
struct OverviewAlarm {
    AlarmGrade grade = AlarmGrade::kNote;
    std::string text;             // a sentence
    const char* view = "";        // that shows it
    std::uint64_t coroutine = 0;  // identity of one of whom it tells; 0 = of nobody
};
// The worst first. `waits` may be nullptr: not known yet.
std::vector<OverviewAlarm> alarms_of(const OverviewPoint& point, const traces::Moment& moment, const traces::Stat& stat,
                                     const traces::Waits* waits);

nlohmann::json to_json(const OverviewPoint& point);
nlohmann::json to_json(const OverviewSeries& series);
nlohmann::json to_json(const std::vector<OverviewAlarm>& alarms);

}  // namespace coroscope::views
