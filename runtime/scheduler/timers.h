// Timers: deadlines of parked coroutines. A million cost no more, each, than one.
//
// Each worker has a timing wheel (timing_wheel.h) under a lock of its own: what it arms stands there. Others take the lock to cancel, and to
// fire what its owner is too busy for. The entry of a coroutine that is woken otherwise is taken out at once, so cancelled timeouts leave
// nothing behind. Nodes lie in an array by coroutine index (timer_nodes.h): arming allocates nothing.
//
// Granularity: never early by the counter, late by at most one granule (8 to 16 us) plus what it takes to look: an idle worker sleeps until the first
// deadline of all wheels (timer slack of the kernel: 50 us where nobody changed it, less for real-time threads); a busy one looks every kPicksPerLook
// picks. Between two programs' time slices nobody can promise anything.
//
// A million due at once are woken in batches: at most kBatch a look, and fewer than are picked meanwhile while as many wait to run. So
// whoever else is ready runs in between, and the locks are held for microseconds.
//
// Why no deadline is missed [timers.next]: `next_ticks` of a wheel is stored by whoever holds its lock before it leaves it. Who arms looks at the
// timers again itself, at its next look around or before it sleeps, or wakes a sleeper to watch (scheduler.h); an idle worker reads every wheel's.
//
// Thread: any, on a worker's own stack or on a thread that is none. Blocks only for spin locks, taken inside a wait object's.
// Tested in tests/unit/runtime/timers_test.cpp, timing_wheel_test.cpp and cancel_sleep_test.cpp.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/timer_nodes.h"
#include "runtime/scheduler/timing_wheel.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// Arms the deadline of a coroutine that suspend_current() has just suspended, before its wait object's lock is released.
// `sequence`: the record's, read by the caller after suspending. Emits TIMER_SET. When it fires, unlink_parked(..., kTimer) runs:
// the hook of the wait reason decides what the waiter is told. The hook may arm it anew instead.
void timer_arm(Worker& worker, std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline_ticks);

// A coroutine with an armed deadline is being woken otherwise: takes the entry out, if it was not about to fire. By whoever has the right to make it
// ready, before it does. Any thread.
void timer_cancel(std::uint32_t index);

// Wakes who is due at `now_ticks`, in all wheels, its own first; a batch at most, so that timers_next() may have passed afterwards.
void timers_fire(Worker& worker, std::uint64_t now_ticks);

// The first tick at which timers_fire() has something to do; kNoDeadline if nothing is armed.
std::uint64_t timers_next();

// What stands behind the functions above.
class Timers {
public:
    static constexpr std::uint32_t kBatch = 128;

    // Before any worker runs. `granule_shift`: of the wheels; a granule is 2^that ticks.
    void start(Worker* workers, std::uint32_t count, std::uint32_t granule_shift);

    // How many deadlines are armed; exact while nobody arms. Any thread.
    std::uint64_t armed() const;

    // Gives back the memory of nodes where nobody is armed; bytes, counted as if every page of a chunk had been there. Any thread.
    std::uint64_t trim();

private:
    friend void timer_arm(Worker&, std::uint32_t, std::uint32_t, std::uint64_t);
    friend void timer_cancel(std::uint32_t);
    friend void timers_fire(Worker&, std::uint64_t);
    friend std::uint64_t timers_next();

    struct alignas(64) Shard {
        SpinLock lock;  // guards wheel, and the nodes that stand in it
        // wheel.next(). Writer: holders of lock; readers: a hint for everybody, relaxed [timers.next].
        sync::atomic<std::uint64_t> next_ticks{kNoDeadline};
        wire::WorkerRecord* record = nullptr;  // where viewers see it
        TimingWheel wheel;
        void publish();  // under lock
    };
    std::uint32_t fire(Worker& worker, Shard& shard, std::uint64_t now_ticks, std::uint32_t room);

    TimerNodes nodes_;
    std::unique_ptr<Shard[]> shards_;  // by worker
    std::uint32_t shards_count_ = 0;
};

}  // namespace cprime::detail
