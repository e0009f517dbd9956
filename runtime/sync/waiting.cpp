// Lists, waits, and their ends.
#include "runtime/sync/waiting.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
using wire::WaitReason;

ThreadWaiter* first_thread(const wire::WaitableRecord& record) {
    return reinterpret_cast<ThreadWaiter*>(record.first_thread);
}
ThreadWaiter* last_thread(const wire::WaitableRecord& record) {
    return reinterpret_cast<ThreadWaiter*>(record.last_thread);
}
std::uint64_t address(const ThreadWaiter* thread) {
    return reinterpret_cast<std::uint64_t>(thread);
}

void unlink(wire::WaitableRecord& object, std::uint32_t index) {
    wire::CoroutineRecord& removed = record(index);
    const std::uint32_t next = removed.next.load(kRelaxed);
    const std::uint32_t previous = removed.previous.load(kRelaxed);
    (previous == wire::kNone ? object.first : record(previous).next).store(next, kRelaxed);
    (next == wire::kNone ? object.last : record(next).previous).store(previous, std::memory_order_release);
    removed.previous.store(index, std::memory_order_release);  // [waitable.unlinked]
    WaitableChange::add(object.waiting, ~0U);
}

void unlink(wire::WaitableRecord& object, ThreadWaiter& thread) {
    if (thread.previous != nullptr) {
        thread.previous->next = thread.next;
    } else {
        object.first_thread = address(thread.next);
    }
    if (thread.next != nullptr) {
        thread.next->previous = thread.previous;
    } else {
        object.last_thread = address(thread.previous);
    }
    thread.transfer = nullptr;  // it is out
    WaitableChange::add(object.threads_waiting, ~0U);
}

// A canceller or a timer wants a coroutine out of the wait list (scheduler/parking.h).
template <WaitReason kReason>
bool unlink_waiting(Worker* worker, std::uint32_t index, std::uint32_t waitable, std::uint32_t sequence,
                    wire::WakeCause cause) {
    if (waitable >= g_waitables.count()) return false;
    Locked object(waitable, worker);
    const bool is_taken = is_taken_out(index);
    const bool is_parked = still_parked(index, kReason, waitable, sequence);
    if (is_taken || !is_parked) {
        object.unlock();
        return is_parked;  // somebody wakes it, as soon as its answer is moved: that is not waited for
    }
    WaitRequest& request = request_of(index);
    if (request.state.firm) {  // it does not end for that; the mark stays
        if (cause == wire::WakeCause::kTimer) request.state.flag = true;
        object.unlock();
        return true;
    }
    Woken woken;
    object.take_out({&request, nullptr, index},
                    cause == wire::WakeCause::kTimer ? Status::timed_out : Status::cancelled);
    waiter_left(object, woken);
    object.unlock();
    make_ready(worker, index, cause);
    woken.wake(worker, cause_of(worker), object.stamp());
    return true;
}

template <WaitReason... kReasons>
void install_hooks() {
    (set_unlink_hook(kReasons, &unlink_waiting<kReasons>), ...);
}

// The time of a thread is over: it goes, unless somebody has let it through meanwhile.
void give_up(std::uint32_t index, WaitingThread& thread, WaitRequest& request) {
    if (is_too_late(nullptr)) return thread.wait();  // cancel_waitable_threads() comes, or has come, by
    Locked object(index, nullptr);
    if (thread.transfer == nullptr) {
        object.unlock();
        thread.wait();
        return;
    }
    Woken woken;
    object.take_out({&request, &thread, wire::kNone}, Status::timed_out);
    waiter_left(object, woken);
    object.unlock();
    woken.wake(nullptr, wire::WakeCause::kOutside, object.stamp());
}

ResumePoint block_thread(Locked& object, WaitRequest& request) {
    WaitingThread thread;
    thread.owner = owner_identity(nullptr, wire::kNone);
    object.link(thread, request);
    object.unlock();
    block(object.index(), thread, request);
    return nullptr;
}

