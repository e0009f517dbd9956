// `stat`: counts, losses, states, pools, latencies of one Moment.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/pool_words.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;

// Totals by channel name: what channels that are gone moved, and what those that live have moved so far.
std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> channel_totals(const inspect::StateImage& state) {
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> totals;
    const auto add = [&](std::uint32_t name, std::uint64_t sent, std::uint64_t received) {
        const std::string_view text = state.text(name);
        auto& row = totals[text.empty() ? "(unnamed)" : std::string(text)];
        row.first += sent;
        row.second += received;
    };
    for (const inspect::ChannelTotalsImage& row : state.channel_totals) {
        if (row.channels != 0) add(row.name, row.sent, row.received);
    }
    for (const inspect::ChannelImage& channel : state.channels)
        add(channel.name, channel.sent, channel.received);
    return totals;
}

Percentiles percentiles(const inspect::HistogramImage& histogram, double scale) {
    Percentiles result;
    result.samples = histogram.samples;
    result.below_resolution = histogram.below_resolution;
    result.resolution = histogram.resolution_ticks * scale;
    const auto at = [&](double q) {
        const double value = histogram.quantile(q);
        return value < 0 ? -1 : value * scale;
    };
    result.p50 = at(0.5);
    result.p90 = at(0.9);
    result.p99 = at(0.99);
    result.p999 = at(0.999);
    return result;
}

json to_json(const Percentiles& p) {
    const auto value = [](double v) { return v < 0 ? json(nullptr) : json(v); };
    return {{"p50", value(p.p50)},       {"p90", value(p.p90)},  {"p99", value(p.p99)},
            {"p999", value(p.p999)},     {"samples", p.samples}, {"below_resolution", p.below_resolution},
            {"resolution", p.resolution}};
}

std::string line(const char* title, const Percentiles& p, const char* unit) {
    if (p.samples == 0) return fmt::format("{}  not measured\n", title);
    const auto value = [&](double v) {
        return v <= p.resolution && p.below_resolution != 0 ? std::string("below resolution")
                                                            : fmt::format("{:.0f}", v);
    };
    return fmt::format("{}  p50 {}  p90 {}  p99 {}  p99.9 {} {} ({} samples, {} below resolution)\n", title,
                       value(p.p50), value(p.p90), value(p.p99), value(p.p999), unit, p.samples,
                       p.below_resolution);
}

std::string pools_text(const std::vector<PoolStat>& pools) {
    std::string out = fmt::format("{:<10} {:<10} {:>10} {:>10} {:>10} {:>10} {:>8} {:>9} {:>14}  {}\n",
                                  "class", "purpose", "slot bytes", "slots", "used", "most used", "grown",
                                  "segments", "given back", "guards");
    for (const PoolStat& pool : pools) {
        out += fmt::format("{:<10} {:<10} {:>10} {:>10} {:>10} {:>10} {:>8} {:>9} {:>14}  {}\n",
                           pool.size_class, pool.purpose, pool.slot_bytes, pool.slots, pool.used,
                           pool.high_water_slots, pool.grown_in_place, pool.segments, pool.trimmed_bytes,
                           pool.guards.empty() ? "-" : pool.guards);
    }
    return out;
}

// Sites with high water or growth; then how the last stack of each grew.
std::string sites_text(const std::vector<SiteStat>& sites) {
    if (sites.empty()) return {};
    std::string out = fmt::format("{:<44} {:<7} {:<9} {:>11} {:>9} {:>11} {:>8}\n", "site", "class",
                                  "because", "deepest B", "in place", "by segment", "by wish");
    for (const SiteStat& site : sites) {
        out += fmt::format("{:<44} {:<7} {:<9} {:>11} {:>9} {:>11} {:>8}\n", site.site, site.size_class,
                           site.evidence,
                           site.high_water_bytes != 0 ? std::to_string(site.high_water_bytes) : "-",
                           site.grown.in_place, site.grown.segments, site.grown.wishes);
        if (!site.pattern.empty()) out += fmt::format("  channels: {}\n", site.pattern);
        if (site.grown.count() != 0) out += fmt::format("  grew last: {}\n", last_migration_text(site));
    }
    return out;
}

void add_pending(Stat& stat, const Moment& moment) {
    const inspect::StateImage& state = moment.state;
    std::uint64_t next_ticks = 0;
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || coroutine.deadline_ticks == 0) continue;
        ++stat.timers_armed;
        if (next_ticks == 0 || coroutine.deadline_ticks < next_ticks) next_ticks = coroutine.deadline_ticks;
    }
    if (next_ticks != 0) {
        const std::int64_t at_ns = state.clock.duration_ns(
            static_cast<std::int64_t>(next_ticks - state.start_ticks));
        stat.timer_next_in_ns = std::max<std::int64_t>(at_ns - moment.t, 0);
    }
    stat.blocking = state.blocking;
}

