// A profile as JSON: everything, times in nanoseconds, costs of switches in ticks.
#include <nlohmann/json.hpp>

#include "traces/analyses/profile.h"

namespace coroscope::analyses {
namespace {

using nlohmann::json;

constexpr double kQuantiles[] = {0.5, 0.9, 0.99, 0.999};
constexpr const char* kQuantileNames[] = {"p50", "p90", "p99", "p999"};

json latencies_json(const Latencies& latencies, double scale) {
    json row = {{"samples", latencies.samples()}};
    for (std::size_t i = 0; i < std::size(kQuantiles); ++i)
        row[kQuantileNames[i]] = latencies.samples() == 0 ? json(nullptr)
                                                          : json(latencies.quantile(kQuantiles[i]) * scale);
    row["mean"] = latencies.samples() == 0 ? json(nullptr)
                                           : json(static_cast<double>(latencies.sum_ticks()) * scale /
                                                  static_cast<double>(latencies.samples()));
    return row;
}

// Adds what Times say to a row.
void add_times(json& row, const Times& times, double ns) {
    const auto in_ns = [&](std::uint64_t ticks) {
        return static_cast<std::int64_t>(static_cast<double>(ticks) * ns);
    };
    row["total_ns"] = in_ns(times.total());
    for (const Activity activity :
         {Activity::kRunning, Activity::kReady, Activity::kBlocked, Activity::kUnknown})
        row[std::string(activity_name(activity)) + "_ns"] = in_ns(times.of(activity));
    json by_reason = json::object(), waits = json::object(), switches = json::object();
    for (std::size_t r = 0; r < times.blocked_ticks.size(); ++r) {
        const char* name = inspect::reason_name(static_cast<wire::WaitReason>(r));
        if (times.blocked_ticks[r] != 0) by_reason[name] = in_ns(times.blocked_ticks[r]);
        if (times.waits[r] != 0) waits[name] = times.waits[r];
    }
    for (std::size_t k = 0; k < kSwitchKindsCount; ++k)
        switches[kSwitchKindNames[k]] = times.switches[k];
    row["blocked_by_ns"] = std::move(by_reason);
    row["waits"] = std::move(waits);
    row["runs_by"] = std::move(switches);
    row["runs"] = times.runs;
    row["suspends"] = times.suspends;
    row["wakes"] = times.wakes;
    row["wake_to_run_ns"] = latencies_json(times.wake_to_run, ns);
}

json row_json(const ProfileRow& of, ProfileBy by, double ns) {
    json row = {{"label", of.label}, {"name", of.name}};
    switch (by) {
        case ProfileBy::kCoroutine:
            row["id"] = of.identity;
            row["site"] = of.site;
            row["spawner"] = of.spawner;
            row["begin_ns"] = of.begin_ns;
            row["end_ns"] = of.end_ns;
            row["end"] = life_end_name(of.end);
            break;
        case ProfileBy::kSite:
            row["site"] = of.site;
            row["coroutines"] = of.coroutines;
            row["alive"] = of.alive;
            break;
        case ProfileBy::kChannel:
            row["sent"] = of.sent;
            row["received"] = of.received;
            break;
        case ProfileBy::kWorker:
            row["idle_ns"] = static_cast<std::int64_t>(static_cast<double>(of.idle_ticks) * ns);
            row["scheduling_ns"] = static_cast<std::int64_t>(static_cast<double>(of.scheduling_ticks) * ns);
            row["taken"] = of.taken;
            break;
    }
    add_times(row, of.times, ns);
    return row;
}

}  // namespace

json to_json(const Profile& profile) {
    const double ns = profile.ns_per_tick;
    json rows = json::array(), wakes = json::array(), spawns = json::array(), alive = json::array();
    for (const ProfileRow& row : profile.rows)
        rows.push_back(row_json(row, profile.options.by, ns));
    for (const WakeRow& row : profile.wakes) {
        wakes.push_back({{"from", row.from},
                         {"to", row.to},
                         {"count", row.count},
                         {"wake_to_run_ns", latencies_json(row.wake_to_run, ns)}});
    }
    for (const SpawnRow& row : profile.spawns)
        spawns.push_back({{"from", row.from}, {"to", row.to}, {"count", row.count}});
    for (const AliveRow& row : profile.alive_at_end) {
        alive.push_back({{"site", row.site},
                         {"name", row.name},
                         {"state", row.state},
                         {"waits_on", row.waits_on},
                         {"count", row.count},
                         {"first", row.first},
                         {"stuck", row.stuck},
                         {"perhaps_stuck", row.perhaps_stuck}});
    }
    json switches = json::object();
    for (std::size_t k = 0; k < kSwitchKindsCount; ++k) {
        switches[kSwitchKindNames[k]] = {
            {"runs", profile.totals.switches[k]},
            {"ticks_between_stamps", latencies_json(profile.switches[k].ticks, 1)},
            {"one_stamp", profile.switches[k].one_stamp}};
    }
    json totals = json::object();
    add_times(totals, profile.totals, ns);
    totals["spawned"] = profile.spawned;
    totals["exited"] = profile.exited;
    return {{"by", kProfileByNames[static_cast<std::size_t>(profile.options.by)]},
            {"duration_ns", profile.duration_ns},
            {"ended", profile.ended},
            {"events", profile.counts.events},
            {"events_reordered", profile.counts.reordered},
            {"events_without_cause", profile.counts.forced},
            {"losses", profile.counts.losses.size()},
            {"rows", std::move(rows)},
            {"rows_left_out", profile.rows_left_out},
            {"totals", std::move(totals)},
            {"switches", std::move(switches)},
            {"wakes", std::move(wakes)},
            {"spawns", std::move(spawns)},
            {"alive_at_end", std::move(alive)}};
}

}  // namespace coroscope::analyses
