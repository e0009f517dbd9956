// Every coroutine's stack as JSON and text, look-alikes merged.
//
// A stack belongs to a coroutine when both were seen at the same sequence; then it is the stack it has at this moment. When the last
// snapshot is older than its last park, only the address where it parked is known (suspend events carry it): one frame, marked
// `partial`. What runs has no stack to show, but in a core.
//
// Names are asked for once a distinct stack, not once a coroutine: 100,000 coroutines share a handful. Tested in tests/unit/traces and,
// against gdb, in tests/e2e.
#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/awaited.h"

namespace coroscope::traces {
namespace {

using inspect::CoroutineImage;
using inspect::Frame;
using nlohmann::json;

// The addresses to show for a coroutine, and how far they can be trusted.
struct Shown {
    const inspect::StackRef* ref = nullptr;  // nullptr: no unwound stack of this park
    std::vector<std::uint64_t> pcs;
    bool partial = false;
};

Shown shown_stack(const Moment& moment, const CoroutineImage& coroutine) {
    Shown shown;
    shown.ref = moment.stack_of(coroutine);
    // Of a core the stacks of those that ran are known as well.
    if (coroutine.state == wire::CoroutineState::kRunning && shown.ref == nullptr) return shown;
    if (shown.ref != nullptr) {
        shown.pcs = moment.table->pcs(shown.ref->stack);
        shown.partial = shown.ref->end != inspect::UnwindEnd::kEntry;
    } else if (coroutine.rip != 0) {
        shown.pcs = {coroutine.rip};
        shown.partial = true;
    }
    return shown;
}

// Frames by list of addresses, asked for once each.
class FrameCache {
public:
    explicit FrameCache(Session& session) : session_(session) {}

    const std::vector<Frame>& frames(const std::vector<std::uint64_t>& pcs) {
        auto [found, fresh] = frames_.try_emplace(pcs);
        if (fresh) found->second = session_.wait_frames(pcs);
        return found->second;
    }

private:
    Session& session_;
    std::map<std::vector<std::uint64_t>, std::vector<Frame>> frames_;
};

json frames_json(const std::vector<Frame>& frames) {
    json rows = json::array();
    for (const Frame& frame : frames) {
        rows.push_back({{"pc", frame.pc},
                        {"function", frame.function},
                        {"file", frame.file},
                        {"line", frame.line},
                        {"module", frame.module},
                        {"inlined", frame.inlined}});
    }
    return rows;
}

// The slots on which its stack goes on, in the order of their classes.
json segments_json(const inspect::StateImage& state, const CoroutineImage& coroutine) {
    std::vector<std::pair<std::uint8_t, std::uint32_t>> slots;
    if ((coroutine.flags & wire::kCoroutineSegments) != 0) {
        for (const inspect::StackSegmentImage& segment : state.stack_segments) {
            if (segment.coroutine == coroutine.index && segment.pool < state.pools.size())
                slots.emplace_back(segment.pool, segment.slot);
        }
    }
    std::sort(slots.begin(), slots.end());
    json rows = json::array();
    for (const auto& [pool, slot] : slots)
        rows.push_back({{"class", inspect::size_class_name(state.pools[pool].size_class)},
                        {"slot", slot},
                        {"bytes", state.pools[pool].slot_bytes}});
    return rows;
}

// What it waits for at once, in a select: [{"arm", "does": "receive"|"send", "channel"}].
json arms_json(const inspect::StateImage& state, const CoroutineImage& coroutine) {
    json rows = json::array();
    for (const inspect::SelectArmImage& arm : state.arms_of(coroutine)) {
        rows.push_back({{"arm", arm.position},
                        {"does", arm.receives ? "receive" : "send"},
                        {"channel", channel_at_text(state, arm.channel)}});
    }
    return rows;
}

// Who woke it last: {"cause", "id": null where it was no coroutine or is not known, "ago_ns", "text"}; null when nobody saw it.
json woken_json(const Moment& moment, const CoroutineImage& coroutine) {
    const inspect::StateImage& state = moment.state;
    if (coroutine.woken_ticks == 0) return nullptr;
    return {{"cause", inspect::wake_cause_name(coroutine.woken_cause)},
            {"id", coroutine.woken_by == 0 ? json(nullptr) : json(coroutine.woken_by)},
            {"ago_ns", std::max<TimeNs>(0, moment.t - state.since_start_ns(coroutine.woken_ticks))},
            {"text", woken_text(state, coroutine)}};
}

json coroutine_json(const Moment& moment, const CoroutineImage& coroutine, const Shown& shown,
                    const json& frames) {
    const inspect::StateImage& state = moment.state;
    const bool pool_known = coroutine.pool < state.pools.size();
    json row = {
        {"id", coroutine.identity},
        {"name", state.coroutine_name(coroutine)},
        {"state", inspect::state_name(coroutine.state)},
        {"class", pool_known ? inspect::size_class_name(state.pools[coroutine.pool].size_class) : "?"},
        {"consistency",
         inspect::consistency_name(shown.ref != nullptr ? shown.ref->consistency : coroutine.consistency)},
        {"site", state.site_text(coroutine.site)},
        {"spawner", coroutine.spawner},
        {"waits_on", nullptr},
        {"arms", coroutine.reason == wire::WaitReason::kSelect ? arms_json(state, coroutine) : json::array()},
        {"woken_by", woken_json(moment, coroutine)},
        {"reason", inspect::reason_name(coroutine.reason)},
        {"stack_used_bytes", nullptr},
        {"stack_high_water_bytes", nullptr},
        {"partial", shown.partial},
        {"grown_in_place", (coroutine.flags & wire::kCoroutineGrown) != 0},
        {"segments", segments_json(state, coroutine)},
        {"guards", nullptr},
        {"frames", frames},
    };
    if (std::string awaited = awaited_text(state, coroutine); !awaited.empty())
        row["waits_on"] = std::move(awaited);
    if (shown.ref != nullptr) {
        row["stack_used_bytes"] = shown.ref->used_bytes;
        row["unwind_end"] = inspect::unwind_end_name(shown.ref->end);
    }
    if (pool_known) {
        const std::string guards = guards_text(state.pools[coroutine.pool]);
        if (!guards.empty()) row["guards"] = guards;
    }
    if (const std::uint64_t deepest = moment.high_water_of(coroutine); deepest != 0)
        row["stack_high_water_bytes"] = deepest;
    return row;
}

struct Group {
    std::vector<std::uint64_t> pcs;
    std::size_t count = 0;
    const CoroutineImage* example = nullptr;
};

// Look-alikes, most first; equal counts in the order of their addresses, so that output is stable.
std::vector<Group> merged(const Moment& moment) {
    std::map<std::vector<std::uint64_t>, Group> groups;
    for (const CoroutineImage& coroutine : moment.state.coroutines) {
        Shown shown = shown_stack(moment, coroutine);
        if (shown.pcs.empty()) continue;
        Group& group = groups[shown.pcs];
        if (group.count++ == 0) {
            group.pcs = std::move(shown.pcs);
            group.example = &coroutine;
        }
    }
    std::vector<Group> sorted;
    sorted.reserve(groups.size());
    for (auto& [pcs, group] : groups)
        sorted.push_back(std::move(group));
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Group& a, const Group& b) { return a.count > b.count; });
    return sorted;
}

