// Parking and waking: the protocol that every wait list in the runtime follows.
//
// To wait for something (a runtime call, on the worker's stack):
//
//   lock(object)                                   // the lock of the object's wait list
//   if (nothing to wait for) { unlock; return keep_running(worker); }
//   record(me).transfer = address of the request   // where a waker leaves the result
//   if (!suspend_current(worker, me, reason, object, deadline)) {   // cancelled: it goes on running
//       unlock; result = cancelled; return keep_running(worker);
//   }
//   link `me` into the wait list (record.next/previous belong to the lock's holder from here on)
//   unlock                                         // published: touch nothing of `me` any more
//   return pick_next(worker);
//
// To wake somebody: lock, unlink, leave the result in the request, unlock, make_ready(). Whoever unlinks under the lock has the
// sole right to make it ready.
//
// Why no cancellation is lost [park.cancel]: suspend_current() stores kParked, passes a light fence, and reads the cancel flag; the
// canceller sets the flag, passes a heavy fence, and reads `state`. One of the two sees the other: either
// the coroutine declines to park, or the canceller finds it parked, takes the object's lock, in which the parking one is
// linked and even, and unlinks it through the hook of its reason.
//
// Invariants
//   P1  Everything that touches the coroutine (canary, range check, high-water scan, histogram, exception state, suspend event,
//       sequence to even) happens in suspend_current(), before publication.
//   P2  A coroutine stands in at most one list: a ready queue or a wait list.
//   P3  Only suspend_current() makes a sequence even, only resuming makes it odd, and make_ready() adds two in between.
//
// Thread: functions that take a Worker& run on that worker's own stack. Tested in tests/unit/runtime and tests/stress; every interleaving of
// small cases: tests/model/parking_model.cpp.
#pragma once

#include <cstdint>

#include "cprime/detail/park.h"
#include "cprime/result.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/event.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// CoroutineDetail::private_word, touched only by the worker that runs the coroutine (or spawns it): the identity whose
// slot a closure is being moved into (0 = none; see holder_identity), and a few bits.
inline constexpr std::uint64_t kPrivateAdopting = wire::kIdentityMask;
inline constexpr std::uint64_t kPrivatePainted = 1ULL << 48;  // its stack was painted at spawn
inline constexpr std::uint64_t kPrivateScanned = 1ULL << 50;  // and is looked through at each park (stacks/high_water.h)
inline constexpr std::uint64_t kPrivateFailed = 1ULL << 49;   // an exception escaped it
inline constexpr std::uint64_t kPrivateEndsBare = 1ULL << 51;  // it faulted again while it was ending by a fault
// The signal whose handler it runs: its record's index + 1; 0 = none, all ones = it handles a fault.
inline constexpr unsigned kPrivateSignalShift = 52;
inline constexpr std::uint64_t kPrivateSignal = 0x7ffULL << kPrivateSignalShift;
inline constexpr std::uint64_t kPrivateAnswers = 1ULL << 63;  // it is one of AppSignals' running ones

// Somebody of higher priority is ready: the running coroutine goes on, or, once its slice is over, lets it run first. In chaos by chance.
ResumePoint make_way(Worker& worker);

// The coroutine that called goes on: no switch, unless its slice is over.
inline ResumePoint keep_running(Worker& worker) {
    if (__builtin_expect(cprime_urgent.load(std::memory_order_relaxed) != 0, 0)) return make_way(worker);
    return worker.current;
}

// Takes the running coroutine `index` off its worker (P1); the caller then publishes it. `object` as the reason says
// (kNone if none); deadline_ticks: TSC at which a timer will wake it, 0 = none; it is shown, not armed (timer_arm does).
// Returns false when cancellation was requested: then nothing happened and the coroutine is still running.
// kYield never returns false and must be followed by push to a ready queue.
[[nodiscard]] bool suspend_current(Worker& worker, std::uint32_t index, wire::WaitReason reason,
                                   std::uint32_t object, std::uint64_t deadline_ticks = 0);

