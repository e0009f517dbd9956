// Suspending, waking, cancelling: the protocol of parking.h.
#include "runtime/scheduler/parking.h"

#include <array>
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/enqueue.h"
#include "runtime/scheduler/switching.h"

namespace cprime::detail {

using wire::CoroutineRecord;
using wire::CoroutineState;
using wire::WaitReason;

Tables g_tables;

namespace {

std::array<UnlinkHook, wire::kWaitReasonsCount> hooks;  // written before workers run

void count(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

bool suspend_current(Worker& worker, std::uint32_t index, WaitReason reason, std::uint32_t object,
                     std::uint64_t deadline_ticks) {
    CoroutineRecord& self = record(index);
    self.reason.store(reason, std::memory_order_relaxed);
    self.wait_object.store(object, std::memory_order_relaxed);
    // [park.cancel] Release: who reads kParked reads the reason, and what it waits for. See parking.h for the fence.
    self.state.store(CoroutineState::kParked, std::memory_order_release);
    sync::light_fence();
    std::uint8_t flags = self.flags.load(std::memory_order_relaxed);
    if (__builtin_expect((flags & wire::kCoroutineCancelRequested) != 0, 0)) {
        self.reason.store(WaitReason::kNothing, std::memory_order_relaxed);
        self.wait_object.store(wire::kNone, std::memory_order_relaxed);
        self.state.store(CoroutineState::kRunning, std::memory_order_relaxed);
        return false;
    }
    if (deadline_ticks != 0) {
        detail(index).deadline_ticks.store(deadline_ticks, std::memory_order_relaxed);
        self.flags.fetch_or(wire::kCoroutineTimedWait, std::memory_order_relaxed);
    }
    const bool has_segments = (flags & wire::kCoroutineSegments) != 0;
    if (__builtin_expect(has_segments, 0)) {
        check_stack(worker, index, self.rsp.load(std::memory_order_relaxed));
        g_runtime->segments.trim(worker, index);
    }
    put_away(worker, self, index, flags, reason, object, deadline_ticks);
    return true;
}

void make_ready(Worker* worker, std::uint32_t index, wire::WakeCause cause, std::uint64_t stamp) {
    CoroutineRecord& woken = record(index);
    const std::uint8_t flags = woken.flags.load(std::memory_order_relaxed);
    if (__builtin_expect((flags & wire::kCoroutineTimedWait) != 0, 0)) {
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
    if (worker != nullptr) count(worker->record->wakes);
    if (worker == nullptr || (flags & wire::kCoroutineSpecial) != 0) {
        g_runtime->scheduler.inject(index);
        return;
    }
    // Whom the running coroutine woke by itself follows it; what comes in crowds stands in line. So does a joiner: where a thousand were spawned
    // it is woken by the first that ends, and finds the others ended when its turn comes.
    const bool follows = cause == wire::WakeCause::kCoroutine;
    enqueue(*worker, index, follows);
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

Marked mark_cancelled(Worker* worker, std::uint32_t index, std::uint64_t identity) {
    // [join.lock]: while it is held the target cannot give its index to somebody else.
    const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
    if (!still_alive(index, identity)) return Marked::gone;
    const std::uint8_t before = record(index).flags.fetch_or(wire::kCoroutineCancelRequested,
                                                             std::memory_order_seq_cst);  // [park.cancel]
    if ((before & wire::kCoroutineCancelRequested) != 0) return Marked::before;
    if (emit::listening(wire::kCategoryCoroutine))
        emit::probe::cancel(worker != nullptr ? worker->ring : emit::thread_writer(), 0, index, identity);
    return Marked::now;
}

void rouse_cancelled(Worker* worker, std::uint32_t index, std::uint64_t identity) {
    const CoroutineRecord& target = record(index);
    while (true) {
        const std::uint32_t sequence = target.sequence.load(std::memory_order_acquire);
        // The sequence read is our target's or an earlier one's; the hook accepts nothing but an exact match.
        if (detail(index).identity.load(std::memory_order_acquire) != identity) return;
        if (target.state.load(std::memory_order_seq_cst) != CoroutineState::kParked) return;  // [park.cancel]
        if ((sequence & 1) == 0 && unlink_parked(worker, index, sequence, wire::WakeCause::kCancel)) return;
        sync::pause();  // it is between its two steps, or was just woken by somebody else
    }
}

bool request_cancel(Worker* worker, std::uint32_t index, std::uint64_t identity) {
    const Marked marked = mark_cancelled(worker, index, identity);
    if (marked == Marked::now) {
        sync::heavy_fence();  // [park.cancel]
        rouse_cancelled(worker, index, identity);
    }
    return marked != Marked::gone;
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

}  // namespace cprime::detail
