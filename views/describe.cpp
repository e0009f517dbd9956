// See describe.h.
#include "views/describe.h"

#include <fmt/format.h>

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
        case wire::WaitReason::kSignal:
            return fmt::format("signal {}", coroutine.wait_object);
        case wire::WaitReason::kDescriptor:
            return fmt::format("descriptor {}", coroutine.wait_object);
        default:
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

std::string segments_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if ((coroutine.flags & wire::kCoroutineSegments) == 0) return "";
    std::string text;
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        if (segment.coroutine == coroutine.index && segment.pool < state.pools.size())
            text += fmt::format(" + {}", inspect::size_class_name(state.pools[segment.pool].size_class));
    }
    return text;
}

std::uint64_t slot_bytes_of(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.pool >= state.pools.size()) return 0;
    const inspect::PoolImage& pool = state.pools[coroutine.pool];
    std::uint64_t bytes = (coroutine.flags & wire::kCoroutineGrown) != 0 ? pool.stride_bytes - pool.guard_bytes
                                                                         : pool.slot_bytes;
    if ((coroutine.flags & wire::kCoroutineSegments) != 0) {
        for (const inspect::StackSegmentImage& segment : state.stack_segments) {
            if (segment.coroutine == coroutine.index && segment.pool < state.pools.size())
                bytes += state.pools[segment.pool].slot_bytes;
        }
    }
    return bytes;
}

}  // namespace coroscope::views