// The next coroutine for this worker; sleeps while there is none. Call last: `return pick_next(worker)`.
ResumePoint pick_next(Worker& worker);

// Makes a parked coroutine that the caller has unlinked (or just suspended for kYield's kin) ready to run: sequence + 2,
// WAKE event, run queue, and an idle worker is woken if there is one. `worker` is the calling worker, nullptr for a
// thread that is none. `stamp`: ticks to use in the event; 0 = read the clock if somebody listens.
void make_ready(Worker* worker, std::uint32_t index, wire::WakeCause cause, std::uint64_t stamp = 0);

// Hook of a wait reason: called by a canceller or a timer for a coroutine that was seen parked for that reason on `object`.
// It locks the object, checks still_parked(), unlinks, leaves the result (cancelled, for kCancel; timed out, for kTimer),
// unlocks and calls make_ready(worker, index, cause). Returns false when the coroutine was no longer there. `object` may be stale:
// only its lock is sure to exist.
using UnlinkHook = bool (*)(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                            wire::WakeCause cause);
// Before the first coroutine waits for that reason (start of the runtime).
void set_unlink_hook(wire::WaitReason reason, UnlinkHook hook);

// Under the lock of `object`: does `index` still wait for the same thing as when `sequence` was read?
inline bool still_parked(std::uint32_t index, wire::WaitReason reason, std::uint32_t object,
                         std::uint32_t sequence) {
    const wire::CoroutineRecord& waiting = record(index);
    return waiting.state.load(std::memory_order_relaxed) == wire::CoroutineState::kParked &&
           waiting.sequence.load(std::memory_order_relaxed) == sequence &&
           waiting.reason.load(std::memory_order_relaxed) == reason &&
           waiting.wait_object.load(std::memory_order_relaxed) == object;
}

// Takes a parked coroutine out of whatever it waits for, through the hook. False if it was not parked with that sequence.
bool unlink_parked(Worker* worker, std::uint32_t index, std::uint32_t sequence, wire::WakeCause cause);

// What a hook tells somebody whose wait a canceller or a timer ends.
inline Status status_of(wire::WakeCause cause) {
    return cause == wire::WakeCause::kTimer ? Status::timed_out : Status::cancelled;
}

// True when somebody asked the coroutine to end.
inline bool cancel_requested(std::uint32_t index) {
    return (record(index).flags.load(std::memory_order_relaxed) & wire::kCoroutineCancelRequested) != 0;
}

// Asks the coroutine to end, if it is still the one with that identity; wakes it if it waits. False if it had ended.
bool request_cancel(Worker* worker, std::uint32_t index, std::uint64_t identity);
// The two halves of it, for many at once: mark all, pass one heavy fence, then rouse all that were marked.
enum class Marked : std::uint8_t { gone, before, now };
Marked mark_cancelled(Worker* worker, std::uint32_t index, std::uint64_t identity);
void rouse_cancelled(Worker* worker, std::uint32_t index, std::uint64_t identity);

// Identity of the coroutine that runs; 0 for a thread that is no worker.
inline std::uint64_t current_identity(const Worker* worker, std::uint32_t index) {
    return worker == nullptr ? 0 : detail(index).identity.load(std::memory_order_relaxed);
}

// Who holds a handle that is being made, copied or moved now: the child, while a spawn moves the closure into the child's
// slot, else the running coroutine, 0 for a thread that is no worker.
std::uint64_t holder_identity(const Worker* worker, std::uint32_t index);

// The same for a thread that is no worker, while it spawns: the child's identity, else 0. Thread-local.
std::uint64_t& outside_adopting();

// The ring that the calling thread emits into: the worker's own, or the thread's, made at its first use. Ask only while
// somebody listens. Null when there is none left; probes take that.
emit::RingWriter* ring_of(Worker* worker);

}  // namespace cprime::detail
