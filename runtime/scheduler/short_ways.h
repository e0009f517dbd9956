// Runtime calls without leaving the caller's stack: who may take such a way, and a wake-up on it (make_ready() of parking.h for the usual case, in
// 20 instructions instead of 55).
//
// A function that is such a way runs on a coroutine's stack, which may have 64 bytes left: it uses less than cprime_park would (its saved
// frame), which the build checks (-Wstack-usage, runtime/CMakeLists.txt), and calls nothing.
//
// Locks on such a way: the only worker enters one biased section for all of them (worker_bias.h), one of several takes the lock itself if it is
// free. Else, as for anything unusual, the call goes the long way.
//
// Thread: a worker's, on whatever stack, while nobody listens to events. Private to the runtime.
#pragma once

#include <atomic>
#include <cstdint>

#include "cprime/detail/park.h"
#include "instrumentation/emit/ring_writer.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"
#include "runtime/scheduler/worker_bias.h"

namespace cprime::detail {

// The caller's worker, if a short way may be tried at all: nobody watches or profiles, nobody of higher priority is ready. Else null.
[[gnu::always_inline]] inline Worker* usual_worker() {
    Worker* worker = cprime_current_worker;
    const bool usual = worker != nullptr && ((worker->attention & kLongWays) | worker->sampling) == 0 &&
                       (emit::g_listen.mask.load(std::memory_order_relaxed) |
                        cprime_urgent.load(std::memory_order_relaxed)) == 0;
    return usual ? worker : nullptr;
}

// The section of one lock. The worker is in no other.
[[gnu::always_inline]] inline bool enter_shortly(const Worker& worker, SpinLock& lock) {
    return (worker.attention & kOthers) == 0 ? worker_bias().enter_outermost() : lock.try_lock_among_several();
}
[[gnu::always_inline]] inline void leave_shortly(const Worker& worker, SpinLock& lock) {
    return (worker.attention & kOthers) == 0 ? worker_bias().leave_outermost() : lock.unlock_among_several();
}

// After a push: whether tell_others is to be handed to cprime_park, because somebody sleeps who may want it.
[[gnu::always_inline]] inline bool others_want_notice(const Worker& worker) {
    return (worker.attention & kOthers) != 0 && g_runtime->scheduler.wants_notice();
}
ResumePoint tell_others(Worker* worker, std::uint32_t coroutine, void* nothing) noexcept;

// Whether make_ready_shortly() does all that the wake-up of this parked coroutine takes.
[[gnu::always_inline]] inline bool wakes_shortly(const Worker& worker, const wire::CoroutineRecord& woken) {
    constexpr auto kUnusual = wire::kCoroutineTimedWait | wire::kCoroutineSpecial;
    return (woken.flags.load(std::memory_order_relaxed) & kUnusual) == 0 && worker.queue.has_room();
}

// It was taken out of its wait list by the running coroutine, which it follows. Only where wakes_shortly(). Then
// others_want_notice().
[[gnu::always_inline]] inline void make_ready_shortly(Worker& worker, wire::CoroutineRecord& woken,
                                                      std::uint32_t index) {
    woken.reason.store(wire::WaitReason::kNothing, std::memory_order_relaxed);
    woken.wait_object.store(wire::kNone, std::memory_order_relaxed);
    woken.state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
    const std::uint32_t sequence = woken.sequence.load(std::memory_order_relaxed) + 2;
    woken.sequence.store(sequence, std::memory_order_release);  // [coroutine.sequence]
    std::atomic<std::uint64_t>& wakes = worker.record->wakes;
    wakes.store(wakes.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    worker.queue.push_next_into_room(index);
}

}  // namespace cprime::detail
