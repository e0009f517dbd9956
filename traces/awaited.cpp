// Names for what is waited for; indices come from the target and may be stale, so each is looked up.
#include "traces/awaited.h"

#include <fmt/format.h>

namespace coroscope::traces {

using wire::WaitReason;

std::string awaited_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.state != wire::CoroutineState::kParked) return "";
    switch (coroutine.reason) {
        case WaitReason::kChannelSend:
        case WaitReason::kChannelReceive:
            return channel_at_text(state, coroutine.wait_object);
        case WaitReason::kSelect: {
            std::string names;
            for (const inspect::SelectArmImage& arm : state.arms_of(coroutine))
                names += (names.empty() ? "" : ", ") + channel_at_text(state, arm.channel);
            return names.empty() ? "select" : "select(" + names + ")";
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

std::string channel_at_text(const inspect::StateImage& state, std::uint32_t channel) {
    const inspect::ChannelImage* found = state.channel_at(channel);
    return found != nullptr ? state.channel_text(*found) : "channel:?";
}

std::string arms_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.state != wire::CoroutineState::kParked || coroutine.reason != WaitReason::kSelect)
        return "";
    std::string text;
    for (const inspect::SelectArmImage& arm : state.arms_of(coroutine)) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", arm.receives ? "receive from" : "send to",
                            channel_at_text(state, arm.channel));
    }
    return text;
}

std::string woken_text(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    if (coroutine.woken_ticks == 0) return "";
    std::string who;
    if (const inspect::CoroutineImage* waker = state.coroutine_of(coroutine.woken_by);
        coroutine.woken_by != 0 && waker != nullptr) {
        who = fmt::format("{} ({})", state.coroutine_name(*waker), coroutine.woken_by);
    } else if (coroutine.woken_by != 0) {
        who = fmt::format("{}, which has ended", coroutine.woken_by);
    }
    const auto done = [&](const char* what, const char* by_itself) {
        return who.empty() ? by_itself : "by " + who + what;
    };
    switch (coroutine.woken_cause) {
        case wire::WakeCause::kTimer:
            return "by its timer";
        case wire::WakeCause::kSignal:
            return "by a signal";
        case wire::WakeCause::kOutside:
            return "by a thread outside";
        case wire::WakeCause::kCancel:
            return done(", which cancelled it", "by a cancellation");
        case wire::WakeCause::kClose:
            return done(", which closed the channel", "by a channel that was closed");
        case wire::WakeCause::kExit:
            return done(", at its end", "by the end of another coroutine");
        case wire::WakeCause::kResume:
            return done(", which resumed it", "by a resume");
        case wire::WakeCause::kCoroutine:
            break;
    }
    return done("", "by a coroutine that is not known");
}

}  // namespace coroscope::traces