// The caller does not wait after all.
ResumePoint refuse(Locked& object, WaitRequest& request, Status status) {
    Woken woken;
    waiter_left(object, woken);
    Worker* const worker = object.worker();
    const std::uint64_t stamp = object.stamp();
    const ResumePoint next = answer(object, request, status);
    woken.wake(worker, cause_of(worker), stamp);
    return next;
}

}  // namespace

std::uint64_t owner_identity(const Worker* worker, std::uint32_t me) {
    if (worker != nullptr) return current_identity(worker, me);
    thread_local const auto thread_id = static_cast<std::uint64_t>(syscall(SYS_gettid));
    return wire::kOwnerThread | thread_id;
}

void block(std::uint32_t object, WaitingThread& thread, WaitRequest& request) {
    if (request.timeout_ns == kNoTimeLimit) {
        thread.wait();
    } else if (!thread.wait_for(request.timeout_ns)) {
        give_up(object, thread, request);
    }
}

void Woken::add(const ObjectWaiter& waiter) {
    if (waiter.thread != nullptr) {
        waiter.thread->next = nullptr;
        (last_thread_ == nullptr ? first_thread_ : last_thread_->next) = waiter.thread;
        last_thread_ = waiter.thread;
        return;
    }
    record(waiter.coroutine).next.store(wire::kNone, kRelaxed);
    if (last_ == wire::kNone) {
        first_ = waiter.coroutine;
    } else {
        record(last_).next.store(waiter.coroutine, kRelaxed);
    }
    last_ = waiter.coroutine;
}

void Woken::wake(Worker* worker, wire::WakeCause cause, std::uint64_t stamp) {
    for (std::uint32_t index = first_; index != wire::kNone;) {
        const std::uint32_t next = record(index).next.load(kRelaxed);
        make_ready(worker, index, cause, stamp);
        index = next;
    }
    for (ThreadWaiter* thread = first_thread_; thread != nullptr;) {
        ThreadWaiter* const next = thread->next;
        thread->wake();
        thread = next;
    }
}

void Locked::change(wire::EventType type, std::uint64_t owner, std::uint32_t value) {
    std::uint32_t operation = 0;
    {
        const WaitableChange bracket(record);
        record.owner.store(owner, kRelaxed);
        record.value.store(value, kRelaxed);
        operation = WaitableChange::add(record.operations, 1U);
    }
    if (emit::listening(wire::kCategoryLock))
        emit::probe::waitable_changed(ring_of(worker_), stamp_, type, index_, operation, owner, value);
}

void Locked::serve(std::uint64_t owner, std::uint32_t value) {
    WaitableChange::add(record.served, std::uint64_t{1});
    change(wire::EventType::kLockAcquire, owner, value);
}

ObjectWaiter Locked::oldest() const {
    const std::uint32_t index = record.first.load(kRelaxed);
    ThreadWaiter* const thread = first_thread(record);
    const bool coroutine_first = thread == nullptr ||
                                 (index != wire::kNone &&
                                  static_cast<std::int32_t>(request_of(index).state.ticket -
                                                            request_of(*thread).state.ticket) < 0);
    if (coroutine_first) return {&request_of(index), nullptr, index};
    return {&request_of(*thread), static_cast<WaitingThread*>(thread), wire::kNone};
}

void Locked::take_out(const ObjectWaiter& waiter, Status status) {
    waiter.request->state.status = status;
    const WaitableChange bracket(record);
    if (waiter.thread != nullptr) return unlink(record, *waiter.thread);
    if (waiter.request->state.firm && waiter.request->state.cancelled_before) {
        detail::record(waiter.coroutine).flags.fetch_or(wire::kCoroutineCancelRequested, kRelaxed);
    }
    unlink(record, waiter.coroutine);
}

void Locked::count_waiter(WaitRequest& request, std::atomic<std::uint32_t>& waiting) {
    request.state.ticket = record.next_ticket++;
    WaitableChange::add(record.waited, std::uint64_t{1});
    WaitableChange::add(waiting, 1U);
}

