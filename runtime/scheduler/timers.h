// Timers: deadlines of parked coroutines, in one heap under one lock.
//
// An entry is (deadline, coroutine, sequence): it means "if the coroutine is still parked with that sequence, wake it". So
// an entry whose coroutine was woken otherwise is harmless; it is dropped when it comes up, or when stale entries outnumber
// the others. Idle workers sleep until the earliest deadline; busy ones look every few picks.
//
// Thread: any, on a worker's own stack or on a thread that is none. Blocks only for the spin lock.
#pragma once

#include <cstdint>

#include "runtime/scheduler/worker.h"

namespace cprime::detail {

inline constexpr std::uint64_t kNoDeadline = ~0ULL;

// Arms the deadline of a coroutine that suspend_current() has just suspended, before its wait object's lock is released.
// Emits TIMER_SET. When it fires, unlink_parked(..., kTimer) runs: the reason's hook decides what the waiter is told.
// For kSleep this is the publication itself.
void timer_arm(Worker& worker, std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline_ticks);

// The coroutine was woken otherwise: its entry is stale. Only bookkeeping; may be called or not.
void timer_cancel(std::uint32_t index, std::uint32_t sequence);

// Wakes whoever is due; returns the earliest deadline left, kNoDeadline if none.
std::uint64_t timers_fire(Worker* worker, std::uint64_t now_ticks);

// Earliest deadline, kNoDeadline if none. May be a little stale.
std::uint64_t timers_next();

}  // namespace cprime::detail
