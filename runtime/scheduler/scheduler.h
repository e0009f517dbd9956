// Scheduler: what the workers share. Who is ready and nobody's yet, who sleeps, and when everything is over.
//
// Each worker runs its own FIFO of ready coroutines and takes from the shared injection list every kPicksPerLook picks and
// whenever its own runs dry; a worker that has more than it runs hands half of it over when others sleep.
//
// Why no wake-up is lost [scheduler.idle]: a worker goes to sleep only after it has found the injection list empty and has entered
// itself in the idle list, both under one hold of `lock`; whoever adds to the injection list does so under the same lock and takes one
// sleeper out. So either the sleeper saw the coroutine, or the coroutine's donor saw the sleeper. What stands in the own
// queue of a *running* worker needs no sleeper: its owner will come to it. Timers: whoever goes to sleep and knows an earlier
// deadline than the present watcher's becomes the watcher, and sleeps only until then; when it leaves with deadlines pending it
// wakes the next sleeper, which then watches. Whoever arms a deadline either goes to sleep later itself, looks at the timers every
// kPicksPerLook picks, or wakes a sleeper (timer_arm).
//
// Why the end is seen [scheduler.finished]: `exited` of every worker is read first (acquire), then every `spawned`. Both only grow and
// no coroutine exits before it was counted as spawned; equal sums mean that there was a moment, between the two readings, at
// which nobody was alive. Each worker looks when it runs out of work, hence also the one on which the last coroutine ended.
//
// Thread: as marked. Tested in tests/unit/runtime/scheduler_test.cpp and tests/stress.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/scheduler/ready_queue.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

class Scheduler {
public:
    // Before any worker runs.
    void start(Worker* workers, std::uint32_t count) {
        workers_ = workers;
        workers_count_ = count;
    }

    // Adds a ready coroutine to the injection list (first or last) and wakes a sleeper. Any thread.
    void inject(std::uint32_t index, bool first);

    // Takes a fair share of the injection list into the worker's own queue. The worker itself.
    void take_injected(Worker& worker);
    bool anything_injected() const { return injected_length_.load(std::memory_order_relaxed) != 0; }

    // Hands the older half of the worker's queue over, if there is more than `keep` in it and somebody sleeps. The worker
    // itself; costs one load when nobody sleeps.
    void share_surplus(Worker& worker, std::uint32_t keep) {
        if (__builtin_expect(idle_count_.load(std::memory_order_relaxed) != 0, 0) &&
            worker.ready.length() > keep) {
            hand_over(worker, keep);
        }
    }

    // Sleeps until there may be work for this worker. False: the runtime stops. The worker itself.
    bool idle(Worker& worker);

    // Wakes one sleeper, if there is one, so that it looks at the timers anew. Any thread.
    void wake_one();
    // Wakes all who sleep, and says who they were. Any thread.
    std::vector<Worker*> wake_all();
    bool anybody_idle() const { return idle_count_.load(std::memory_order_relaxed) != 0; }

    // Blocks until no coroutine is alive, for timeout_ns (0 = for ever), or until *give_up (may be null) is true and
    // wake_waiters() was called. True: nobody is alive. Threads that are no workers.
    bool wait_finished(std::uint64_t timeout_ns, const std::atomic<bool>* give_up);
    void wake_waiters();
    // Makes idle() return false from now on. Threads that are no workers.
    void stop();

    // Coroutines alive now, seen from outside: exact only while nobody spawns or exits.
    std::uint64_t alive() const;

private:
    void hand_over(Worker& worker, std::uint32_t keep);
    Worker* pop_idle();  // under lock_
    void wake(Worker& sleeper);
    void check_finished();

    Worker* workers_ = nullptr;
    std::uint32_t workers_count_ = 0;
    SpinLock lock_;  // guards injected_, idle_, watcher_, watcher_deadline_
    ReadyQueue injected_;
    std::vector<Worker*> idle_;
    Worker* watcher_ = nullptr;  // sleeps until watcher_deadline_ (ticks); null: nobody watches the timers
    std::uint64_t watcher_deadline_ = 0;
    std::atomic<std::uint32_t> injected_length_{0};  // writer: holders of lock_; readers: a hint, relaxed
    std::atomic<std::uint32_t> idle_count_{0};       // the same
    std::atomic<bool> stopping_{false};              // writer: stop(), under lock_
    std::atomic<std::uint32_t> finished_epoch_{
        0};  // futex: grows when somebody sees the end [scheduler.finished]
};

}  // namespace cprime::detail