// Nothing where there is nothing.
std::string pending_text(const Stat& stat) {
    std::string out;
    if (stat.timers_armed != 0) {
        out += fmt::format("timers      {} armed", stat.timers_armed);
        if (stat.timer_next_in_ns >= 0)
            out += fmt::format(", the next in {:.3f} ms", static_cast<double>(stat.timer_next_in_ns) * 1e-6);
        out += "\n";
    }
    const inspect::BlockingImage& blocking = stat.blocking;
    if (blocking.calls != 0 || blocking.queued != 0) {
        out += fmt::format("blocking    {} calls, {} under way, {} waiting; {} threads, at most {}\n",
                           blocking.calls, blocking.busy, blocking.queued, blocking.threads,
                           blocking.threads_most);
    }
    return out;
}

}  // namespace

const char* purpose_name(wire::PoolPurpose purpose) {
    switch (purpose) {
        case wire::PoolPurpose::kOrdinary:
            return "ordinary";
        case wire::PoolPurpose::kSignal:
            return "signal";
        case wire::PoolPurpose::kEmergency:
            return "emergency";
        case wire::PoolPurpose::kLocal:
            return "local";
        case wire::PoolPurpose::kWide:
            return "wide";
    }
    return "?";
}

Stat compute_stat(Session& session, const Moment& moment) {
    const inspect::StateImage& state = moment.state;
    const SessionInfo info = session.info();
    Stat stat;
    if (info.kind != SessionKind::kLive) stat.ended = info.status_text;
    stat.events = moment.events_total;
    stat.lost = moment.events_lost;
    stat.duration_ns = std::max<TimeNs>(moment.t, 0);
    for (const inspect::WorkerImage& worker : state.workers) {
        stat.workers += worker.state != wire::WorkerState::kAbsent ? 1 : 0;
        stat.spawned += worker.spawned;
        stat.exited += worker.exited;
    }
    stat.spawned += state.outside_spawned;
    stat.channels = channel_totals(state);
    stat.signal_rows = signal_stats(state);
    for (const SignalStat& signal : stat.signal_rows) {
        if (signal.delivered != 0) stat.signals[signal.name] = signal.delivered;
    }
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        const bool known = coroutine.consistency != inspect::Consistency::kUnknown;
        ++stat.states[known ? inspect::state_name(coroutine.state) : "unknown"];
    }
    for (std::size_t type = 0; type < moment.events.size(); ++type) {
        const EventCount& row = moment.events[type];
        if (row.emitted != 0 && !is_bookkeeping(static_cast<wire::EventType>(type))) {
            stat.events_by_type[wire::event_name(static_cast<wire::EventType>(type))] = row;
        }
    }
    for (const inspect::PoolImage& pool : state.pools) {
        PoolStat row;
        row.size_class = inspect::size_class_name(pool.size_class);
        row.purpose = purpose_name(pool.purpose);
        row.slot_bytes = pool.slot_bytes;
        row.slots = pool.slots();
        row.used = pool.used();
        row.high_water_slots = std::max(pool.high_water_slots, row.used);
        row.guards = guards_text(pool);
        row.guarded_slots = pool.guarded_slots();
        row.trimmed_bytes = pool.trimmed_bytes;
        stat.pools.push_back(std::move(row));
    }
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if ((coroutine.flags & wire::kCoroutineGrown) != 0 && coroutine.pool < stat.pools.size())
            ++stat.pools[coroutine.pool].grown_in_place;
    }
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        if (segment.pool < stat.pools.size()) ++stat.pools[segment.pool].segments;
    }
    stat.sites = site_stats(session, state);
    stat.waitables = waitable_stats(state);
    stat.per_worker = worker_stats(state, moment.t);
    stat.selects = select_stats(session, state);
    inspect::HistogramImage switches;
    const double ticks_per_ns = state.clock.ticks_per_ns(), ns_per_tick = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    for (const inspect::HistogramImage& histogram : state.histograms) {
        if (histogram.kind == wire::HistogramKind::kSwitchTicks && histogram.sample_period != 0)
            switches.merge(histogram);
        if (histogram.kind == wire::HistogramKind::kWakeToRunTicks && histogram.samples != 0)
            stat.wake_to_run_ns = percentiles(histogram, ns_per_tick);
        if (histogram.kind == wire::HistogramKind::kSignalTicks && histogram.samples != 0)
            stat.signal_latency_ns = percentiles(histogram, ns_per_tick);
    }
    stat.switch_cycles = percentiles(switches, 1);
    stat.ns_per_event = info.ns_per_event > 0 ? info.ns_per_event : -1;
    stat.peak_rss_kib = state.peak_rss_kib;
    stat.stack_bytes_peak = state.stack_bytes_peak;
    add_pending(stat, moment);
    return stat;
}

