// See filtered_stat.h.
#include "views/filtered_stat.h"

#include <unordered_set>

#include "views/coroutine_filter.h"

namespace coroscope::views {

std::vector<traces::WaitableStat> filtered_waitables(const traces::Moment& moment, const std::string& filter) {
    const inspect::StateImage& state = moment.state;
    std::vector<traces::WaitableStat> all = traces::waitable_stats(state);
    const FilterMatch match = match_filter(moment, filter);
    if (filter.empty() || match.about_events) return all;
    std::unordered_set<std::uint32_t> waited_for;  // by record
    for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = state.coroutines[i];
        if (match.by_position[i] && coroutine.state == wire::CoroutineState::kParked && wire::waits_for_waitable(coroutine.reason))
            waited_for.insert(coroutine.wait_object);
    }
    std::vector<traces::WaitableStat> rows;
    for (std::size_t i = 0; i < all.size() && i < state.waitables.size(); ++i) {  // a row each, in their order
        if (match.has(all[i].owner) || waited_for.contains(state.waitables[i].index)) rows.push_back(std::move(all[i]));
    }
    return rows;
}

bool waits_in(const inspect::CoroutineImage& coroutine, const traces::SelectStat& select) {
    return coroutine.state == wire::CoroutineState::kParked && coroutine.reason == wire::WaitReason::kSelect && coroutine.rip == select.address;
}

std::vector<traces::SelectStat> filtered_selects(traces::Session& session, const traces::Moment& moment, const std::string& filter) {
    std::vector<traces::SelectStat> rows = traces::select_stats(session, moment.state);
    const FilterMatch match = match_filter(moment, filter);
    if (filter.empty() || match.about_events) return rows;
    std::unordered_set<std::uint64_t> addresses;
    for (std::size_t i = 0; i < moment.state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = moment.state.coroutines[i];
        if (match.by_position[i] && coroutine.state == wire::CoroutineState::kParked && coroutine.reason == wire::WaitReason::kSelect)
            addresses.insert(coroutine.rip);
    }
    std::erase_if(rows, [&](const traces::SelectStat& row) { return !addresses.contains(row.address); });
    return rows;
}

}  // namespace coroscope::views
