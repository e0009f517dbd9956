// Shared mutexes: one list of waiters of both kinds, in order of arrival.
//
// Whoever comes stands behind those who wait, so neither readers nor writers starve. After each change the front of the list is let in as far as
// possible: a writer alone, readers together. So nobody waits while nobody holds it.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/shared_mutex_test.cpp.
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

// WaitRequest::amount: how it is wanted.
enum Wanted : std::uint32_t { kAlone = 0, kShared = 1 };

bool may_enter(const Locked& mutex, std::uint32_t wanted) {
    return mutex.owner() == 0 && (wanted == kShared || mutex.value() == 0);
}
void enter(Locked& mutex, std::uint32_t wanted, std::uint64_t who) {
    if (wanted == kShared) {
        mutex.serve(0, mutex.value() + 1);
    } else {
        mutex.serve(who, 0);
    }
}

template <Wanted kWanted, Patience kPatience>
ResumePoint lock(Worker* worker, std::uint32_t me, void* argument) {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked mutex(*request.object, kWanted == kShared ? "SharedMutex::lock_shared" : "SharedMutex::lock",
                 worker);
    const std::uint64_t self = owner_identity(worker, me);
    if (may_enter(mutex, kWanted) && mutex.nobody_waits()) {
        enter(mutex, kWanted, self);
        return answer(mutex, request, Status::ok);
    }
    if constexpr (kPatience == Patience::kNone) return answer(mutex, request, Status::would_block);
    if (kPatience == Patience::kEndless && mutex.owner() == self) {
        waits_for_itself(self, kWanted == kShared ? "locks as a reader" : "locks", mutex.record,
                         "unlock it first, or use try_lock");
    }
    request.amount = kWanted;
    set_limit<kPatience>(request);
    return wait_for(mutex, me, request);
}

// It was given back; whose turn it is goes in, and the record's lock is let go.
ResumePoint leave(Locked& mutex, std::uint32_t readers) {
    mutex.change(wire::EventType::kLockRelease, 0, readers);
    Woken woken;
    shared_mutex_admit(mutex, woken);
    mutex.unlock();
    woken.wake(mutex.worker(), cause_of(mutex.worker()), mutex.stamp());
    return carry_on(mutex.worker());
}

}  // namespace

void shared_mutex_admit(Locked& mutex, Woken& woken) {
    while (!mutex.nobody_waits()) {
        const ObjectWaiter next = mutex.oldest();
        if (!may_enter(mutex, next.request->amount)) return;
        const std::uint32_t wanted = next.request->amount;
        mutex.take_out(next, Status::ok);
        enter(mutex, wanted, next.owner());
        woken.add(next);
    }
}

ResumePoint shared_mutex_lock(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kAlone, Patience::kEndless>(worker, me, request);
}
ResumePoint shared_mutex_try_lock(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kAlone, Patience::kNone>(worker, me, request);
}
ResumePoint shared_mutex_lock_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kAlone, Patience::kTimed>(worker, me, request);
}
ResumePoint shared_mutex_lock_shared(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kShared, Patience::kEndless>(worker, me, request);
}
ResumePoint shared_mutex_try_lock_shared(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kShared, Patience::kNone>(worker, me, request);
}
ResumePoint shared_mutex_lock_shared_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return lock<kShared, Patience::kTimed>(worker, me, request);
}

ResumePoint shared_mutex_unlock(Worker* worker, std::uint32_t me, void* object) noexcept {
    if (is_too_late(worker)) return nullptr;
    Locked mutex(*static_cast<Waitable*>(object), "SharedMutex::unlock", worker);
    const std::uint64_t self = owner_identity(worker, me);
    if (mutex.owner() != self) not_the_owner(self, "unlocks", mutex.record);
    return leave(mutex, 0);
}

ResumePoint shared_mutex_unlock_shared(Worker* worker, std::uint32_t me, void* object) noexcept {
    if (is_too_late(worker)) return nullptr;
    Locked mutex(*static_cast<Waitable*>(object), "SharedMutex::unlock_shared", worker);
    if (mutex.value() == 0) {
        misuse(owner_identity(worker, me), "unlocks as a reader", mutex.record,
               "no reader holds it: only who has locked it as a reader may unlock it so, once");
    }
    return leave(mutex, mutex.value() - 1);
}

}  // namespace cprime::detail
