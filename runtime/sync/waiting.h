// How one waits for a synchronisation object, and how those who wait are let through: what all kinds have in common.
//
// Coroutines stand in a list through their control blocks, threads that are no workers in one beside it; tickets say who was first over both.
// The order of things in each call:
//   1  under the record's lock: decide, change the record (WaitableChange), emit its event
//   2  to wait: suspend_current(), link, unlock, and touch nothing of the coroutine any more
//   3  else unlock, then wake whoever was let through: all of them were taken out under the lock (Woken)
//
// The mark [waitable.unlinked]: a coroutine that was taken out has itself as `previous`. Between that and make_ready() its record still says
// "parked here", and a canceller or timer that comes in between must not take it out a second time. Meanwhile `next` links those who were taken
// out together.
//
// A firm wait is one that a cancellation does not end (the second half of a wait for a condition): suspend_current() refuses whoever was
// cancelled, so the mark of the cancellation is put aside for the time of the wait and given back by whoever ends it. A wait may also become firm
// for a while (call_channel.cpp): a timer that fires meanwhile leaves word in `flag`, and a cancellation its mark.
//
// Thread: on a worker's stack, or on a thread that is none (worker == nullptr), which blocks instead of parking.
// Tested in tests/unit/runtime/{mutex,semaphore,...}_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/emit/probes.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/thread_waiter.h"
#include "runtime/sync/sync.h"
#include "runtime/sync/waitable_tables.h"

namespace cprime::detail {

// A thread that is no worker, in a wait list; on its own stack.
struct WaitingThread : ThreadWaiter {
    std::uint64_t owner = 0;  // as which it would hold the object
};

// A coroutine (thread == nullptr) or a thread that waits, or was just let through.
struct ObjectWaiter {
    WaitRequest* request = nullptr;
    WaitingThread* thread = nullptr;
    std::uint32_t coroutine = wire::kNone;

    // As whom it would hold the object.
    std::uint64_t owner() const {
        return thread != nullptr ? thread->owner : detail(coroutine).identity.load(std::memory_order_relaxed);
    }
};

// Whether a coroutine that seems to wait was taken out already. Before still_parked(): the acquire orders what that reads.
inline bool is_taken_out(std::uint32_t index) {
    return record(index).previous.load(std::memory_order_acquire) == index;  // [waitable.unlinked]
}
// The request of a coroutine, or a thread, that waits for an object, under the object's lock.
inline WaitRequest& request_of(std::uint32_t coroutine) {
    return *reinterpret_cast<WaitRequest*>(record(coroutine).transfer);
}
inline WaitRequest& request_of(const ThreadWaiter& thread) {
    return *static_cast<WaitRequest*>(thread.transfer);
}

// Whoever was taken out of a wait list and is still to be woken. Filled under the lock, woken after it.
class Woken {
public:
    void add(const ObjectWaiter& waiter);
    // Under no record's lock. None of them, nor the object, is touched afterwards.
    void wake(Worker* worker, wire::WakeCause cause, std::uint64_t stamp);

private:
    std::uint32_t first_ = wire::kNone, last_ = wire::kNone;
    ThreadWaiter* first_thread_ = nullptr;
    ThreadWaiter* last_thread_ = nullptr;
};

// An object in a call: its record, locked from the constructor to unlock().
class Locked {
public:
    // Ends the program with a sentence when the object cannot be used now. `call` names what its caller did.
    Locked(Waitable& object, const char* call, Worker* worker)
        : Locked(g_waitables.find(object, call, worker), worker) {}
    Locked(std::uint32_t index, Worker* worker)
        : record(g_waitables.record(index)), index_(index), worker_(worker) {
        lock_of(record).lock();
        stamp_ = emit::stamp_ordered();
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    void unlock() { lock_of(record).unlock(); }

    wire::WaitableRecord& record;
    std::uint32_t index() const { return index_; }
    Worker* worker() const { return worker_; }
    std::uint64_t stamp() const { return stamp_; }
    std::uint64_t owner() const { return record.owner.load(std::memory_order_relaxed); }
    std::uint32_t value() const { return record.value.load(std::memory_order_relaxed); }

    // Owner and value become these: one operation, and its event.
    void change(wire::EventType type, std::uint64_t owner, std::uint32_t value);
    // The same for somebody who got what was asked for, which is counted.
    void serve(std::uint64_t owner, std::uint32_t value);

    bool nobody_waits() const {
        return record.first.load(std::memory_order_relaxed) == wire::kNone && record.first_thread == 0;
    }
    // Who has waited longest; not when nobody does.
    ObjectWaiter oldest() const;
    // Takes a waiter out. Its request then says `status`.
    void take_out(const ObjectWaiter& waiter, Status status);
    void link(WaitingThread& thread, WaitRequest& request);
    void link(std::uint32_t coroutine, WaitRequest& request);

private:
    void count_waiter(WaitRequest& request, std::atomic<std::uint32_t>& waiting);

    std::uint32_t index_;
    Worker* worker_;
    std::uint64_t stamp_;
};

inline constexpr std::int64_t kNoTimeLimit = -1;

// The caller waits. The lock is held at the call and let go in it. request.timeout_ns: kNoTimeLimit, or how long at most.
ResumePoint wait_for(Locked& object, std::uint32_t me, WaitRequest& request);
// The same in pieces, for whoever has to do something in between. A coroutine: false when it was cancelled, and goes on; else unlock the object
// and end with pick_next().
bool suspend_for(Locked& object, std::uint32_t me, WaitRequest& request);
// A thread that was linked into the object's list, which is unlocked by now: until it is woken or its time is over.
void block(std::uint32_t object, WaitingThread& thread, WaitRequest& request);

// Somebody has left the list without being served, or has withdrawn: who stood behind may have their turn. By kind; see the kinds' files.
void waiter_left(Locked& object, Woken& woken);
void semaphore_serve(Locked& object, Woken& woken);
void shared_mutex_admit(Locked& object, Woken& woken);

// A thread that is no worker gives something back while the Runtime ends, or after it: nobody is left who could want it, and the record may be
// gone. [waitable.end] Threads that the end has woken see this: the mark was set before.
inline bool is_too_late(const Worker* worker) {
    return worker == nullptr &&
           (g_waitables.threads_cancelled() || (g_waitables.generation() == 0 && !emit::forked_child()));
}

// As whom the caller holds things.
std::uint64_t owner_identity(const Worker* worker, std::uint32_t me);

// What a runtime call answers when its caller goes on.
inline ResumePoint carry_on(Worker* worker) {
    return worker != nullptr ? keep_running(*worker) : nullptr;
}
// The object is let go, and the caller goes on with this answer.
inline ResumePoint answer(Locked& object, WaitRequest& request, Status status) {
    object.unlock();
    request.state.status = status;
    return carry_on(object.worker());
}
inline wire::WakeCause cause_of(const Worker* worker) {
    return worker != nullptr ? wire::WakeCause::kCoroutine : wire::WakeCause::kOutside;
}

// How long a call may wait.
enum class Patience { kNone, kTimed, kEndless };
// Before wait_for(), after the last look at request.object: an ordinary wait, with what the caller left in timeout_ns made safe.
template <Patience kPatience>
void set_limit(WaitRequest& request) {
    request.state.firm = false;
    if constexpr (kPatience == Patience::kEndless) {
        request.timeout_ns = kNoTimeLimit;
    } else if (request.timeout_ns < 0) {
        request.timeout_ns = 0;
    }
}

void install_waitable_hooks();

}  // namespace cprime::detail
