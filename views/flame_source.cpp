// See flame_source.h.
#include "views/flame_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/frame_names.h"

namespace coroscope::views {
namespace {

std::string name_at_root(const inspect::StateImage& state, std::uint32_t site, std::uint32_t name) {
    inspect::CoroutineImage coroutine{};
    coroutine.site = site;
    coroutine.name = name;
    const std::string_view text = state.coroutine_name(coroutine);
    return text.empty() ? std::string("coroutine") : std::string(text);
}

}  // namespace

std::string root_of(const traces::Moment& moment, const inspect::CoroutineImage& coroutine) {
    return exports::root_text(name_at_root(moment.state, coroutine.site, coroutine.name), moment.state.site_text(coroutine.site));
}

std::vector<std::uint64_t> who_has_root(const traces::Moment& moment, const std::string& root) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, bool> known;  // by site and name: thousands share them
    std::vector<std::uint64_t> identities;
    for (const inspect::CoroutineImage& coroutine : moment.state.coroutines) {
        const auto [has, fresh] = known.try_emplace({coroutine.site, coroutine.name}, false);
        if (fresh)
            has->second = root_of(moment, coroutine) == root;
        if (has->second) identities.push_back(coroutine.identity);
    }
    std::sort(identities.begin(), identities.end());
    return identities;
}

Flame past_flame(const std::shared_ptr<const traces::Replay>& replay, const FlameWish& wish, traces::Search& search) {
    Flame flame;
    flame.mode = wish.mode;
    flame.from = wish.range ? std::max(replay->begin(), wish.range->begin) : replay->begin();
    flame.to = wish.range ? std::min(replay->end(), wish.range->end) : replay->end();
    if (flame.from >= flame.to) {
        flame.error = "The selected range lies outside of what is kept: drop it, or select another one.";
        return flame;
    }
    // The reader lives as long as its Replay.
    const std::shared_ptr<const traces::TraceReader> reader(replay, &replay->reader());
    auto walk = wish.range ? analyses::TraceWalk::make(reader, flame.from, flame.to) : analyses::TraceWalk::make(reader);
    if (!walk) {
        flame.error = walk.error().message;
        return flame;
    }
    exports::StackProfileWish asked;
    asked.kind = wish.mode == FlameMode::kOnCpu ? exports::Kind::kCpu : exports::Kind::kBlocked;
    asked.coroutine = wish.coroutine;
    asked.site = wish.site;
    asked.search = &search;
    if (wish.whom != nullptr)
        asked.of_whom = [whom = wish.whom](std::uint64_t identity, std::string_view name, std::string_view site) {
            return whom->passes(identity, name, site);
        };
    auto profile = exports::make_stack_profile(**walk, asked);
    if (!profile) {
        flame.error = profile.error().message;
        return flame;
    }
    flame.tree = make_flame(*profile, false);
    return flame;
}

Flame moment_flame(traces::Session& session, const traces::Moment& moment, const FlameWish& wish, bool wait_for_names) {
    Flame flame;
    flame.mode = wish.mode;
    flame.from = flame.to = moment.t;
    using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, wire::WaitReason>;
    std::map<Key, std::array<std::int64_t, 2>> sums;
    const FilterMatch match = wish.whom != nullptr ? match_filter(moment, wish.whom->text()) : FilterMatch{};
    for (std::size_t i = 0; i < moment.state.coroutines.size(); ++i) {
        const inspect::CoroutineImage& coroutine = moment.state.coroutines[i];
        if (coroutine.state != wire::CoroutineState::kParked || (wish.whom != nullptr && !match.by_position[i])) continue;
        if (wish.coroutine != 0 && coroutine.identity != wish.coroutine) continue;
        const inspect::StackRef* ref = moment.stack_of(coroutine);
        const std::uint32_t stack = ref != nullptr && moment.table != nullptr && ref->stack < moment.table->size() ? ref->stack
                                                                                                                   : wire::kNone;
        auto& sum = sums[{coroutine.site, coroutine.name, stack, coroutine.reason}];
        ++sum[0];
        sum[1] += ref != nullptr ? ref->used_bytes : 0;
    }
    exports::StackProfile profile;
    profile.names = {"coroutines", "stack"};
    profile.units = {"count", "bytes"};
    for (const auto& [key, values] : sums) {
        const auto& [site, name, stack, reason] = key;
        exports::StackRow row;
        row.site = moment.state.site_text(site);
        if (!wish.site.empty() && row.site != wish.site) continue;
        row.coroutine = name_at_root(moment.state, site, name);
        row.reason = inspect::reason_name(reason);
        if (stack != wire::kNone) {
            const auto& pcs = moment.table->pcs(stack);
            for (const inspect::Frame& frame : wait_for_names ? session.wait_frames(pcs) : session.known_frames(pcs))
                row.frames.push_back({exports::frame_text(frame), frame.file, frame.module, frame.line, frame.pc});
        } else {
            row.frames.push_back({exports::kPartialFrame, "", "", 0, 0});
        }
        row.frames.push_back({exports::root_text(row.coroutine, row.site), "", "", 0, 0});
        row.values = values;
        profile.rows.push_back(std::move(row));
    }
    flame.tree = make_flame(profile, wish.mode == FlameMode::kParked);
    return flame;
}

}  // namespace coroscope::views
