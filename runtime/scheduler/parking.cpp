// Suspending, waking, cancelling: the protocol of parking.h.
#include "runtime/scheduler/parking.h"

#include <immintrin.h>
#include <sched.h>

#include <array>
#include <mutex>

#include "cprime/this_coroutine.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/switch_histogram.h"
#include "runtime/stacks/high_water.h"
#include "runtime/stacks/overflow.h"

namespace cprime::detail {

using wire::CoroutineRecord;
using wire::CoroutineState;
using wire::WaitReason;
using wire::WorkerState;

Tables g_tables;

namespace {

// A prime, so that the same coroutine of a round is not looked at each time.
constexpr std::uint32_t kParksPerDepth = 61;

std::array<UnlinkHook, wire::kWaitReasonsCount> hooks;  // written before workers run

void count(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Out of the way of those whom nobody watches. The stamp is also that of the RESUME that follows.
[[gnu::noinline, gnu::cold]] void tell_suspend(Worker& worker, const CoroutineRecord& self,
                                               std::uint32_t sequence, WaitReason reason,
                                               std::uint32_t object, std::uint64_t deadline_ticks) {
    worker.switch_stamp = emit::stamp();
    emit::probe::suspend(worker.ring, worker.switch_stamp, sequence, reason, object,
                         self.rip.load(std::memory_order_relaxed), deadline_ticks);
}

[[gnu::noinline, gnu::cold]] void tell_resume(Worker& worker, std::uint32_t index, std::uint32_t sequence) {
    if (emit::listening(wire::kCategoryCoroutine)) {
        const std::uint64_t stamp = worker.switch_stamp != 0 ? worker.switch_stamp
                                                             : coroscope::base::read_tsc_ordered();
        emit::probe::resume(worker.ring, stamp, index, sequence,
                            detail(index).identity.load(std::memory_order_relaxed));
    }
    note_switch(worker);
}

}  // namespace

bool suspend_current(Worker& worker, std::uint32_t index, WaitReason reason, std::uint32_t object,
                     std::uint64_t deadline_ticks) {
    CoroutineRecord& self = record(index);
    self.reason.store(reason, std::memory_order_relaxed);
    self.wait_object.store(object, std::memory_order_relaxed);
    if (reason == WaitReason::kYield) {
        self.state.store(CoroutineState::kReady, std::memory_order_relaxed);
    } else {
        // [park.cancel] sequentially consistent on both sides: see parking.h.
        self.state.exchange(CoroutineState::kParked, std::memory_order_seq_cst);
        if ((self.flags.load(std::memory_order_seq_cst) & wire::kCoroutineCancelRequested) != 0) {
            self.reason.store(WaitReason::kNothing, std::memory_order_relaxed);
            self.wait_object.store(wire::kNone, std::memory_order_relaxed);
            self.state.store(CoroutineState::kRunning, std::memory_order_relaxed);
            return false;
        }
    }
    check_stack(worker, index, self.rsp.load(std::memory_order_relaxed));
    if (reason != WaitReason::kYield &&
        __builtin_expect((self.flags.load(std::memory_order_relaxed) & wire::kCoroutineSegments) != 0, 0)) {
        g_runtime->segments.trim(worker, index);
    }
    if (__builtin_expect(--worker.parks_until_depth == 0, 0)) {
        worker.parks_until_depth = worker.parks_until_next;
        worker.parks_until_next = kParksPerDepth;
        note_site_depth(index);
    }
    // One look at the mask a suspend: dormant probes are a load and two branches on it.
    const bool watched = emit::listening(wire::kEventCategories | wire::kProfileStacks) ||
                         __builtin_expect(worker.profile_always, 0);
    if (watched && profiling_stacks()) note_high_water_at_park(index);
    if (deadline_ticks != 0) {
        detail(index).deadline_ticks.store(deadline_ticks, std::memory_order_relaxed);
        self.flags.fetch_or(wire::kCoroutineTimedWait, std::memory_order_relaxed);
    }
    self.caught_exceptions = reinterpret_cast<std::uint64_t>(worker.eh_globals->caught_exceptions);
    self.uncaught_exceptions = worker.eh_globals->uncaught_exceptions;
    // [coroutine.sequence] release: whoever reads it even sees the registers, the stack and the reason as they stay.
    const std::uint32_t sequence = self.sequence.load(std::memory_order_relaxed) + 1;
    self.sequence.store(sequence, std::memory_order_release);
    if (watched) tell_suspend(worker, self, sequence, reason, object, deadline_ticks);
    worker.record->current.store(wire::kNone, std::memory_order_relaxed);
    worker.record->state.store(WorkerState::kScheduling, std::memory_order_relaxed);
    return true;
}

void make_ready(Worker* worker, std::uint32_t index, wire::WakeCause cause, std::uint64_t stamp) {
    CoroutineRecord& woken = record(index);
    if ((woken.flags.load(std::memory_order_relaxed) & wire::kCoroutineTimedWait) != 0) {
        woken.flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineTimedWait),
                              std::memory_order_relaxed);
        detail(index).deadline_ticks.store(0, std::memory_order_relaxed);
        if (cause != wire::WakeCause::kTimer) timer_cancel(index);
    }
    woken.reason.store(WaitReason::kNothing, std::memory_order_relaxed);
    woken.wait_object.store(wire::kNone, std::memory_order_relaxed);
    woken.state.store(CoroutineState::kReady, std::memory_order_relaxed);
    const std::uint32_t sequence = woken.sequence.load(std::memory_order_relaxed) + 2;
    woken.sequence.store(sequence, std::memory_order_release);  // [coroutine.sequence]
    if (emit::listening(wire::kCategoryCoroutine)) {
        emit::probe::wake(worker != nullptr ? worker->ring : emit::thread_writer(), stamp, index, sequence,
                          cause);
    }
    if (worker == nullptr) {
        g_runtime->scheduler.inject(index, false);
        return;
    }
    count(worker->record->wakes);
    worker->ready.push(index);
    g_runtime->scheduler.share_surplus(*worker, 1);
}

