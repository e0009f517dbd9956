// Names for what is waited for; indices come from the target and may be stale, so each is looked up.
#include "traces/awaited.h"

#include <fmt/format.h>

namespace coroscope::traces {

using wire::WaitReason;

std::string awaited_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.state != wire::CoroutineState::kParked) return "";
    switch (coroutine.reason) {
        case WaitReason::kChannelSend:
        case WaitReason::kChannelReceive: {
            const inspect::ChannelImage* channel = state.channel_at(coroutine.wait_object);
            return channel != nullptr ? state.channel_text(*channel) : "channel:?";
        }
        case WaitReason::kJoin: {
            const inspect::CoroutineImage* joined = state.coroutine_at(coroutine.wait_object);
            return joined != nullptr ? std::to_string(joined->identity) : "coroutine:?";
        }
        case WaitReason::kSleep:
            return "timer";
        case WaitReason::kSignal:
            return fmt::format("signal:{}", coroutine.wait_object);
        default:
            if (wire::waits_for_waitable(coroutine.reason)) {
                const inspect::WaitableImage* waitable = state.waitable_at(coroutine.wait_object);
                if (waitable != nullptr) return state.waitable_text(*waitable);
            }
            return inspect::reason_name(coroutine.reason);
    }
}

}  // namespace coroscope::traces
