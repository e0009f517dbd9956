// Mutexes and their kin for `stat` and the window: who holds each, what its value says, who waits.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "traces/analysis.h"

namespace coroscope::traces {
namespace {

using inspect::WaitableImage;

std::string holder_text(const inspect::StateImage& state, std::uint64_t owner) {
    if (owner == 0) return "";
    if (wire::owner_is_thread(owner)) return fmt::format("thread {}", wire::owner_thread_id(owner));
    const inspect::CoroutineImage* coroutine = state.coroutine_of(owner);
    if (coroutine == nullptr) return fmt::format("{}, which has ended", owner);
    return fmt::format("{} ({})", state.coroutine_name(*coroutine), owner);
}

std::string value_text(const WaitableImage& waitable) {
    constexpr std::uint32_t kNoLimit = 0x7fffffff;  // of a semaphore whose maker gave none
    switch (waitable.kind) {
        case wire::WaitableKind::kSharedMutex:
            return waitable.value == 0 ? "" : fmt::format("{} readers", waitable.value);
        case wire::WaitableKind::kSemaphore:
            return waitable.limit == kNoLimit
                       ? fmt::format("{} permits", waitable.value)
                       : fmt::format("{} of {} permits", waitable.value, waitable.limit);
        case wire::WaitableKind::kBarrier:
            return fmt::format("{} of {} arrived", waitable.value, waitable.limit);
        case wire::WaitableKind::kLatch:
            return waitable.value == 0 ? "open"
                                       : fmt::format("{} of {} to go", waitable.value, waitable.limit);
        case wire::WaitableKind::kEvent:
            return waitable.value != 0 ? "set" : "not set";
        case wire::WaitableKind::kOnce:
            return waitable.value == wire::kOnceDone      ? "done"
                   : waitable.value == wire::kOnceRunning ? "runs"
                                                          : "new";
        case wire::WaitableKind::kCall:
            return waitable.value != 0 ? "closed" : "";
        case wire::WaitableKind::kNursery:
            return fmt::format("{} live in it", waitable.value);
        default:
            return "";
    }
}

}  // namespace

std::vector<WaitableStat> waitable_stats(const inspect::StateImage& state) {
    constexpr std::size_t kWaitersNamed = 16;
    std::unordered_map<std::uint32_t, std::vector<std::uint64_t>> waiters;
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || !wire::waits_for_waitable(coroutine.reason))
            continue;
        std::vector<std::uint64_t>& named = waiters[coroutine.wait_object];
        if (named.size() < kWaitersNamed) named.push_back(coroutine.identity);
    }
    std::vector<WaitableStat> rows;
    rows.reserve(state.waitables.size());
    for (const WaitableImage& waitable : state.waitables) {
        WaitableStat row;
        row.kind = inspect::waitable_kind_name(waitable.kind);
        const std::string_view name = state.text(waitable.name);
        row.name = name.empty() ? fmt::format("#{}", waitable.identity) : std::string(name);
        row.site = state.site_text(waitable.site);
        if (waitable.consistency != inspect::Consistency::kUnknown) {
            row.holder = holder_text(state, waitable.owner);
            row.value = value_text(waitable);
            row.owner = wire::owner_is_thread(waitable.owner) ? 0 : waitable.owner;
        } else {
            row.value = "unknown";
        }
        row.waiting = waitable.waiting;
        row.threads_waiting = waitable.threads_waiting;
        row.served = waitable.served;
        row.waited = waitable.waited;
        if (const auto named = waiters.find(waitable.index); named != waiters.end())
            row.waiters = named->second;
        rows.push_back(std::move(row));
    }
    return rows;
}

nlohmann::json to_json(const std::vector<WaitableStat>& waitables) {
    nlohmann::json rows = nlohmann::json::array();
    for (const WaitableStat& row : waitables) {
        rows.push_back({{"kind", row.kind},
                        {"name", row.name},
                        {"site", row.site},
                        {"holder", row.holder.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.holder)},
                        {"value", row.value.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.value)},
                        {"waiting", row.waiting},
                        {"threads_waiting", row.threads_waiting},
                        {"waiters", row.waiters},
                        {"served", row.served},
                        {"waited", row.waited}});
    }
    return rows;
}

std::string to_text(const std::vector<WaitableStat>& waitables) {
    if (waitables.empty()) return {};
    constexpr std::size_t kShown = 40;
    std::string out = fmt::format("{:<13} {:<24} {:<28} {:<20} {:>8} {:>12} {:>10}\n", "kind", "name",
                                  "held by", "value", "waiting", "served", "waited");
    for (std::size_t i = 0; i < std::min(waitables.size(), kShown); ++i) {
        const WaitableStat& row = waitables[i];
        out += fmt::format("{:<13} {:<24} {:<28} {:<20} {:>8} {:>12} {:>10}\n", row.kind, row.name,
                           row.holder.empty() ? "-" : row.holder, row.value.empty() ? "-" : row.value,
                           row.waiting + row.threads_waiting, row.served, row.waited);
    }
    if (waitables.size() > kShown) out += fmt::format("... and {} more\n", waitables.size() - kShown);
    return out;
}

}  // namespace coroscope::traces
