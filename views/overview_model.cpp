// See overview_model.h.
#include "views/overview_model.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"

namespace coroscope::views {
namespace {

// So late is no accident of scheduling any more.
constexpr std::int64_t kOverdueNs = 100'000'000;

Look look_of_state(std::size_t state) {
    inspect::CoroutineImage coroutine;
    switch (state) {
        case analyses::kHistoryReady:
            coroutine.state = wire::CoroutineState::kReady;
            break;
        case analyses::kHistoryRunning:
            coroutine.state = wire::CoroutineState::kRunning;
            break;
        case analyses::kHistoryUnknown:
            return Look::kUnknown;
        default:
            coroutine.state = wire::CoroutineState::kParked;
            coroutine.reason = static_cast<wire::WaitReason>(state - analyses::kHistoryBlocked);
            if (coroutine.reason == wire::WaitReason::kPause) return Look::kOther;
    }
    return look_of(coroutine);
}

template <typename Row>
void add_to(std::vector<float>& sum, const Row& row) {
    if (sum.empty()) sum.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i)
        sum[i] += static_cast<float>(row[i]);
}

std::vector<float> rates(const std::vector<std::uint64_t>& counts, double seconds) {
    std::vector<float> row;
    for (const std::uint64_t count : counts)
        row.push_back(static_cast<float>(static_cast<double>(count) / std::max(seconds, 1e-12)));
    return row;
}

std::uint64_t total(const std::vector<std::uint64_t>& counts) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts)
        sum += count;
    return sum;
}

void forget_if_nothing(std::vector<float>& row) {
    if (std::all_of(row.begin(), row.end(), [](float value) { return value == 0; })) row.clear();
}

}  // namespace

OverviewPoint point_of(const traces::Moment& moment) {
    OverviewPoint point;
    const inspect::StateImage& state = moment.state;
    point.t = moment.t;
    point.lost = moment.events_lost;
    point.spawned = state.outside_spawned;
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        ++point.looks[static_cast<std::size_t>(look_of(coroutine))];
        if (coroutine.state != wire::CoroutineState::kParked) continue;
        if (coroutine.reason == wire::WaitReason::kSlot && point.without_slot++ == 0) point.first_without_slot = coroutine.identity;
        if (coroutine.deadline_ticks == 0) continue;
        const std::int64_t late = moment.t - state.since_start_ns(coroutine.deadline_ticks);
        if (late < kOverdueNs) continue;
        ++point.overdue;
        if (late <= point.late_ns) continue;
        point.late_ns = late;
        point.latest = coroutine.identity;
    }
    for (const inspect::WorkerImage& worker : state.workers) {
        point.switches += worker.switches;
        point.spawned += worker.spawned;
        point.exited += worker.exited;
        point.running.push_back(worker.state == wire::WorkerState::kRunning);
    }
    for (const inspect::PoolImage& pool : state.pools)
        point.used[static_cast<std::size_t>(pool.size_class) % wire::kSizeClassesCount] += pool.used();
    return point;
}

std::size_t OverviewSeries::part_at(traces::TimeNs t) const {
    if (parts == 0 || end <= begin) return 0;
    const double share = static_cast<double>(t - begin) / static_cast<double>(end - begin);
    return static_cast<std::size_t>(std::clamp(share * static_cast<double>(parts), 0.0, static_cast<double>(parts - 1)));
}

OverviewSeries series_of(const analyses::History& history, const inspect::StateImage& state) {
    OverviewSeries series;
    series.begin = history.begin;
    series.end = history.end;
    series.parts = history.parts;
    for (std::size_t at = 0; at < analyses::kHistoryStates; ++at) {
        if (!history.coroutines[at].empty()) add_to(series.looks[static_cast<std::size_t>(look_of_state(at))], history.coroutines[at]);
    }
    const double seconds = static_cast<double>(history.end - history.begin) * 1e-9 / std::max(1U, history.parts);
    series.switches = rates(history.switches, seconds);
    series.spawned = rates(history.spawned, seconds);
    series.exited = rates(history.exited, seconds);
    series.lost.assign(history.lost.begin(), history.lost.end());
    forget_if_nothing(series.lost);
    series.switches_total = total(history.switches);
    series.spawned_total = total(history.spawned);
    series.exited_total = total(history.exited);
    series.lost_total = total(history.lost);
    for (std::size_t pool = 0; pool < history.pools_used.size() && pool < state.pools.size(); ++pool) {
        if (!history.pools_used[pool].empty())
            add_to(series.used[static_cast<std::size_t>(state.pools[pool].size_class) % wire::kSizeClassesCount], history.pools_used[pool]);
    }
    for (std::vector<float>& row : series.used)
        forget_if_nothing(row);
    series.busy = history.busy;
    for (std::vector<float>& row : series.busy)
        row.resize(history.parts);
    return series;
}

