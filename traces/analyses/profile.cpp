// compute_profile(): the walk, and who is still there at its end.
#include "traces/analyses/profile.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "traces/analyses/profiler.h"
#include "traces/awaited.h"
#include "traces/wait_graph.h"

namespace coroscope::analyses {
namespace {

// Those who live at the end, look-alikes counted: where nobody can wake them any more they were forgotten.
std::vector<AliveRow> alive_at_end(const traces::Moment& end) {
    const inspect::StateImage& state = end.state;
    const traces::WaitGraph graph(state, end.moved);
    using Key = std::tuple<std::uint32_t, std::string_view, wire::CoroutineState, wire::WaitReason>;
    std::map<Key, AliveRow> rows;
    for (std::size_t i = 0; i < state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = state.coroutines[i];
        const std::string_view name = state.coroutine_name(coroutine);
        AliveRow& row = rows[{coroutine.site, name, coroutine.state, coroutine.reason}];
        if (row.count++ == 0) {
            row.site = state.site_text(coroutine.site);
            row.name = std::string(name);
            row.state = inspect::state_name(coroutine.state);
            row.first = coroutine.identity;
            row.waits_on = traces::awaited_text(state, coroutine);
        }
        row.stuck += graph.stuck()[i] == 2 ? 1 : 0;
        row.perhaps_stuck += graph.stuck()[i] == 1 ? 1 : 0;
    }
    std::vector<AliveRow> sorted;
    sorted.reserve(rows.size());
    for (auto& [key, row] : rows)
        sorted.push_back(std::move(row));
    std::stable_sort(sorted.begin(), sorted.end(), [](const AliveRow& a, const AliveRow& b) {
        return std::tie(a.stuck, a.perhaps_stuck, a.count) > std::tie(b.stuck, b.perhaps_stuck, b.count);
    });
    return sorted;
}

}  // namespace

Profile compute_profile(TraceWalk& walk, const ProfileOptions& options) {
    Profile profile;
    profile.options = options;
    Profiler profiler(walk, options);
    profile.counts = walk.run(profiler);
    profiler.finish(profile);
    profile.duration_ns = walk.duration_ns(walk.end_ticks() - walk.begin_ticks());
    const double ticks_per_ns = walk.reader().meta().clock.ticks_per_ns();
    profile.ns_per_tick = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    profile.ended = walk.reader().end().because;
    profile.alive_at_end = alive_at_end(walk.end());
    return profile;
}

}  // namespace coroscope::analyses
