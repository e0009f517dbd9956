// See pool_shade.h.
#include "views/pool_shade.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

constexpr double kShadeUnsaid = -1;            // of whom a mode says nothing
constexpr double kAgeLowest = 1e3, kAgeHighest = 1e12;  // ns: 1 us to a quarter of an hour
constexpr double kGrowthsHighest = 1 << 16;
constexpr std::size_t kFine = 4096;            // levels from which ranks are made

// Bytes of the slots on which a stack goes on, by index of its coroutine.
std::unordered_map<std::uint32_t, std::uint64_t> segment_bytes(const inspect::StateImage& state) {
    std::unordered_map<std::uint32_t, std::uint64_t> bytes;
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        if (segment.pool < state.pools.size()) bytes[segment.coroutine] += state.pools[segment.pool].slot_bytes;
    }
    return bytes;
}

std::uint64_t own_bytes(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.pool >= state.pools.size()) return 0;
    const inspect::PoolImage& pool = state.pools[coroutine.pool];
    return (coroutine.flags & wire::kCoroutineGrown) != 0 ? pool.stride_bytes - pool.guard_bytes : pool.slot_bytes;
}

// The deepest that is known: measured, or what it uses now.
std::uint64_t deepest_of(const traces::Moment& moment, const inspect::CoroutineImage& coroutine) {
    const inspect::StackRef* stack = moment.stack_of(coroutine);
    const bool exact = stack != nullptr && stack->consistency == inspect::Consistency::kExact;
    return std::max(moment.high_water_of(coroutine), exact ? std::uint64_t{stack->used_bytes} : 0);
}

double share_of_log(double value, double lowest, double highest) {
    return std::clamp(std::log(value / lowest) / std::log(highest / lowest), 0.0, 1.0);
}

// What is said of each coroutine of the state, by position: its share of the scale, 0..1, or kShadeUnsaid; and the quantity itself.
struct Quantities {
    std::vector<double> share, amount;
};

Quantities quantities(const traces::Moment& moment, PoolMode mode) {
    const inspect::StateImage& state = moment.state;
    Quantities all;
    all.share.assign(state.coroutines.size(), kShadeUnsaid);
    all.amount.assign(state.coroutines.size(), 0);
    std::unordered_map<std::uint32_t, std::uint64_t> segments;
    std::unordered_map<std::uint32_t, std::uint64_t> growths;
    if (mode == PoolMode::kHighWater) segments = segment_bytes(state);
    if (mode == PoolMode::kGrowth) {
        for (const inspect::SiteMigrationsImage& row : state.migrations)
            growths[row.site] = row.count();
    }
    for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = state.coroutines[i];
        double& share = all.share[i];
        double& amount = all.amount[i];
        if (mode == PoolMode::kAge) {
            const std::int64_t ns = in_state_ns(moment, coroutine);
            if (ns < 0) continue;
            amount = static_cast<double>(ns);
            share = share_of_log(std::max(amount, kAgeLowest), kAgeLowest, kAgeHighest);
        } else if (mode == PoolMode::kHighWater) {
            const auto found = segments.find(coroutine.index);
            const std::uint64_t bytes = own_bytes(state, coroutine) + (found == segments.end() ? 0 : found->second);
            const std::uint64_t deepest = deepest_of(moment, coroutine);
            if (deepest == 0 || bytes == 0) continue;
            amount = static_cast<double>(deepest) / static_cast<double>(bytes);
            share = std::clamp(amount, 0.0, 1.0);
        } else {
            const auto found = growths.find(coroutine.site);
            amount = found == growths.end() ? 0 : static_cast<double>(found->second);
            share = share_of_log(amount + 1, 1, kGrowthsHighest);
        }
    }
    return all;
}

std::string amount_text(PoolMode mode, double amount) {
    switch (mode) {
        case PoolMode::kAge:
            return format_duration(static_cast<std::int64_t>(amount));
        case PoolMode::kHighWater:
            return fmt::format("{:.0f} %", 100 * amount);
        default:
            return format_count(static_cast<std::uint64_t>(amount));
    }
}