void set_unlink_hook(WaitReason reason, UnlinkHook hook) {
    hooks[static_cast<std::size_t>(reason)] = hook;
}

bool unlink_parked(Worker* worker, std::uint32_t index, std::uint32_t sequence, wire::WakeCause cause) {
    const CoroutineRecord& waiting = record(index);
    if (waiting.state.load(std::memory_order_acquire) != CoroutineState::kParked) return false;
    const WaitReason reason = waiting.reason.load(std::memory_order_relaxed);
    const std::uint32_t object = waiting.wait_object.load(std::memory_order_relaxed);
    const UnlinkHook hook = hooks[static_cast<std::size_t>(reason)];
    return hook != nullptr && hook(worker, index, object, sequence, cause);
}

bool request_cancel(Worker* worker, std::uint32_t index, std::uint64_t identity) {
    CoroutineRecord& target = record(index);
    {
        // [join.lock]: while it is held the target cannot give its index to somebody else.
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
        if (!still_alive(index, identity)) return false;
        const std::uint8_t before = target.flags.fetch_or(wire::kCoroutineCancelRequested,
                                                          std::memory_order_seq_cst);  // [park.cancel]
        if ((before & wire::kCoroutineCancelRequested) != 0) return true;
        if (emit::listening(wire::kCategoryCoroutine))
            emit::probe::cancel(worker != nullptr ? worker->ring : emit::thread_writer(), 0, index, identity);
    }
    while (true) {
        const std::uint32_t sequence = target.sequence.load(std::memory_order_acquire);
        // The sequence read is our target's or an earlier one's; the hook accepts nothing but an exact match.
        if (detail(index).identity.load(std::memory_order_acquire) != identity) return true;
        if (target.state.load(std::memory_order_seq_cst) != CoroutineState::kParked)
            return true;  // [park.cancel]
        if ((sequence & 1) == 0 && unlink_parked(worker, index, sequence, wire::WakeCause::kCancel))
            return true;
        _mm_pause();  // it is between its two steps, or was just woken by somebody else
    }
}

std::uint64_t holder_identity(const Worker* worker, std::uint32_t index) {
    if (worker == nullptr) return outside_adopting();
    const std::uint64_t adopting = detail(index).private_word & kPrivateAdopting;
    return adopting != 0 ? adopting : current_identity(worker, index);
}

