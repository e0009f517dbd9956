// See signal_model.h.
#include "views/signal_model.h"

#include <algorithm>
#include <bit>
#include <csignal>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "instrumentation/base/signal_name.h"
#include "views/coroutine_model.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using traces::SignalStat;

bool is_for_signals(wire::PoolPurpose purpose) {
    return purpose == wire::PoolPurpose::kSignal || purpose == wire::PoolPurpose::kEmergency;
}

bool matches(const SignalStat& row, const std::string& filter) {
    const std::string where = fmt::format("{} {} {} {}", row.name, row.route, row.site, row.foreign);
    std::size_t at = 0;
    while (at < filter.size()) {
        const std::size_t end = std::min(filter.find(' ', at), filter.size());
        if (end > at && !contains_folded(where, std::string_view(filter).substr(at, end - at))) return false;
        at = end + 1;
    }
    return true;
}

constexpr std::uint64_t signal_bit(int number) {
    return 1ULL << (number - 1);
}

}  // namespace

SignalModel compute_signals(std::shared_ptr<const traces::Moment> moment) {
    SignalModel model;
    const inspect::StateImage& state = moment->state;
    model.rows = traces::signal_stats(state);
    std::map<std::string, std::uint32_t> by_name;
    for (const SignalStat& row : model.rows) {
        by_name.emplace(row.name, row.index);
        model.arrived += row.arrived;
        model.waiting += row.waiting;
        model.coalesced += row.coalesced;
        model.lost += row.lost;
        model.running += row.running;
    }
    for (const inspect::PoolImage& pool : state.pools) {
        if (!is_for_signals(pool.purpose)) continue;
        model.pools.push_back({std::string(state.text(pool.name)), pool.used(), pool.slots(), pool.high_water_slots});
    }
    for (std::uint32_t i = 0; i < state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = state.coroutines[i];
        if (coroutine.pool >= state.pools.size() || !is_for_signals(state.pools[coroutine.pool].purpose)) continue;
        const auto named = by_name.find(std::string(state.coroutine_name(coroutine)));
        model.handlers.push_back({i, named == by_name.end() ? wire::kNone : named->second,
                                  state.pools[coroutine.pool].purpose == wire::PoolPurpose::kEmergency});
    }
    std::stable_sort(model.handlers.begin(), model.handlers.end(), [&](const SignalHandlerRow& a, const SignalHandlerRow& b) {
        return state.coroutines[a.position].since_ticks < state.coroutines[b.position].since_ticks;
    });
    for (const inspect::HistogramImage& histogram : state.histograms) {
        if (histogram.kind == wire::HistogramKind::kSignalTicks) model.latency = histogram;
    }
    model.moment = std::move(moment);
    return model;
}

std::vector<std::uint32_t> order_signals(const SignalModel& model, const std::string& filter, SignalColumn by, bool descending) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < model.rows.size(); ++i) {
        if (matches(model.rows[i], filter)) order.push_back(i);
    }
    const auto number = [&](const SignalStat& row) -> double {
        switch (by) {
            case SignalColumn::kArrived:
                return static_cast<double>(row.arrived);
            case SignalColumn::kRunning:
                return static_cast<double>(row.running);
            case SignalColumn::kWaiting:
                return static_cast<double>(row.waiting);
            case SignalColumn::kCoalesced:
                return static_cast<double>(row.coalesced);
            case SignalColumn::kLost:
                return static_cast<double>(row.lost);
            case SignalColumn::kFailed:
                return static_cast<double>(row.failed);
            case SignalColumn::kMean:
                return row.latency_mean_ns;
            default:
                return row.latency_most_ns;
        }
    };
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
        const SignalStat &x = model.rows[a], &y = model.rows[b];
        switch (by) {
            case SignalColumn::kName:
                return x.name < y.name;
            case SignalColumn::kRoute:
                return x.route < y.route;
            case SignalColumn::kSite:
                return x.site < y.site;
            default:
                return number(x) < number(y);
        }
    };
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return descending ? less(b, a) : less(a, b); });
    return order;
}