std::vector<LegendRow> legend_of(const OverviewSeries& series, const OverviewPoint* now, const traces::TimeNs* pointed_at) {
    const bool of_part = pointed_at != nullptr || now == nullptr;
    const std::size_t part = pointed_at != nullptr ? series.part_at(*pointed_at) : series.parts == 0 ? 0 : series.parts - 1;
    std::vector<LegendRow> rows;
    for (std::size_t look = 0; look < kLooksCount; ++look) {
        const std::vector<float>& row = series.looks[look];
        const std::uint32_t at_moment = now != nullptr ? now->looks[look] : 0;
        if (row.empty() && at_moment == 0) continue;
        const double count = !of_part ? at_moment : part < row.size() ? static_cast<double>(row[part]) : 0;
        rows.push_back({static_cast<Look>(look), count});
    }
    return rows;
}

void OverviewTrail::add(const OverviewPoint& point) {
    if (!points_.empty() && point.t <= points_.back().t) return;
    points_.push_back(point);
    while (points_.size() > kPointsMax || points_.front().t < point.t - kSpanNs)
        points_.pop_front();
}

OverviewSeries OverviewTrail::series(std::size_t parts_most) const {
    OverviewSeries series;
    series.sampled = true;
    if (points_.size() < 2) return series;
    const OverviewPoint& first = points_.front();
    const OverviewPoint& last = points_.back();
    series.begin = first.t;
    series.end = last.t;
    const std::size_t parts = series.parts = std::max<std::size_t>(1, std::min(parts_most, points_.size() - 1));
    for (auto* row : {&series.switches, &series.spawned, &series.exited, &series.lost})
        row->resize(parts);
    for (std::vector<float>& row : series.looks)
        row.resize(parts);
    for (std::vector<float>& row : series.used)
        row.resize(parts);
    series.busy.assign(last.running.size(), std::vector<float>(parts));
    std::size_t next = 1;
    const double part_ns = static_cast<double>(last.t - first.t) / static_cast<double>(parts);
    for (std::size_t i = 0; i < parts; ++i) {
        const auto until = i + 1 == parts ? last.t : first.t + static_cast<traces::TimeNs>(part_ns * static_cast<double>(i + 1));
        const std::size_t begin = next;
        while (next < points_.size() && points_[next].t <= until)
            ++next;
        // A part without a look goes on as the next look finds it: its rates are those between the looks around it.
        const OverviewPoint& before = points_[begin - 1];
        const OverviewPoint& after = points_[next == begin ? std::min(next, points_.size() - 1) : next - 1];
        const OverviewPoint& stands = points_[next - 1];
        const double seconds = std::max(1e-9, static_cast<double>(after.t - before.t) * 1e-9);
        const auto rate = [&](std::uint64_t OverviewPoint::*count) {
            return static_cast<float>(static_cast<double>(after.*count - std::min(before.*count, after.*count)) / seconds);
        };
        series.switches[i] = rate(&OverviewPoint::switches);
        series.spawned[i] = rate(&OverviewPoint::spawned);
        series.exited[i] = rate(&OverviewPoint::exited);
        if (next != begin) series.lost[i] = static_cast<float>(after.lost - std::min(before.lost, after.lost));
        for (std::size_t look = 0; look < kLooksCount; ++look)
            series.looks[look][i] = static_cast<float>(stands.looks[look]);
        for (std::size_t c = 0; c < stands.used.size(); ++c)
            series.used[c][i] = static_cast<float>(stands.used[c]);
        for (std::size_t w = 0; w < series.busy.size(); ++w) {
            std::size_t looks = 0, running = 0;
            for (std::size_t at = std::min(begin, next - 1); at < next; ++at) {
                ++looks;
                running += w < points_[at].running.size() && points_[at].running[w] ? 1 : 0;
            }
            series.busy[w][i] = static_cast<float>(running) / static_cast<float>(std::max<std::size_t>(1, looks));
        }
    }
    for (std::vector<float>& row : series.looks)
        forget_if_nothing(row);
    for (std::vector<float>& row : series.used)
        forget_if_nothing(row);
    forget_if_nothing(series.lost);
    series.switches_total = last.switches - std::min(first.switches, last.switches);
    series.spawned_total = last.spawned - std::min(first.spawned, last.spawned);
    series.exited_total = last.exited - std::min(first.exited, last.exited);
    series.lost_total = last.lost - std::min(first.lost, last.lost);
    return series;
}