std::string frame_line(const Frame& frame) {
    const std::string place = frame.file.empty() ? frame.module : fmt::format("{}:{}", frame.file, frame.line);
    const std::string in_module = module_place(frame);
    const std::string unnamed = in_module.empty() ? "?" : in_module;
    return fmt::format("    {:#014x}  {}{}{}{}\n", frame.pc, frame.function.empty() ? unnamed : frame.function,
                       frame.inlined ? " (inlined)" : "", place.empty() ? "" : "  ", place);
}

}  // namespace

json stacks_json(Session& session, const Moment& moment) {
    FrameCache cache(session);
    std::map<std::vector<std::uint64_t>, json> rendered;
    const auto frames_of = [&](const std::vector<std::uint64_t>& pcs) -> const json& {
        auto [found, fresh] = rendered.try_emplace(pcs);
        if (fresh) found->second = pcs.empty() ? json::array() : frames_json(cache.frames(pcs));
        return found->second;
    };
    json coroutines = json::array();
    for (const CoroutineImage& coroutine : moment.state.coroutines) {
        const Shown shown = shown_stack(moment, coroutine);
        coroutines.push_back(coroutine_json(moment, coroutine, shown, frames_of(shown.pcs)));
    }
    json groups = json::array();
    for (const Group& group : merged(moment)) {
        groups.push_back({{"count", group.count}, {"frames", frames_of(group.pcs)}});
    }
    return {{"t_ns", moment.t},
            {"coroutines", std::move(coroutines)},
            {"merged", std::move(groups)},
            {"sites", to_json(site_stats(session, moment.state))}};
}

std::string stacks_text(Session& session, const Moment& moment) {
    FrameCache cache(session);
    std::string text;
    std::size_t shown_count = 0;
    for (const Group& group : merged(moment)) {
        shown_count += group.count;
        const std::string awaited = awaited_text(moment.state, *group.example);
        const std::string_view name = moment.state.coroutine_name(*group.example);
        text += group.count == 1 ? fmt::format("coroutine {} \"{}\"", group.example->identity, name)
                                 : fmt::format("{} coroutines, one is {} \"{}\"", group.count,
                                               group.example->identity, name);
        text += fmt::format(", {}", inspect::state_name(group.example->state));
        const std::string arms = arms_text(moment.state, *group.example);
        if (!arms.empty()) {
            text += ", select " + arms;
        } else if (!awaited.empty()) {
            text += fmt::format(", {} {}", inspect::reason_name(group.example->reason), awaited);
        }
        if (const std::string woken = woken_text(moment.state, *group.example); !woken.empty())
            text += ", woken last " + woken;
        text += "\n";
        for (const Frame& frame : cache.frames(group.pcs))
            text += frame_line(frame);
        if (shown_stack(moment, *group.example).partial) text += "    (further frames were not captured)\n";
        text += "\n";
    }
    text += fmt::format("{} coroutines at {:.3f} s", moment.state.coroutines.size(),
                        static_cast<double>(moment.t) / 1e9);
    if (const std::size_t rest = moment.state.coroutines.size() - shown_count; rest != 0)
        text += fmt::format(", {} of them running", rest);
    return text + "\n";
}

}  // namespace coroscope::traces
