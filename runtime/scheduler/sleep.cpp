// Sleep, and what a coroutine may know of itself.
#include <time.h>

#include <cerrno>
#include <mutex>

#include "cprime/this_coroutine.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/sleepers.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {

ResumePoint sleep_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<SleepRequest*>(argument);
    if (worker == nullptr) {
        timespec left{request.duration_ns / 1'000'000'000, request.duration_ns % 1'000'000'000};
        while (request.duration_ns > 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
        }
        return nullptr;
    }
    if (cancel_requested(index)) {
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    record(index).transfer = reinterpret_cast<std::uint64_t>(&request);
    const std::uint64_t deadline = deadline_after_ns(request.duration_ns);
    if (!suspend_current(*worker, index, wire::WaitReason::kSleep, wire::kNone, deadline)) {
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    timer_arm(*worker, index, record(index).sequence.load(std::memory_order_relaxed), deadline);
    return pick_next(*worker);
}

bool unlink_sleeper(Worker* worker, std::uint32_t index, std::uint32_t, std::uint32_t sequence,
                    wire::WakeCause cause) {
    {
        // A sleeper stands in no list: whoever changes its state under the timer lock has the right to wake it.
        const std::lock_guard<SpinLock> hold(g_runtime->timers.lock);
        if (!still_parked(index, wire::WaitReason::kSleep, wire::kNone, sequence)) return false;
        record(index).state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
    }
    if (cause == wire::WakeCause::kCancel)
        reinterpret_cast<SleepRequest*>(record(index).transfer)->status = Status::cancelled;
    make_ready(worker, index, cause);
    return true;
}

ResumePoint describe_self(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) return nullptr;
    auto& request = *static_cast<SelfRequest*>(argument);
    request.identity = current_identity(worker, index);
    request.cancelled = cancel_requested(index);
    return keep_running(*worker);
}

}  // namespace cprime::detail