json to_json(const Stat& stat) {
    json channels = json::object();
    for (const auto& [name, row] : stat.channels)
        channels[name] = {{"sent", row.first}, {"received", row.second}};
    json by_type = json::object();
    for (const auto& [name, row] : stat.events_by_type) {
        by_type[name] = {{"events", row.accepted}, {"lost", row.lost}, {"emitted", row.emitted}};
    }
    json pools = json::array();
    for (const PoolStat& pool : stat.pools) {
        pools.push_back({{"class", pool.size_class},
                         {"purpose", pool.purpose},
                         {"slot_bytes", pool.slot_bytes},
                         {"slots", pool.slots},
                         {"used", pool.used},
                         {"high_water_slots", pool.high_water_slots},
                         {"guards", pool.guards.empty() ? json(nullptr) : json(pool.guards)},
                         {"guarded_slots", pool.guarded_slots},
                         {"trimmed_bytes", pool.trimmed_bytes},
                         {"grown_in_place", pool.grown_in_place},
                         {"segments", pool.segments}});
    }
    return {{"ended", stat.ended.empty() ? json(nullptr) : json(stat.ended)},
            {"events", stat.events},
            {"lost", stat.lost},
            {"duration_ns", stat.duration_ns},
            {"workers", stat.workers},
            {"totals",
             {{"spawned", stat.spawned},
              {"exited", stat.exited},
              {"channels", channels},
              {"signals", json(stat.signals)}}},
            {"states", json(stat.states)},
            {"events_by_type", by_type},
            {"pools", pools},
            {"sites", to_json(stat.sites)},
            {"waitables", to_json(stat.waitables)},
            {"per_worker", to_json(stat.per_worker)},
            {"selects", to_json(stat.selects)},
            {"switch_cycles", to_json(stat.switch_cycles)},
            {"wake_to_run_ns", to_json(stat.wake_to_run_ns)},
            {"signals", to_json(stat.signal_rows)},
            {"signal_latency_ns", to_json(stat.signal_latency_ns)},
            {"ns_per_event", stat.ns_per_event < 0 ? json(nullptr) : json(stat.ns_per_event)},
            {"peak_rss_kib", stat.peak_rss_kib},
            {"stack_bytes_peak", stat.stack_bytes_peak},
            {"timers",
             {{"armed", stat.timers_armed},
              {"next_in_ns", stat.timer_next_in_ns < 0 ? json(nullptr) : json(stat.timer_next_in_ns)}}},
            {"blocking",
             {{"threads", stat.blocking.threads},
              {"busy", stat.blocking.busy},
              {"queued", stat.blocking.queued},
              {"threads_most", stat.blocking.threads_most},
              {"calls", stat.blocking.calls}}}};
}

std::string to_text(const Stat& stat) {
    std::string out = fmt::format("events      {} ({} lost) in {:.3f} s\n", stat.events, stat.lost,
                                  static_cast<double>(stat.duration_ns) * 1e-9);
    if (!stat.ended.empty()) out += fmt::format("ended       {}\n", stat.ended);
    out += fmt::format("workers     {}\n", stat.workers);
    out += fmt::format("coroutines  {} spawned, {} exited\n", stat.spawned, stat.exited);
    for (const auto& [state, count] : stat.states)
        out += fmt::format("  {:<10} {:>12}\n", state, count);
    out += pending_text(stat) + to_text(stat.per_worker);
    if (!stat.channels.empty()) out += fmt::format("{:<24} {:>14} {:>14}\n", "channel", "sent", "received");
    for (const auto& [name, row] : stat.channels)
        out += fmt::format("{:<24} {:>14} {:>14}\n", name, row.first, row.second);
    out += to_text(stat.signal_rows) + pools_text(stat.pools) + sites_text(stat.sites) + to_text(stat.waitables) + to_text(stat.selects);
    out += line("switch      ", stat.switch_cycles, "ticks");
    out += line("wake to run ", stat.wake_to_run_ns, "ns");
    if (stat.signal_latency_ns.samples != 0) out += line("signal      ", stat.signal_latency_ns, "ns");
    out += fmt::format("{:<20} {:>14} {:>10} {:>14}\n", "event", "read", "lost", "emitted");
    for (const auto& [name, row] : stat.events_by_type) {
        out += fmt::format("{:<20} {:>14} {:>10} {:>14}\n", name, row.accepted, row.lost, row.emitted);
    }
    if (stat.ns_per_event > 0)
        out += fmt::format("an event costs the program about {:.1f} ns (calibrated)\n", stat.ns_per_event);
    if (stat.peak_rss_kib != 0) out += fmt::format("peak resident set {} KiB\n", stat.peak_rss_kib);
    if (stat.stack_bytes_peak != 0)
        out += fmt::format("most bytes of stack slots in use at once {}\n", stat.stack_bytes_peak);
    return out;
}

}  // namespace coroscope::traces
