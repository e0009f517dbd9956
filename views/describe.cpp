// See describe.h.
#include "views/describe.h"

#include <algorithm>

#include <fmt/format.h>

#include "traces/awaited.h"
#include "views/format.h"

namespace coroscope::views {

std::string state_text(const inspect::CoroutineImage& coroutine) {
    switch (coroutine.state) {
        case wire::CoroutineState::kRunning:
            return fmt::format("running on worker {}", coroutine.worker);
        case wire::CoroutineState::kParked:
            return inspect::reason_name(coroutine.reason);
        default:
            return inspect::state_name(coroutine.state);
    }
}

std::string waits_on_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.state != wire::CoroutineState::kParked) return {};
    switch (coroutine.reason) {
        case wire::WaitReason::kChannelSend:
        case wire::WaitReason::kChannelReceive: {
            const auto* channel = state.channel_at(coroutine.wait_object);
            return channel != nullptr ? state.channel_text(*channel) : "a channel that is gone";
        }
        case wire::WaitReason::kJoin: {
            const auto* other = state.coroutine_at(coroutine.wait_object);
            if (other == nullptr) return "a coroutine that ended";
            return fmt::format("{} {}", other->identity, state.coroutine_name(*other));
        }
        case wire::WaitReason::kSleep:
            return coroutine.deadline_ticks == 0
                       ? std::string()
                       : "until " + format_time(state.since_start_ns(coroutine.deadline_ticks));
        case wire::WaitReason::kSelect:
            return traces::arms_text(state, coroutine);
        case wire::WaitReason::kSignal:
            return fmt::format("signal {}", coroutine.wait_object);
        case wire::WaitReason::kDescriptor:
            return fmt::format("descriptor {}", coroutine.wait_object);
        default:
            if (wire::waits_for_waitable(coroutine.reason)) {
                const auto* waitable = state.waitable_at(coroutine.wait_object);
                return waitable != nullptr ? state.waitable_text(*waitable) : "an object that is gone";
            }
            return {};
    }
}

std::int64_t in_state_ns(const traces::Moment& moment, const inspect::CoroutineImage& coroutine) {
    if (coroutine.since_ticks == 0) return -1;
    return std::max<std::int64_t>(0, moment.t - moment.state.since_start_ns(coroutine.since_ticks));
}

std::string one_line(const traces::Moment& moment, const inspect::CoroutineImage& coroutine) {
    std::string line = fmt::format("{} {} · {}", coroutine.identity, moment.state.coroutine_name(coroutine),
                                   state_text(coroutine));
    if (const std::string object = waits_on_text(moment.state, coroutine); !object.empty())
        line += " · " + object;
    return line;
}

const char* size_class_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    return coroutine.pool < state.pools.size()
               ? inspect::size_class_name(state.pools[coroutine.pool].size_class)
               : "?";
}

std::vector<inspect::StackSegmentImage> segments_of(const inspect::StateImage& state,
                                                    const inspect::CoroutineImage& coroutine) {
    std::vector<inspect::StackSegmentImage> segments;
    if ((coroutine.flags & wire::kCoroutineSegments) == 0) return segments;
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        if (segment.coroutine == coroutine.index && segment.pool < state.pools.size())
            segments.push_back(segment);
    }
    const auto size_class = [&](const auto& segment) { return state.pools[segment.pool].size_class; };
    std::sort(segments.begin(), segments.end(), [&](const auto& a, const auto& b) {
        return size_class(a) != size_class(b) ? size_class(a) < size_class(b) : a.slot < b.slot;
    });
    return segments;
}

std::string stack_classes_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    std::string text = size_class_text(state, coroutine);
    for (const inspect::StackSegmentImage& segment : segments_of(state, coroutine))
        text += fmt::format(" + {}", inspect::size_class_name(state.pools[segment.pool].size_class));
    if ((coroutine.flags & wire::kCoroutineGrown) != 0) text += ", grown in place";
    return text;
}

std::string site_use_text(const inspect::StateImage& state, std::uint32_t site, std::uint64_t at_least) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " · ") + part; };
    if (site < state.sites.size() && state.sites[site].high_water_bytes != 0)
        add("deepest seen " +
            format_bytes(std::max<std::uint64_t>(at_least, state.sites[site].high_water_bytes)));
    const inspect::SiteMigrationsImage* grown = state.migrations_of(site);
    if (grown == nullptr) return text;
    if (grown->segments != 0) add(format_count(grown->segments) + " grew by segment");
    if (grown->in_place != 0) add(format_count(grown->in_place) + " grew in place");
    if (grown->wishes != 0) add(format_count(grown->wishes) + " called on a bigger stack");
    return text;
}

std::uint64_t slot_bytes_of(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.pool >= state.pools.size()) return 0;
    const inspect::PoolImage& pool = state.pools[coroutine.pool];
    std::uint64_t bytes = (coroutine.flags & wire::kCoroutineGrown) != 0 ? pool.stride_bytes - pool.guard_bytes
                                                                         : pool.slot_bytes;
    for (const inspect::StackSegmentImage& segment : segments_of(state, coroutine))
        bytes += state.pools[segment.pool].slot_bytes;
    return bytes;
}

}  // namespace coroscope::views