void Locked::link(WaitingThread& thread, WaitRequest& request) {
    const WaitableChange bracket(record);
    count_waiter(request, record.threads_waiting);
    thread.transfer = &request;
    thread.next = nullptr;
    thread.previous = last_thread(record);
    if (thread.previous != nullptr) {
        thread.previous->next = &thread;
    } else {
        record.first_thread = address(&thread);
    }
    record.last_thread = address(&thread);
}

void Locked::link(std::uint32_t coroutine, WaitRequest& request) {
    const WaitableChange bracket(record);
    count_waiter(request, record.waiting);
    const std::uint32_t last = record.last.load(kRelaxed);
    wire::CoroutineRecord& added = detail::record(coroutine);
    added.next.store(wire::kNone, kRelaxed);
    added.previous.store(last, std::memory_order_release);  // [waitable.unlinked]
    (last == wire::kNone ? record.first : detail::record(last).next).store(coroutine, kRelaxed);
    record.last.store(coroutine, kRelaxed);
}

bool suspend_for(Locked& object, std::uint32_t me, WaitRequest& request) {
    wire::CoroutineRecord& self = record(me);
    self.transfer = reinterpret_cast<std::uint64_t>(&request);
    const WaitReason reason = wire::reason_of(object.record.kind.load(kRelaxed));
    const std::uint64_t deadline = request.timeout_ns == kNoTimeLimit ? 0
                                                                      : deadline_after_ns(request.timeout_ns);
    while (!suspend_current(*object.worker(), me, reason, object.index(), deadline)) {
        if (!request.state.firm) return false;
        self.flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineCancelRequested), kRelaxed);
        request.state.cancelled_before = true;
    }
    object.link(me, request);
    if (deadline != 0) timer_arm(*object.worker(), me, self.sequence.load(kRelaxed), deadline);
    return true;
}

ResumePoint wait_for(Locked& object, std::uint32_t me, WaitRequest& request) {
    Worker* const worker = object.worker();
    const bool cancelled = worker != nullptr ? cancel_requested(me) && !request.state.firm
                                             : g_waitables.threads_cancelled();
    if (cancelled) return refuse(object, request, Status::cancelled);
    if (request.timeout_ns == 0) return refuse(object, request, Status::timed_out);
    if (worker == nullptr) return block_thread(object, request);
    if (!suspend_for(object, me, request)) return refuse(object, request, Status::cancelled);
    object.unlock();  // published: nothing of `me` or `request` is touched from here on
    return pick_next(*worker);
}

void waiter_left(Locked& object, Woken& woken) {
    switch (object.record.kind.load(kRelaxed)) {
        case wire::WaitableKind::kSemaphore:
            return semaphore_serve(object, woken);
        case wire::WaitableKind::kSharedMutex:
            return shared_mutex_admit(object, woken);
        case wire::WaitableKind::kBarrier:  // its arrival does not count
            return object.change(wire::EventType::kNotify, 0, object.value() - 1);
        default:
            return;
    }
}

void install_waitable_hooks() {
    install_hooks<WaitReason::kMutex, WaitReason::kSharedMutex, WaitReason::kCondition,
                  WaitReason::kSemaphore, WaitReason::kBarrier, WaitReason::kLatch, WaitReason::kWaitEvent,
                  WaitReason::kOnce, WaitReason::kCall, WaitReason::kNursery>();
}

void cancel_waitable_threads() {
    g_waitables.cancel_threads();
    for (std::uint32_t index = 0; index < g_waitables.count(); ++index) {
        Locked object(index, nullptr);
        Woken woken;
        while (ThreadWaiter* const thread = first_thread(object.record)) {
            const ObjectWaiter waiter{&request_of(*thread), static_cast<WaitingThread*>(thread), wire::kNone};
            object.take_out(waiter, Status::cancelled);
            woken.add(waiter);
            waiter_left(object, woken);
        }
        object.unlock();
        woken.wake(nullptr, wire::WakeCause::kCancel, 0);
    }
}

}  // namespace cprime::detail
