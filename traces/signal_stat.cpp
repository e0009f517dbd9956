// See signal_stat.h.
#include "traces/signal_stat.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace coroscope::traces {
namespace {

using inspect::SignalImage;

const char* route_name(wire::SignalRoute route) {
    switch (route) {
        case wire::SignalRoute::kSystem:
            return "system";
        case wire::SignalRoute::kIgnored:
            return "ignored";
        case wire::SignalRoute::kShutdown:
            return "shutdown";
        case wire::SignalRoute::kCoroutine:
            return "coroutine";
        case wire::SignalRoute::kDirect:
            return "direct";
        case wire::SignalRoute::kFault:
            return "fault";
    }
    return "system";
}

bool makes_coroutines(wire::SignalRoute route) {
    return route == wire::SignalRoute::kCoroutine || route == wire::SignalRoute::kShutdown;
}

std::string pool_text(const inspect::StateImage& state, const SignalImage& signal) {
    if (!makes_coroutines(signal.route) || signal.pool >= state.pools.size()) return "";
    const inspect::PoolImage& pool = state.pools[signal.pool];
    const std::string_view name = state.text(pool.name);
    return name.empty() ? fmt::format("pool {}", signal.pool) : std::string(name);
}

std::string latency_text(double ns) {
    if (ns < 0) return "-";
    return ns < 1e4 ? fmt::format("{:.2f} us", ns * 1e-3) : fmt::format("{:.0f} us", ns * 1e-3);
}

}  // namespace

std::vector<SignalStat> signal_stats(const inspect::StateImage& state) {
    const double ticks_per_ns = state.clock.ticks_per_ns();
    std::vector<SignalStat> rows;
    rows.reserve(state.signals.size());
    for (const SignalImage& signal : state.signals) {
        SignalStat row;
        row.index = signal.index;
        row.name = state.signal_text(signal);
        row.own = signal.own();
        row.route = route_name(signal.route);
        row.pool = pool_text(state, signal);
        if (signal.site != wire::kNone) row.site = state.site_text(signal.site);
        if ((signal.flags & wire::kSignalForeign) != 0) {
            row.foreign = signal.handler == wire::kNone ? "code of unknown origin" : std::string(state.text(signal.handler));
            row.no_alternate_stack = (signal.flags & wire::kSignalNoAlternateStack) != 0;
        }
        row.arrived = signal.arrived;
        row.waiting = signal.waiting();
        row.delivered = signal.delivered;
        row.finished = signal.finished;
        row.running = signal.delivered > signal.finished ? signal.delivered - signal.finished : 0;
        row.failed = signal.failed;
        row.coalesced = signal.coalesced;
        row.lost = signal.lost;
        row.emergency = signal.emergency;
        // What is recovered from, ignored or a fault runs no handler whose first instruction could be late.
        if (signal.finished != 0 && signal.latency_ticks_most != 0 && ticks_per_ns > 0) {
            row.latency_mean_ns = static_cast<double>(signal.latency_ticks) / static_cast<double>(signal.finished) / ticks_per_ns;
            row.latency_most_ns = static_cast<double>(signal.latency_ticks_most) / ticks_per_ns;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

nlohmann::json to_json(const std::vector<SignalStat>& signals) {
    const auto text_or_null = [](const std::string& text) { return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text); };
    const auto ns_or_null = [](double ns) { return ns < 0 ? nlohmann::json(nullptr) : nlohmann::json(ns); };
    nlohmann::json rows = nlohmann::json::array();
    for (const SignalStat& row : signals) {
        rows.push_back({{"name", row.name},
                        {"own", row.own},
                        {"route", row.route},
                        {"pool", text_or_null(row.pool)},
                        {"site", text_or_null(row.site)},
                        {"foreign", text_or_null(row.foreign)},
                        {"no_alternate_stack", row.no_alternate_stack},
                        {"arrived", row.arrived},
                        {"waiting", row.waiting},
                        {"delivered", row.delivered},
                        {"running", row.running},
                        {"finished", row.finished},
                        {"failed", row.failed},
                        {"coalesced", row.coalesced},
                        {"lost", row.lost},
                        {"emergency", row.emergency},
                        {"latency_mean_ns", ns_or_null(row.latency_mean_ns)},
                        {"latency_most_ns", ns_or_null(row.latency_most_ns)}});
    }
    return rows;
}

std::string to_text(const std::vector<SignalStat>& signals) {
    if (std::all_of(signals.begin(), signals.end(), [](const SignalStat& row) { return row.arrived == 0 && row.foreign.empty(); })) return {};
    std::string out = fmt::format("{:<20} {:<10} {:>10} {:>10} {:>8} {:>8} {:>9} {:>6} {:>12} {:>12}\n", "signal", "handled by", "arrived",
                                  "delivered", "running", "waiting", "coalesced", "lost", "latency", "longest");
    for (const SignalStat& row : signals) {
        if (row.arrived == 0 && row.foreign.empty()) continue;
        out += fmt::format("{:<20} {:<10} {:>10} {:>10} {:>8} {:>8} {:>9} {:>6} {:>12} {:>12}\n", row.name, row.route, row.arrived,
                           row.delivered, row.running, row.waiting, row.coalesced, row.lost, latency_text(row.latency_mean_ns),
                           latency_text(row.latency_most_ns));
        if (!row.foreign.empty())
            out += fmt::format("  {}{}\n", row.foreign,
                               row.no_alternate_stack ? ", without SA_ONSTACK: it would run on a coroutine's stack" : "");
    }
    return out;
}

}  // namespace coroscope::traces