// Calls visit(row, position, index of the owner in state.coroutines) for each slot that somebody calls his own.
template <typename Visit>
void for_each_owned(PoolModel& model, const inspect::StateImage& state, const Visit& visit) {
    const auto at = [&](std::uint8_t pool, std::uint32_t slot, std::size_t owner) {
        if (pool >= model.pools.size()) return;
        PoolRow& row = model.pools[pool];
        if (const auto position = row.position_of(slot); position.has_value()) visit(row, *position, owner);
    };
    for (std::size_t i = 0; i < state.coroutines.size(); ++i)
        at(state.coroutines[i].pool, state.coroutines[i].slot, i);
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        const inspect::CoroutineImage* owner = state.coroutine_at(segment.coroutine);
        if (owner != nullptr) at(segment.pool, segment.slot, static_cast<std::size_t>(owner - state.coroutines.data()));
    }
}

void shade_by_scale(PoolModel& model, const traces::Moment& moment, ShadeLegend& legend) {
    const Quantities all = quantities(moment, legend.mode);
    std::array<std::uint64_t, kFine> fine{};
    double lowest = INFINITY, highest = -INFINITY;
    const auto fine_of = [&](std::size_t owner) { return static_cast<std::size_t>(all.share[owner] * (kFine - 1)); };
    for_each_owned(model, moment.state, [&](PoolRow&, std::uint64_t, std::size_t owner) {
        if (all.share[owner] == kShadeUnsaid) return;
        ++legend.known;
        ++fine[fine_of(owner)];
        lowest = std::min(lowest, all.amount[owner]);
        highest = std::max(highest, all.amount[owner]);
    });
    // Of each fine level the rank of the middle of those in it.
    std::array<double, kFine> rank{};
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kFine; ++i) {
        rank[i] = legend.known == 0 ? 0 : (static_cast<double>(below) + static_cast<double>(fine[i]) / 2) / static_cast<double>(legend.known);
        below += fine[i];
    }
    for_each_owned(model, moment.state, [&](PoolRow& row, std::uint64_t position, std::size_t owner) {
        if (all.share[owner] == kShadeUnsaid) {
            row.shades[position] = kShadeUnknown;
            ++legend.unknown;
            return;
        }
        const double share = legend.ranked ? rank[fine_of(owner)] : all.share[owner];
        row.shades[position] = static_cast<std::uint8_t>(kShadeFirst + std::min(share * kShadeLevels, kShadeLevels - 1.0));
    });
    if (legend.ranked) {
        if (legend.known != 0) {
            legend.low = amount_text(legend.mode, lowest);
            legend.high = amount_text(legend.mode, highest);
        }
        return;
    }
    const bool age = legend.mode == PoolMode::kAge, growth = legend.mode == PoolMode::kGrowth;
    legend.low = amount_text(legend.mode, age ? kAgeLowest : 0);
    legend.high = amount_text(legend.mode, age ? kAgeHighest : growth ? kGrowthsHighest : 1);
}

void shade_by_kind(PoolModel& model, const traces::Moment& moment, ShadeLegend& legend) {
    const inspect::StateImage& state = moment.state;
    const bool by_site = legend.mode == PoolMode::kSite;
    const auto kind_of = [&](std::size_t owner) {
        const inspect::CoroutineImage& coroutine = state.coroutines[owner];
        return by_site ? coroutine.site : std::uint32_t{coroutine.worker};
    };
    std::map<std::uint32_t, std::uint64_t> slots;
    for_each_owned(model, state, [&](PoolRow&, std::uint64_t, std::size_t owner) { ++slots[kind_of(owner)]; });
    std::vector<std::pair<std::uint32_t, std::uint64_t>> order(slots.begin(), slots.end());
    // The most frequent have a colour of their own; among these the order is that of their numbers, so that colours stay when counts change.
    if (by_site) {
        std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(order.size(), kShadeKinds)));
    }
    std::unordered_map<std::uint32_t, std::uint8_t> shade;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto own = static_cast<std::uint8_t>(kShadeFirst + std::min<std::size_t>(i, kShadeKinds));
        shade[order[i].first] = own;
        if (i > kShadeKinds) {
            legend.kinds.back().slots += order[i].second;
            continue;
        }
        const std::string name = i == kShadeKinds ? "others"
                                 : by_site        ? state.site_text(order[i].first)
                                                  : fmt::format("worker {}", order[i].first);
        legend.kinds.push_back({name, order[i].second, own});
    }
    for_each_owned(model, state, [&](PoolRow& row, std::uint64_t position, std::size_t owner) {
        row.shades[position] = shade[kind_of(owner)];
        ++legend.known;
    });
}

}  // namespace