namespace {

void add_wait_alarms(const traces::Waits& waits, std::vector<OverviewAlarm>& alarms) {
    const auto identity = [](const std::string& id) {
        std::uint64_t value = 0;
        for (const char c : id) {
            if (c < '0' || c > '9') return std::uint64_t{0};
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        }
        return value;
    };
    for (const traces::WaitCycle& cycle : waits.cycles) {
        OverviewAlarm alarm{cycle.certain ? AlarmGrade::kBad : AlarmGrade::kWarning, cycle.sentence, "waits", 0};
        for (const std::string& id : cycle.ids) {
            if (alarm.coroutine == 0) alarm.coroutine = identity(id);
        }
        alarms.push_back(std::move(alarm));
    }
    if (!waits.orphans.empty())
        alarms.push_back({AlarmGrade::kBad, fmt::format("{} wait for what nobody can do any more.", format_count(waits.orphans.size())), "waits",
                          identity(waits.orphans.front())});
}

void add_state_alarms(const OverviewPoint& point, std::vector<OverviewAlarm>& alarms) {
    if (point.without_slot != 0)
        alarms.push_back({AlarmGrade::kBad,
                          fmt::format("{} wait for a stack slot: a pool has reached its limit.", format_count(point.without_slot)), "pools",
                          point.first_without_slot});
    if (point.overdue != 0)
        alarms.push_back({AlarmGrade::kWarning,
                          fmt::format("{} deadlines have passed and woken nobody yet, the worst {} ago.", format_count(point.overdue),
                                      format_duration(point.late_ns)),
                          "timers", point.latest});
}

}  // namespace

std::vector<OverviewAlarm> alarms_of(const OverviewPoint& point, const traces::Moment& moment, const traces::Stat& stat,
                                     const traces::Waits* waits) {
    std::vector<OverviewAlarm> alarms;
    if (waits != nullptr) add_wait_alarms(*waits, alarms);
    add_state_alarms(point, alarms);
    if (moment.events_lost != 0)
        alarms.push_back({AlarmGrade::kBad,
                          fmt::format("{} events were lost, of {}: what they told is missing.", format_count(moment.events_lost),
                                      format_count(moment.events_total + moment.events_lost)),
                          "overview", 0});
    if (moment.unknown_coroutines != 0)
        alarms.push_back({AlarmGrade::kWarning,
                          fmt::format("{} coroutines are not known since events were lost.", format_count(moment.unknown_coroutines)),
                          "coroutines", 0});
    for (const traces::SelectStat& select : stat.selects) {
        const auto starves = std::count_if(select.arms.begin(), select.arms.end(),
                                           [](const traces::SelectArmStat& arm) { return arm.luck == traces::ArmLuck::kStarves; });
        if (starves != 0)
            alarms.push_back({AlarmGrade::kWarning,
                              fmt::format("An arm of the select at {} starves.",
                                          select.site.empty() ? std::string("an unknown place") : std::string(short_path(select.site))),
                              "selects", select.first_waiting});
    }
    if (stat.blocking.queued != 0)
        alarms.push_back({AlarmGrade::kWarning,
                          fmt::format("{} blocking calls wait for one of {} threads.", format_count(stat.blocking.queued), stat.blocking.threads),
                          "coroutines", 0});
    std::stable_sort(alarms.begin(), alarms.end(), [](const OverviewAlarm& a, const OverviewAlarm& b) { return a.grade > b.grade; });
    return alarms;
}

nlohmann::json to_json(const OverviewPoint& point) {
    nlohmann::json looks = nlohmann::json::object(), used = nlohmann::json::object();
    for (std::size_t i = 0; i < kLooksCount; ++i) {
        if (point.looks[i] != 0) looks[look_name(static_cast<Look>(i))] = point.looks[i];
    }
    for (std::size_t i = 0; i < point.used.size(); ++i)
        used[inspect::size_class_name(static_cast<wire::SizeClass>(i))] = point.used[i];
    return {{"t_ns", point.t},        {"looks", std::move(looks)}, {"switches", point.switches},   {"spawned", point.spawned},
            {"exited", point.exited}, {"lost", point.lost},        {"slots_used", std::move(used)}};
}

nlohmann::json to_json(const OverviewSeries& series) {
    nlohmann::json looks = nlohmann::json::object(), used = nlohmann::json::object();
    for (std::size_t i = 0; i < kLooksCount; ++i) {
        if (!series.looks[i].empty()) looks[look_name(static_cast<Look>(i))] = series.looks[i];
    }
    for (std::size_t i = 0; i < series.used.size(); ++i) {
        if (!series.used[i].empty()) used[inspect::size_class_name(static_cast<wire::SizeClass>(i))] = series.used[i];
    }
    return {{"begin_ns", series.begin},          {"end_ns", series.end},          {"parts", series.parts},
            {"sampled", series.sampled},         {"looks", std::move(looks)},     {"slots_used", std::move(used)},
            {"switches_per_s", series.switches}, {"busy", series.busy},           {"switches", series.switches_total},
            {"spawned", series.spawned_total},   {"exited", series.exited_total}, {"lost", series.lost_total}};
}

nlohmann::json to_json(const std::vector<OverviewAlarm>& alarms) {
    static constexpr const char* kGrades[] = {"note", "warning", "bad"};
    nlohmann::json rows = nlohmann::json::array();
    for (const OverviewAlarm& alarm : alarms)
        rows.push_back({{"grade", kGrades[static_cast<std::size_t>(alarm.grade)]},
                        {"text", alarm.text},
                        {"view", alarm.view},
                        {"coroutine", alarm.coroutine == 0 ? nlohmann::json(nullptr) : nlohmann::json(alarm.coroutine)}});
    return rows;
}

}  // namespace coroscope::views