std::string signal_line(const SignalStat& row) {
    std::string line = fmt::format("{} · handled by {}", row.name, row.route == "coroutine" ? "a coroutine" : row.route);
    if (!row.site.empty()) line += " of " + row.site;
    line += fmt::format(" · {} arrived, {} delivered, {} running, {} ended", row.arrived, row.delivered, row.running, row.finished);
    if (row.failed != 0) line += fmt::format(", {} of them failed", row.failed);
    if (row.waiting != 0) line += fmt::format(" · {} wait for a slot", row.waiting);
    if (row.coalesced != 0) line += fmt::format(" · {} put together with one that waited", row.coalesced);
    if (row.lost != 0) line += fmt::format(" · {} lost", row.lost);
    if (row.emergency != 0) line += fmt::format(" · {} on emergency slots", row.emergency);
    if (row.latency_mean_ns >= 0)
        line += fmt::format(" · first instruction after {}, at most {}", format_duration(static_cast<std::int64_t>(row.latency_mean_ns)),
                            format_duration(static_cast<std::int64_t>(row.latency_most_ns)));
    if (!row.foreign.empty())
        line += fmt::format(" · the system calls {}{}", row.foreign, row.no_alternate_stack ? ", without SA_ONSTACK" : "");
    return line;
}

std::string signal_set_text(std::uint64_t set) {
    constexpr int kNumbers = 64;
    // The C library keeps two for itself, which say nothing of a program; two cannot be blocked: a set of all others is "all".
    const std::uint64_t library = signal_bit(32) | signal_bit(33), never = signal_bit(SIGKILL) | signal_bit(SIGSTOP) | library;
    set &= ~library;
    if (set == 0) return "none";
    const std::uint64_t missing = ~set & ~never;
    const bool mostly = std::popcount(missing) < std::popcount(set);
    if (missing == 0) return "all";
    std::string text = mostly ? "all but" : "";
    const std::uint64_t named = mostly ? missing : set;
    for (int number = 1; number <= kNumbers; ++number) {
        if ((named & signal_bit(number)) == 0) continue;
        if (!text.empty()) text += ' ';
        text += base::signal_name(number);
    }
    return text;
}

std::vector<MaskGroup> group_masks(const inspect::SignalMasks& masks) {
    std::map<std::tuple<std::uint64_t, std::uint64_t>, std::pair<std::uint32_t, std::vector<std::string>>> groups;
    std::vector<std::tuple<std::uint64_t, std::uint64_t>> order;
    for (const inspect::ThreadMask& thread : masks.threads) {
        const std::tuple key{thread.blocked, thread.pending};
        auto [at, fresh] = groups.try_emplace(key);
        if (fresh) order.push_back(key);
        ++at->second.first;
        at->second.second.push_back(thread.name);
    }
    constexpr std::size_t kNamed = 3;
    std::vector<MaskGroup> out;
    for (const auto& key : order) {
        const auto& [count, names] = groups[key];
        MaskGroup group;
        group.blocked = std::get<0>(key);
        group.pending = std::get<1>(key);
        group.count = count;
        for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i)
            group.threads += (i == 0 ? "" : ", ") + names[i];
        if (names.size() > kNamed) group.threads += fmt::format(" and {} more", names.size() - kNamed);
        out.push_back(std::move(group));
    }
    return out;
}

nlohmann::json to_json(const SignalModel& model) {
    const inspect::StateImage& state = model.moment->state;
    nlohmann::json handlers = nlohmann::json::array(), pools = nlohmann::json::array();
    for (const SignalHandlerRow& row : model.handlers) {
        const inspect::CoroutineImage& coroutine = state.coroutines[row.position];
        handlers.push_back({{"id", coroutine.identity},
                            {"name", state.coroutine_name(coroutine)},
                            {"state", inspect::state_name(coroutine.state)},
                            {"emergency", row.emergency}});
    }
    for (const SignalPoolUse& pool : model.pools)
        pools.push_back({{"name", pool.name}, {"used", pool.used}, {"slots", pool.slots}, {"high_water", pool.high_water}});
    return {{"signals", to_json(model.rows)},
            {"handlers", std::move(handlers)},
            {"pools", std::move(pools)},
            {"arrived", model.arrived},
            {"waiting", model.waiting},
            {"coalesced", model.coalesced},
            {"lost", model.lost},
            {"latency_samples", model.latency.samples}};
}

nlohmann::json to_json(const inspect::SignalMasks& masks) {
    nlohmann::json threads = nlohmann::json::array();
    for (const inspect::ThreadMask& thread : masks.threads)
        threads.push_back({{"thread", thread.thread},
                           {"name", thread.name},
                           {"blocked", signal_set_text(thread.blocked)},
                           {"pending", signal_set_text(thread.pending)}});
    return {{"caught", signal_set_text(masks.caught)},
            {"ignored", signal_set_text(masks.ignored)},
            {"pending", signal_set_text(masks.pending)},
            {"threads", std::move(threads)}};
}

}  // namespace coroscope::views
