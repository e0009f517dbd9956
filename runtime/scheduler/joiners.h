// Joiners: who waits for a coroutine to end.
//
// Coroutines that join stand in a list that starts in the target's record (first_joiner); threads that are no workers stand
// in a list of their own. Both are guarded by a lock found by the target's index, which exit takes as well: under it a joiner sees
// either a target that is alive, and links itself, or one that is gone [join.lock]. Cancellation checks identities
// under the same lock, so that it never hits the next owner of an index.
//
// Thread: any. Tested in tests/unit/runtime/join_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/wire/coroutine.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/tables.h"
#include "runtime/scheduler/thread_waiter.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// One waiting thread; lives on its stack.
struct ThreadJoiner {
    ThreadWaiter waiter;  // transfer: the JoinRequest
    std::uint32_t target = wire::kNone;
    ThreadJoiner* next = nullptr;
};

struct Joiners {
    LockShards<sync::kModelled ? 4 : 256> locks;
    // Outside threads are few: one list for all targets, under its own lock, taken inside a shard's.
    SpinLock threads_lock;
    ThreadJoiner* threads = nullptr;
    sync::atomic<std::uint32_t> threads_count{
        0};  // writer: holders of threads_lock; exit reads it under its shard's lock
};

// Whether `index` is still the coroutine with that identity. Under its lock in Joiners.
inline bool still_alive(std::uint32_t index, std::uint64_t identity) {
    // State first: a live state of the index's next owner was published after its identity.
    const wire::CoroutineState state = record(index).state.load(std::memory_order_acquire);
    return state != wire::CoroutineState::kFree && state != wire::CoroutineState::kExited &&
           detail(index).identity.load(std::memory_order_relaxed) == identity;
}

// Takes all joiners off the target's list. Under its lock in Joiners: `first` heads a list linked by `next`, threads likewise.
struct TakenJoiners {
    std::uint32_t first = wire::kNone;
    ThreadJoiner* threads = nullptr;
};
TakenJoiners take_joiners(std::uint32_t target);
// After the lock is released: makes them ready. `failed`: an exception escaped the target.
void wake_joiners(Worker& worker, const TakenJoiners& taken, bool failed, std::uint64_t stamp);

// Hook of WaitReason::kJoin.
bool unlink_joiner(Worker* worker, std::uint32_t index, std::uint32_t target, std::uint32_t sequence,
                   wire::WakeCause cause);

}  // namespace cprime::detail