std::uint64_t& outside_adopting() {
    thread_local std::uint64_t identity = 0;
    return identity;
}

emit::RingWriter* ring_of(Worker* worker) {
    return worker != nullptr ? worker->ring : emit::thread_writer();
}

// The coroutine continues on this worker: everything that must stand before its first instruction.
static ResumePoint resume(Worker& worker, std::uint32_t index) {
    CoroutineRecord& next = record(index);
    const std::uint32_t sequence = next.sequence.load(std::memory_order_relaxed) + 1;
    // [coroutine.sequence] odd before anything of it changes; the release fence keeps the later stores behind it.
    next.sequence.store(sequence, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    next.state.store(CoroutineState::kRunning, std::memory_order_relaxed);
    next.reason.store(WaitReason::kNothing, std::memory_order_relaxed);
    worker.eh_globals->caught_exceptions = reinterpret_cast<void*>(next.caught_exceptions);
    worker.eh_globals->uncaught_exceptions = next.uncaught_exceptions;
    const std::uint8_t flags = next.flags.load(std::memory_order_relaxed);
    if ((flags & wire::kCoroutineNeverRan) != 0) {
        next.flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineNeverRan), std::memory_order_relaxed);
        if (worker.parks_until_depth != 1) {
            worker.parks_until_next = worker.parks_until_depth;
            worker.parks_until_depth = 1;
        }
    }
    worker.current = &next;
    worker.current_index = index;
    worker.record->current.store(index, std::memory_order_relaxed);
    worker.record->state.store(WorkerState::kRunning, std::memory_order_relaxed);
    worker.record->ready_length.store(worker.ready.length(), std::memory_order_relaxed);
    count(worker.record->switches);
    if (worker.several_workers) {
        detail(index).worker.store(static_cast<std::uint8_t>(worker.index), std::memory_order_relaxed);
    }
    if (emit::listening(wire::kCategoryCoroutine | wire::kProfileSwitches))
        tell_resume(worker, index, sequence);
    worker.switch_stamp = 0;
    return &next;
}

// What a busy worker does every kPicksPerLook picks: look beyond its own queue.
[[gnu::noinline]] static void look_around(Worker& worker) {
    constexpr std::uint32_t kPicksPerLook = 16;
    worker.picks_left = kPicksPerLook;
    g_runtime->trimmer.serve(worker);
    Scheduler& scheduler = g_runtime->scheduler;
    if (scheduler.anything_injected()) {
        scheduler.take_injected(worker);
        worker.switch_stamp = 0;  // what comes from others is stamped after it was taken
    }
    scheduler.share_surplus(worker, 1);
    if (timers_next() != kNoDeadline) {
        const std::uint64_t now = now_ticks();
        if (now >= timers_next()) {
            timers_fire(worker, now);
            worker.switch_stamp = 0;  // whom a timer woke is not resumed before that
        }
    }
}

ResumePoint pick_next(Worker& worker) {
    while (true) {
        if (__builtin_expect(--worker.picks_left == 0, 0)) look_around(worker);
        if (__builtin_expect(!worker.ready.empty(), 1)) {
            const std::uint32_t index = worker.ready.pop();
            __builtin_prefetch(g_tables.records + worker.ready.first());
            return resume(worker, index);
        }
        worker.current = &worker.home;
        worker.current_index = wire::kNone;
        if (worker.sampling != 0) spoil_sample(worker);
        look_around(worker);
        if (!worker.ready.empty()) continue;
        worker.switch_stamp = 0;
        if (!g_runtime->scheduler.idle(worker)) return &worker.home;
    }
}

ResumePoint yield_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) {
        sched_yield();
        return nullptr;
    }
    if (cancel_requested(index)) static_cast<YieldRequest*>(argument)->status = Status::cancelled;
    if (worker->ready.empty()) {
        // Nobody to run first here, unless somebody waits elsewhere: then there is no switch, and nothing to tell.
        if (--worker->picks_left != 0) return keep_running(*worker);
        look_around(*worker);
        if (worker->ready.empty()) return keep_running(*worker);
    }
    static_cast<void>(suspend_current(*worker, index, WaitReason::kYield, wire::kNone));
    worker->ready.push(index);
    return pick_next(*worker);
}

}  // namespace cprime::detail
