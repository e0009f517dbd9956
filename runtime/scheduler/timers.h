// Timers: deadlines of parked coroutines, in one heap under one lock.
//
// An entry is (deadline, coroutine, sequence): it means "if the coroutine is still parked with that sequence, wake it". So
// an entry whose coroutine was woken otherwise is harmless; it is dropped when it comes up, or when stale entries outnumber
// the others. Idle workers sleep until the earliest deadline; busy ones look every few picks.
//
// Thread: any, on a worker's own stack or on a thread that is none. Blocks only for the spin lock.
// Tested in tests/unit/runtime/sleep_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

inline constexpr std::uint64_t kNoDeadline = ~0ULL;

// Arms the deadline of a coroutine that suspend_current() has just suspended, before its wait object's lock is released.
// `sequence`: the record's, read by the caller after suspending. Emits TIMER_SET. When it fires, unlink_parked(..., kTimer) runs:
// the hook of the wait reason decides what the waiter is told. For kSleep this is the publication itself.
void timer_arm(Worker& worker, std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline_ticks);

// A coroutine with an armed deadline was woken otherwise, so its entry is stale. Optional bookkeeping: without it the
// entry stays until its deadline.
void timer_cancel();

// Wakes whoever is due at `now_ticks`.
void timers_fire(Worker& worker, std::uint64_t now_ticks);

// Earliest deadline, kNoDeadline if none.
std::uint64_t timers_next();

// Deadline `duration_ns` from now, in ticks; saturates.
std::uint64_t deadline_after_ns(std::int64_t duration_ns);

// The heap behind the functions above.
struct Timers {
    struct Entry {
        std::uint64_t deadline_ticks;
        std::uint32_t index;
        std::uint32_t sequence;
    };
    SpinLock lock;            // guards the two below; also who may wake a sleeper (park of kSleep)
    std::vector<Entry> heap;  // earliest first
    std::size_t stale = 0;    // at most this many entries' coroutines were woken otherwise
    std::atomic<std::uint64_t> next_ticks{
        kNoDeadline};  // of heap.front(); writer: holders of lock; readers: hint
};

}  // namespace cprime::detail