const char* pool_mode_title(PoolMode mode) {
    static constexpr const char* kTitles[kPoolModesCount] = {"State", "Age", "High water", "Site", "Worker", "Growth"};
    return kTitles[static_cast<std::size_t>(mode)];
}

const char* pool_mode_name(PoolMode mode) {
    static constexpr const char* kNames[kPoolModesCount] = {"state", "age", "high-water", "site", "worker", "growth"};
    return kNames[static_cast<std::size_t>(mode)];
}

bool is_scale(PoolMode mode) {
    return mode == PoolMode::kAge || mode == PoolMode::kHighWater || mode == PoolMode::kGrowth;
}

ShadeLegend shade_pools(PoolModel& model, const traces::Moment& moment, PoolMode mode, bool ranked) {
    ShadeLegend legend;
    legend.mode = mode;
    legend.ranked = ranked && is_scale(mode);
    for (PoolRow& row : model.pools) {
        row.shades.clear();
        if (mode == PoolMode::kState) continue;
        row.shades.resize(row.looks.size());
        for (std::size_t i = 0; i < row.looks.size(); ++i)
            row.shades[i] = row.looks[i] == Look::kFree ? 0 : kShadeUnowned;
    }
    if (is_scale(mode)) {
        shade_by_scale(model, moment, legend);
    } else if (mode != PoolMode::kState) {
        shade_by_kind(model, moment, legend);
    }
    return legend;
}

std::string shade_text(const traces::Moment& moment, const inspect::CoroutineImage& coroutine, PoolMode mode) {
    const inspect::StateImage& state = moment.state;
    if (mode == PoolMode::kAge) {
        const std::int64_t ns = in_state_ns(moment, coroutine);
        return ns < 0 ? "since when is not known: nobody listened" : "in its state for " + format_duration(ns);
    }
    if (mode == PoolMode::kHighWater) {
        const std::uint64_t deepest = deepest_of(moment, coroutine), bytes = slot_bytes_of(state, coroutine);
        if (deepest == 0 || bytes == 0) return "how deep it went is not known";
        return fmt::format("used {} of {} at its deepest ({:.0f} %)", format_bytes(deepest), format_bytes(bytes),
                           100.0 * static_cast<double>(deepest) / static_cast<double>(bytes));
    }
    if (mode == PoolMode::kWorker) return fmt::format("ran last on worker {}", coroutine.worker);
    if (mode == PoolMode::kGrowth) {
        const inspect::SiteMigrationsImage* row = state.migrations_of(coroutine.site);
        return row == nullptr ? "no stack of its site has grown" : fmt::format("stacks of its site grew {} times", format_count(row->count()));
    }
    return "";
}

nlohmann::json to_json(const ShadeLegend& legend) {
    nlohmann::json kinds = nlohmann::json::array();
    for (const ShadeLegend::Kind& kind : legend.kinds)
        kinds.push_back({{"name", kind.name}, {"slots", kind.slots}});
    return {{"mode", pool_mode_name(legend.mode)}, {"ranked", legend.ranked}, {"low", legend.low},  {"high", legend.high},
            {"known", legend.known},               {"unknown", legend.unknown}, {"kinds", kinds}};
}

}  // namespace coroscope::views
