// See flame_source.h.
#include "views/flame_source.h"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/frame_names.h"

namespace coroscope::views {

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
    for (const inspect::CoroutineImage& coroutine : moment.state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked) continue;
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
        inspect::CoroutineImage coroutine{};
        coroutine.site = site;
        coroutine.name = name;
        row.coroutine = std::string(moment.state.coroutine_name(coroutine));
        if (row.coroutine.empty()) row.coroutine = "coroutine";
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
