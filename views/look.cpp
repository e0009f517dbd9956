// See look.h.
#include "views/look.h"

namespace coroscope::views {
namespace {

Look look_of_wait(wire::WaitReason reason) {
    switch (reason) {
        case wire::WaitReason::kChannelSend:
        case wire::WaitReason::kChannelReceive:
        case wire::WaitReason::kCall:
            return Look::kChannel;
        case wire::WaitReason::kSelect:
            return Look::kSelect;
        case wire::WaitReason::kJoin:
        case wire::WaitReason::kNursery:
        case wire::WaitReason::kMutex:
        case wire::WaitReason::kSharedMutex:
        case wire::WaitReason::kCondition:
        case wire::WaitReason::kSemaphore:
        case wire::WaitReason::kBarrier:
        case wire::WaitReason::kLatch:
        case wire::WaitReason::kWaitEvent:
        case wire::WaitReason::kOnce:
            return Look::kLock;
        case wire::WaitReason::kSleep:
            return Look::kTimer;
        case wire::WaitReason::kDescriptor:
            return Look::kIo;
        case wire::WaitReason::kSignal:
            return Look::kSignal;
        case wire::WaitReason::kYield:
            return Look::kReady;
        default:
            return Look::kOther;
    }
}

}  // namespace

Look look_of(const inspect::CoroutineImage& coroutine) {
    if (coroutine.consistency == inspect::Consistency::kUnknown) return Look::kUnknown;
    switch (coroutine.state) {
        case wire::CoroutineState::kRunning:
            return Look::kRunning;
        case wire::CoroutineState::kReady:
        case wire::CoroutineState::kCreated:
            return Look::kReady;
        case wire::CoroutineState::kParked:
            return look_of_wait(coroutine.reason);
        case wire::CoroutineState::kPaused:
        case wire::CoroutineState::kExited:
            return Look::kOther;
        case wire::CoroutineState::kFree:
            break;
    }
    return Look::kFree;
}

const char* look_name(Look look) {
    static constexpr const char* kNames[kLooksCount] = {
        "free",
        "sleeping",
        "running",
        "ready",
        "on a signal",
        "on I/O",
        "other",
        "lock or join",
        "in a select",
        "on a channel",
        "being handed over",
        "unknown",
    };
    const auto index = static_cast<std::uint8_t>(look);
    return index < kLooksCount ? kNames[index] : "?";
}

Mark mark_of(Look look) {
    static constexpr Mark kMarks[kLooksCount] = {
        Mark::kNone, Mark::kRing,   Mark::kTriangle, Mark::kDisc,    Mark::kCross, Mark::kBars,
        Mark::kDot,  Mark::kSquare, Mark::kPlus,     Mark::kDiamond, Mark::kFrame, Mark::kHatch,
    };
    const auto index = static_cast<std::uint8_t>(look);
    return index < kLooksCount ? kMarks[index] : Mark::kNone;
}

}  // namespace coroscope::views
