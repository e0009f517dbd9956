// Scheduler: what the workers share. Who is ready and nobody's yet, who sleeps, who searches, and when everything is over.
//
// Where a ready coroutine stands
//   of normal priority, made ready on a worker     that worker's RunQueue; others steal from it
//   of normal priority, made ready elsewhere       the shared queue of its priority, as does what overflows a RunQueue
//   of another priority                            the shared queue of its priority: a worker looks there at every pick
//                                                  (signal, high), or when it has nothing else (low)
//   bound to one worker                            that worker's bound queue
//   with a SchedulingPolicy, all but bound ones    the policy (policy_queue.h), in the place of the shared queue of normal priority; those of
//   and signals'                                   lower or high priority as well
//
// Aging: a shared queue that was passed over kPassesMost times in a row by picks of higher priority has the next one. So any ready
// coroutine runs after a number of picks that its queue's length bounds.
//
// Why no wake-up is lost: see idle_workers.h for what stands in RunQueues. Shared queues and bound ones are looked at, and the list of
// sleepers is entered, under one hold of `lock_`; whoever adds to one does so under the same lock and takes a sleeper out. So either
// the sleeper saw the coroutine, or its donor saw the sleeper.
//
// Who searches: at most half as many as there are workers, so that a little work does not keep everybody from sleeping.
//
// Timers: whoever goes to sleep and knows an earlier deadline than the present watcher's becomes the watcher, and sleeps only until then; when
// it leaves with deadlines pending it wakes the next sleeper, which then watches. Whoever arms a deadline either goes to sleep later
// itself, looks at the timers every kPicksPerLook picks, or wakes a sleeper (timer_arm).
//
// Why the end is seen [scheduler.finished]: `exited` of every worker is read first (acquire), then every `spawned`. Both only grow and
// no coroutine exits before it was counted as spawned; equal sums mean that there was a moment, between the two readings, at
// which nobody was alive. Each worker looks when it runs out of work, hence also the one on which the last coroutine ended.
//
// Thread: as marked. Tested in tests/unit/runtime/scheduler_test.cpp and tests/stress.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "cprime/detail/park.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/policy_queue.h"
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
    // The order is the program's. Before any worker runs.
    void set_policy(AnyPolicy policy) { policy_ = std::make_unique<PolicyQueue>(std::move(policy)); }
    // Null: the scheduler's own order. Any thread.
    PolicyQueue* policy() const { return policy_.get(); }

    // Tells everybody the lengths of the queues, and whether chaos is on. Any thread.
    void publish();

    // Adds a ready coroutine to the queue of its priority, or of its worker, and wakes somebody who sleeps. Any thread.
    void inject(std::uint32_t index);
    // The worker has made a coroutine ready that stands in its own RunQueue: somebody who sleeps may steal it. Only with several workers.
    void notify() { idle_.notify(lock_); }
    // Whether that would wake anybody; calls nothing. Only where the light fence is free (kLongWays).
    [[gnu::always_inline]] bool wants_notice() const { return idle_.wants_notice(); }

    // The next coroutine from a shared queue that may not wait any longer: of higher priority than normal, or passed over too often. kNone:
    // none. The worker itself, when urgent() or every few picks.
    std::uint32_t take_urgent(Worker& worker);
    // Moves a fair share of the normal queue into the worker's own. The worker itself.
    void take_injected(Worker& worker);
    // Anything at all from the shared queues; kNone when they are empty. The worker itself, when it has nothing of its own.
    std::uint32_t take_any(Worker& worker);
    // A worker that has none of its own looks at the policy before it looks at its bound ones: every other time.
    bool is_policys_turn(const Worker& worker) const {
        return policy_ != nullptr && (worker.picks_left & 1) == 0;
    }
    // Of those that may run on this worker only; kNone. The worker itself.
    std::uint32_t take_bound(Worker& worker);
    // Takes this one out of the shared queues, or out of those bound to this worker. False: it is in none. Not with a policy.
    bool take_out(Worker& worker, std::uint32_t index);
    bool anything_injected() const { return queued_[kNormal].load(std::memory_order_relaxed) != 0; }
    bool anything_low() const { return queued_[kLow].load(std::memory_order_relaxed) != 0; }

    // Looks for work in other workers' queues, and takes half of one. The first is returned, the others stand in the worker's own queue.
    std::uint32_t steal(Worker& worker);
    // Watches one other worker at a time; when a coroutine there has run for a millisecond while others stand behind it, moves half of those into
    // the worker's own queue: one that computes without end keeps its worker and nobody else. A busy worker, every few picks.
    void relieve(Worker& worker);

    // The worker has something to run: it searches no longer.
    void found_work(Worker& worker) {
        if (worker.sleeper.is_searching()) idle_.end_search(worker.sleeper, true, lock_);
    }

    // Sleeps until there may be work for this worker. False: the runtime stops. The worker itself.
    bool idle(Worker& worker);

    // Wakes one sleeper, if there is one, so that it looks at the timers anew. Any thread.
    void wake_one();
    // Wakes all who sleep, and says who they were. Any thread.
    std::vector<Worker*> wake_all();
    bool anybody_idle() const { return idle_.sleeping() != 0; }
    // Hints, any thread: whether no worker has anything to do; threads that wait for the end of all coroutines.
    bool everybody_sleeps() const { return idle_.sleeping() == workers_count_; }
    std::uint32_t threads_that_wait() const { return threads_that_wait_.load(std::memory_order_relaxed); }
    // How many stand in the shared queues. A hint, any thread.
    std::uint32_t shared_length() const;

    // Blocks until no coroutine is alive, for timeout_ns (0 = for ever), or until *give_up (may be null) is true and
    // wake_waiters() was called. Calls each_look before it looks, thus after every wake_waiters(). True: nobody is alive.
    // Threads that are no workers.
    bool wait_finished(std::uint64_t timeout_ns, const std::atomic<bool>* give_up,
                       const std::function<void()>& each_look);
    // Any thread.
    void wake_waiters();
    // Makes idle() return false from now on. Threads that are no workers.
    void stop();

    // Coroutines alive now, seen from outside: exact only while nobody spawns or exits.
    std::uint64_t alive() const;

