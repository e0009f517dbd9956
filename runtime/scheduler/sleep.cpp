// Sleep, and what a coroutine may know of itself.
//
// A sleeper stands in no list but its worker's timing wheel. The lock found by its index, held from before it is parked until its deadline is armed,
// decides who wakes it: whoever changes its state under that lock.
#include <time.h>

#include <cerrno>
#include <mutex>

#include "cprime/deadline.h"
#include "cprime/this_coroutine.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/sleepers.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {

namespace {

void sleep_thread(std::int64_t until_ns) {
    const timespec until{until_ns / 1'000'000'000, until_ns % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

}  // namespace

ResumePoint sleep_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<SleepRequest*>(argument);
    const std::int64_t now_ns = monotonic_ns_for(worker);
    if (!request.absolute) request.ns = add_ns(now_ns, request.ns);
    if (worker == nullptr) {
        if (request.ns > now_ns) sleep_thread(request.ns);
        return nullptr;
    }
    if (cancel_requested(index)) {
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    if (request.ns <= now_ns) {
        YieldRequest nothing_to_wait_for;
        return cprime_yield_coroutine(worker, index, &nothing_to_wait_for);
    }
    // Chaos arms some too early: then the hook arms the rest.
    const std::int64_t for_ns = request.ns - now_ns;
    const std::uint64_t deadline = deadline_after_ns(g_chaos.on() ? g_chaos.shortened(*worker, for_ns)
                                                                  : for_ns);
    SpinLock& lock = g_runtime->joiners.locks[index];
    lock.lock();
    record(index).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, index, wire::WaitReason::kSleep, wire::kNone, deadline)) {
        lock.unlock();
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    timer_arm(*worker, index, record(index).sequence.load(std::memory_order_relaxed), deadline);
    lock.unlock();
    return pick_next(*worker);
}

ResumePoint tick_interval(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<IntervalRequest*>(argument);
    request.sleep = {.ns = request.next_ns, .status = Status::ok, .absolute = true};
    const std::int64_t late_ns = monotonic_ns_for(worker) - request.next_ns;
    std::int64_t from_ns = request.next_ns;
    if (late_ns > 0 && request.missed == static_cast<std::uint8_t>(MissedTicks::delay)) from_ns += late_ns;
    if (late_ns > 0 && request.missed == static_cast<std::uint8_t>(MissedTicks::skip)) {
        const std::int64_t left_out = late_ns / request.period_ns;
        request.skipped += static_cast<std::uint64_t>(left_out);
        from_ns += left_out * request.period_ns;
    }
    request.next_ns = add_ns(from_ns, request.period_ns);
    return sleep_coroutine(worker, index, &request.sleep);
}

ResumePoint read_clock(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<ClockRequest*>(argument);
    request.ns = add_ns(monotonic_ns_for(worker), request.ns);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

bool unlink_sleeper(Worker* worker, std::uint32_t index, std::uint32_t, std::uint32_t sequence,
                    wire::WakeCause cause) {
    {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
        if (!still_parked(index, wire::WaitReason::kSleep, wire::kNone, sequence)) return false;
        auto& request = *reinterpret_cast<SleepRequest*>(record(index).transfer);
        if (cause == wire::WakeCause::kTimer) {
            // The counter may run ahead of the clock that was promised (clock.h).
            if (const std::int64_t left_ns = request.ns - monotonic_ns(); left_ns > 0) {
                timer_arm(*worker, index, sequence, deadline_after_ns(left_ns));
                return true;
            }
        }
        if (cause == wire::WakeCause::kCancel) request.status = Status::cancelled;
        record(index).state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
    }
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
