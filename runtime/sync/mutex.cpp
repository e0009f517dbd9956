// Mutexes, and conditions, which release and retake them.
//
// A mutex is handed over [mutex.handoff]: unlock() makes whoever has waited longest the owner, under the record's lock, so that nobody can slip in
// between and no waiter is woken for nothing.
//
// Waiting for a condition: link into its list, then release the mutex — in this order, so that a notification between the two finds the waiter —
// and park. From the moment the condition's record is unlocked the waiter may already run again elsewhere and want the mutex back: it then stands in
// line behind itself, since the mutex still says that it holds it, until this worker has released it.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/{mutex,condition_variable}_test.cpp.
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

template <Patience kPatience>
ResumePoint lock(Worker* worker, std::uint32_t me, WaitRequest& request) {
    Locked mutex(*request.object, "Mutex::lock", worker);
    const std::uint64_t self = owner_identity(worker, me);
    const std::uint64_t owner = mutex.owner();
    if (owner == 0) {
        mutex.serve(self, 0);
        return answer(mutex, request, Status::ok);
    }
    if constexpr (kPatience == Patience::kNone) return answer(mutex, request, Status::would_block);
    if (kPatience == Patience::kEndless && owner == self) {
        waits_for_itself(self, "locks", mutex.record, "unlock it first, or use try_lock");
    }
    set_limit<kPatience>(request);
    return wait_for(mutex, me, request);
}

// The mutex goes to whoever has waited longest, if anybody waits; its lock is let go.
void release(Locked& mutex) {
    mutex.change(wire::EventType::kLockRelease, 0, 0);
    Woken woken;
    if (!mutex.nobody_waits()) {  // [mutex.handoff]
        const ObjectWaiter next = mutex.oldest();
        mutex.take_out(next, Status::ok);
        mutex.serve(next.owner(), 0);
        woken.add(next);
    }
    mutex.unlock();
    woken.wake(mutex.worker(), cause_of(mutex.worker()), mutex.stamp());
}

// Whether `self` holds the mutex.
bool holds(Waitable& object, std::uint64_t self, Worker* worker) {
    Locked mutex(object, "ConditionVariable::wait", worker);
    const bool mine = mutex.owner() == self;
    mutex.unlock();
    return mine;
}

// A thread waits for the condition; the mutex is released meanwhile.
void wait_in_thread(Locked& condition, ConditionRequest& request) {
    WaitingThread thread;
    thread.owner = owner_identity(nullptr, wire::kNone);
    condition.link(thread, request);
    condition.unlock();
    Locked mutex(*request.mutex, "ConditionVariable::wait", nullptr);
    release(mutex);
    block(condition.index(), thread, request);
}

template <Patience kPatience>
ResumePoint wait_for_condition(Worker* worker, std::uint32_t me, ConditionRequest& request) {
    request.released = false;
    const std::uint64_t self = owner_identity(worker, me);
    const bool mine = holds(*request.mutex, self, worker);
    Locked condition(*request.object, "ConditionVariable::wait", worker);
    if (!mine)
        misuse(self, "waits with a mutex that it does not hold for", condition.record, "lock the mutex first");
    set_limit<kPatience>(request);
    const bool cancelled = worker != nullptr ? cancel_requested(me) : g_waitables.threads_cancelled();
    request.outcome = cancelled ? Status::cancelled : Status::timed_out;
    if (cancelled || request.timeout_ns == 0) {
        condition.unlock();
        return carry_on(worker);
    }
    request.released = true;
    if (worker == nullptr) {
        wait_in_thread(condition, request);
        return nullptr;
    }
    Waitable& mutex_object = *request.mutex;  // `request` is not ours any more once the record is unlocked
    if (!suspend_for(condition, me, request)) {
        condition.unlock();
        request.released = false;
        request.outcome = Status::cancelled;
        return keep_running(*worker);
    }
    condition.unlock();
    Locked mutex(mutex_object, "ConditionVariable::wait", worker);
    release(mutex);
    return pick_next(*worker);
}

ResumePoint notify(Worker* worker, Waitable& object, std::uint32_t at_most) {
    Locked condition(object, "ConditionVariable::notify", worker);
    condition.change(wire::EventType::kNotify, 0, 0);
    Woken woken;
    for (; at_most != 0 && !condition.nobody_waits(); --at_most) {
        const ObjectWaiter next = condition.oldest();
        condition.take_out(next, Status::ok);
        WaitableChange::add(condition.record.served, std::uint64_t{1});
        woken.add(next);
    }
    condition.unlock();
    woken.wake(worker, cause_of(worker), condition.stamp());
    return carry_on(worker);
}

}  // namespace

ResumePoint mutex_lock(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<Patience::kEndless>(worker, me, *static_cast<WaitRequest*>(request));
}
ResumePoint mutex_try_lock(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<Patience::kNone>(worker, me, *static_cast<WaitRequest*>(request));
}
ResumePoint mutex_lock_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<Patience::kTimed>(worker, me, *static_cast<WaitRequest*>(request));
}

ResumePoint mutex_unlock(Worker* worker, std::uint32_t me, void* object) noexcept {
    if (is_too_late(worker)) return nullptr;
    Locked mutex(*static_cast<Waitable*>(object), "Mutex::unlock", worker);
    const std::uint64_t self = owner_identity(worker, me);
    if (mutex.owner() != self) not_the_owner(self, "unlocks", mutex.record);
    release(mutex);
    return carry_on(worker);
}

ResumePoint condition_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait_for_condition<Patience::kEndless>(worker, me, *static_cast<ConditionRequest*>(request));
}
ResumePoint condition_wait_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait_for_condition<Patience::kTimed>(worker, me, *static_cast<ConditionRequest*>(request));
}

ResumePoint condition_relock(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<ConditionRequest*>(argument);
    if (!request.released) return carry_on(worker);
    request.outcome = is_too_late(worker) ? Status::cancelled : request.state.status;
    if (is_too_late(worker)) return nullptr;
    Locked mutex(*request.mutex, "ConditionVariable::wait", worker);
    if (mutex.owner() == 0) {
        mutex.serve(owner_identity(worker, me), 0);
        return answer(mutex, request, Status::ok);
    }
    request.state.firm = true;
    request.state.cancelled_before = false;
    request.timeout_ns = kNoTimeLimit;
    const ResumePoint next = wait_for(mutex, me, request);
    // A thread has waited here and now. It has the mutex, unless the Runtime ends.
    if (worker == nullptr && request.state.status != Status::ok) request.outcome = request.state.status;
    return next;
}

ResumePoint condition_notify_one(Worker* worker, std::uint32_t, void* object) noexcept {
    return notify(worker, *static_cast<Waitable*>(object), 1);
}
ResumePoint condition_notify_all(Worker* worker, std::uint32_t, void* object) noexcept {
    return notify(worker, *static_cast<Waitable*>(object), ~0U);
}

}  // namespace cprime::detail