private:
    static constexpr std::size_t kSignal = static_cast<std::size_t>(wire::Priority::kSignal);
    static constexpr std::size_t kHigh = static_cast<std::size_t>(wire::Priority::kHigh);
    static constexpr std::size_t kNormal = static_cast<std::size_t>(wire::Priority::kNormal);
    static constexpr std::size_t kLow = static_cast<std::size_t>(wire::Priority::kLow);
    static constexpr std::uint32_t kPassesMost = 64;

    std::uint32_t length_of(std::size_t priority) const {  // under lock_
        return priority == kNormal && policy_ != nullptr ? policy_->length() : queues_[priority].length();
    }
    void push_shared(std::uint32_t index, wire::Priority priority);  // the same
    std::uint32_t pop_queue(Worker& worker, std::size_t priority);   // the same
    void publish_lengths();                                          // the same
    std::uint32_t age(Worker& worker, std::size_t served);           // the same
    bool anything_to_steal() const;
    static void note_stolen(Worker& worker, std::uint32_t victim, std::uint32_t count);
    // `last`: nobody else has anything to do, nor will by a deadline, and somebody is alive.
    void sleep(Worker& worker, std::uint64_t deadline, bool last);
    bool sleep_virtually(Worker& worker, std::uint64_t deadline);  // false: it is the deadline
    void leave_idle(Worker& worker);
    bool check_finished();  // true: nobody is alive

    Worker* workers_ = nullptr;
    std::uint32_t workers_count_ = 0;
    SpinLock lock_;  // guards queues_, what policy_ holds, passes_, every worker's `bound`, the list in idle_, watcher_, watcher_deadline_
    std::array<ReadyQueue, wire::kPrioritiesCount> queues_;
    std::unique_ptr<PolicyQueue> policy_;  // null: none; constant while workers run
    std::array<std::uint32_t, wire::kPrioritiesCount>
        passes_{};  // picks of higher priority since the queue was served last
    IdleWorkers idle_;
    Worker* watcher_ = nullptr;  // sleeps until watcher_deadline_ (ticks); null: nobody watches the timers
    std::uint64_t watcher_deadline_ = 0;
    // Writer: holders of lock_; readers: hints, relaxed. queued_: lengths of the queues.
    std::array<sync::atomic<std::uint32_t>, wire::kPrioritiesCount> queued_{};
    // Writer: stop(), under lock_. Readers: workers under it, before they sleep; and as a hint, relaxed, for which the lock comes later.
    sync::atomic<bool> stopping_{false};
    sync::atomic<std::uint32_t> finished_epoch_{
        0};  // futex: grows when somebody sees the end [scheduler.finished]
    std::atomic<std::uint32_t> threads_that_wait_{0};  // writers: those threads; a hint for the deadlock watch
};

}  // namespace cprime::detail
