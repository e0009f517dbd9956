// The shared queues, the idle list, and the end of all coroutines.
#include "runtime/scheduler/scheduler.h"

#include <algorithm>
#include <ctime>
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/hold.h"
#include "runtime/scheduler/timers.h"
#include "runtime/watch/deadlock_watch.h"

namespace cprime::detail {

using coroscope::wire::WorkerState;

constinit WorkerBias g_worker_bias;
extern "C" {
constinit std::atomic<std::uint32_t> cprime_urgent{0};
}

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

template <typename Number>
void add(std::atomic<Number>& counter, Number amount) {
    counter.store(counter.load(kRelaxed) + amount, kRelaxed);
}

void publish_bound(Worker& worker) {
    worker.bound_length.store(worker.bound.length(), kRelaxed);
    worker.shown_queues->bound_length.store(worker.bound.length(), kRelaxed);
}

}  // namespace

void Scheduler::publish_lengths() {
    for (std::size_t i = 0; i < queues_.size(); ++i)
        queued_[i].store(length_of(i), kRelaxed);
    cprime_urgent.store((queues_[kSignal].length() + queues_[kHigh].length()) |
                            (g_chaos.on() ? kUrgentChaos : 0) | (g_hold.on() ? kUrgentHold : 0),
                        kRelaxed);
}

void Scheduler::publish() {
    const std::lock_guard<SpinLock> hold(lock_);
    publish_lengths();
}

void Scheduler::push_shared(std::uint32_t index, wire::Priority priority) {
    if (policy_ != nullptr && priority != wire::Priority::kSignal) {
        policy_->add(index);
    } else {
        queues_[static_cast<std::size_t>(priority)].push(index);
    }
    publish_lengths();
}

void Scheduler::inject(std::uint32_t index) {
    Sleeper* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        const wire::CoroutineDetail& about = detail(index);
        const std::uint16_t only = about.only_worker.load(kRelaxed);
        if (only != wire::kAnyWorker) {
            Worker& worker = workers_[only - 1];
            worker.bound.push(index);
            publish_bound(worker);
            if (idle_.remove(worker.sleeper)) sleeper = &worker.sleeper;
        } else {
            push_shared(index, about.priority.load(kRelaxed));
            sleeper = idle_.take();
        }
    }
    if (sleeper != nullptr) IdleWorkers::wake(*sleeper);
}

std::uint32_t Scheduler::pop_queue(Worker& worker, std::size_t priority) {
    if (length_of(priority) == 0) return wire::kNone;
    const bool by_policy = priority == kNormal && policy_ != nullptr;
    const std::uint32_t index = by_policy ? policy_->take(worker.index) : queues_[priority].pop();
    passes_[priority] = 0;
    publish_lengths();
    add(worker.record->injected, 1U);
    emit::probe::inject(worker.ring, 1, length_of(priority));
    return index;
}

// Somebody of priority `served` is about to run: whoever has been passed over too often runs instead.
std::uint32_t Scheduler::age(Worker& worker, std::size_t served) {
    for (std::size_t lower = queues_.size(); --lower > served;) {
        if (length_of(lower) != 0 && ++passes_[lower] > kPassesMost) return pop_queue(worker, lower);
    }
    return wire::kNone;
}

std::uint32_t Scheduler::take_urgent(Worker& worker) {
    const std::lock_guard<SpinLock> hold(lock_);
    for (const std::size_t priority : {kSignal, kHigh}) {
        if (queues_[priority].empty()) continue;
        // What stands in the worker's own queue ages with it.
        if (!worker.queue.empty() && ++worker.urgent_in_a_row > kPassesMost) break;
        if (const std::uint32_t aged = age(worker, priority); aged != wire::kNone) return aged;
        return pop_queue(worker, priority);
    }
    worker.urgent_in_a_row = 0;
    return wire::kNone;
}

void Scheduler::take_injected(Worker& worker) {
    constexpr std::uint32_t kMostAtOnce = 128;
    if (policy_ != nullptr) return;  // it names them one by one
    const std::lock_guard<SpinLock> hold(lock_);
    ReadyQueue& queue = queues_[kNormal];
    passes_[kNormal] = 0;
    const std::uint32_t share = std::clamp(queue.length() / workers_count_, 1U, kMostAtOnce);
    std::uint32_t taken = 0;
    while (taken < share && !queue.empty() && worker.queue.push(queue.first())) {
        queue.pop();
        ++taken;
    }
    if (taken != 0) {
        publish_lengths();
        add(worker.record->injected, taken);
        emit::probe::inject(worker.ring, taken, queue.length());
    }
    // Low priority: one of them after so many looks of everybody.
    if (!queues_[kLow].empty() && ++passes_[kLow] > kPassesMost && worker.queue.push(queues_[kLow].first()))
        pop_queue(worker, kLow);
}

std::uint32_t Scheduler::take_bound(Worker& worker) {
    if (worker.bound_length.load(kRelaxed) == 0) return wire::kNone;
    const std::lock_guard<SpinLock> hold(lock_);
    if (worker.bound.empty()) return wire::kNone;
    const std::uint32_t index = worker.bound.pop();
    publish_bound(worker);
    return index;
}

bool Scheduler::take_out(Worker& worker, std::uint32_t index) {
    const std::lock_guard<SpinLock> hold(lock_);
    bool found = worker.bound.take_out(index);
    for (ReadyQueue& queue : queues_)
        found = found || queue.take_out(index);
    publish_bound(worker);
    publish_lengths();
    return found;
}

std::uint32_t Scheduler::take_any(Worker& worker) {
    const std::lock_guard<SpinLock> hold(lock_);
    for (std::size_t priority = 0; priority < queues_.size(); ++priority) {
        if (length_of(priority) == 0) continue;
        if (const std::uint32_t aged = age(worker, priority); aged != wire::kNone) return aged;
        return pop_queue(worker, priority);
    }
    return wire::kNone;
}

void Scheduler::wake_one() {
    Sleeper* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        sleeper = idle_.take();
    }
    if (sleeper != nullptr) IdleWorkers::wake(*sleeper);
}

std::vector<Worker*> Scheduler::wake_all() {
    std::vector<Worker*> sleepers;
    sleepers.reserve(workers_count_);
    {
        const std::lock_guard<SpinLock> hold(lock_);
        for (std::uint32_t i = 0; i < workers_count_; ++i) {
            if (idle_.remove(workers_[i].sleeper)) sleepers.push_back(&workers_[i]);
        }
    }
    for (Worker* worker : sleepers)
        IdleWorkers::wake(worker->sleeper);
    return sleepers;
}

bool Scheduler::idle(Worker& worker) {
    if (worker.sleeper.is_searching()) idle_.end_search(worker.sleeper, false, lock_);
    std::uint64_t deadline = kNoDeadline;  // until which it sleeps; only the watcher has one
    bool last = false;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (!worker.bound.empty()) return true;
        for (std::size_t priority = 0; priority < queues_.size(); ++priority) {
            if (length_of(priority) != 0) return true;
        }
        if (stopping_.load(kRelaxed)) return false;
        if (g_hold.everything()) return true;  // it waits at the gate
        idle_.enter(worker.sleeper);
        const std::uint64_t next = timers_next();
        if (next != kNoDeadline && (watcher_ == nullptr || next < watcher_deadline_)) {
            watcher_ = &worker;
            watcher_deadline_ = deadline = next;
        }
        last = next == kNoDeadline && everybody_sleeps();
    }
    if (worker.several_workers && idle_.last_look([this] { return anything_to_steal(); })) {
        leave_idle(worker);
        return true;
    }
    const bool finished = check_finished();
    g_runtime->pools.sample_high_water();
    sleep(worker, deadline, last && !finished);
    leave_idle(worker);
    return true;
}

void Scheduler::sleep(Worker& worker, std::uint64_t deadline, bool last) {
    worker.record->ready_length.store(0, kRelaxed);
    worker.record->current.store(wire::kNone, kRelaxed);
    worker.record->state.store(WorkerState::kParked, kRelaxed);
    add(worker.record->parks, std::uint64_t{1});
    emit::probe::worker_park(worker.ring, 0, worker.index);
    const std::uint64_t since = last ? coroscope::base::read_tsc() : 0;
    std::uint64_t look = last ? g_deadlocks.first_look(since) : DeadlockWatch::kNever;
    while (!IdleWorkers::is_woken(worker.sleeper)) {
        std::uint64_t timeout_ns = 0;
        const bool is_virtual = time_is_virtual();
        if (is_virtual && deadline != kNoDeadline) {
            if (!sleep_virtually(worker, deadline)) break;
            continue;
        }
        const std::uint64_t now = coroscope::base::read_tsc();  // the machine's time, by which trims and looks go
        if (now >= deadline) break;
        const std::uint64_t trim = is_virtual ? kNoDeadline : g_runtime->trimmer.due(worker, now);
        if (now >= trim) {
            g_runtime->trimmer.step(worker, now);
            continue;
        }
        if (now >= look) {
            look = g_deadlocks.look(worker, now, since);
            continue;
        }
        if (const std::uint64_t until = std::min({deadline, trim, look}); until != kNoDeadline) {
            const auto& clock = g_runtime->segment->header().clock;
            timeout_ns = static_cast<std::uint64_t>(clock.duration_ns(static_cast<std::int64_t>(until - now))) +
                         1;
        }
        IdleWorkers::wait(worker.sleeper, timeout_ns);
    }
    g_runtime->trimmer.serve(worker);
    emit::probe::worker_unpark(worker.ring, 0, worker.index);
    worker.record->state.store(WorkerState::kScheduling, kRelaxed);
}

// Nobody is ready: the first deadline is now, unless a thread of the side pool is at work for somebody, who might come first.
bool Scheduler::sleep_virtually(Worker& worker, std::uint64_t deadline) {
    constexpr std::uint64_t kLookAgainNs = 1'000'000;
    if (!g_runtime->blocking.anybody_calls()) {
        pass_virtual_time_until(deadline);
        return false;
    }
    IdleWorkers::wait(worker.sleeper, kLookAgainNs);
    return true;
}

void Scheduler::leave_idle(Worker& worker) {
    Sleeper* next_watcher = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        // Still in the list: it woke by itself. Then nobody has made it a searcher.
        idle_.remove(worker.sleeper);
        if (watcher_ == &worker) {
            watcher_ = nullptr;
            if (timers_next() != kNoDeadline) next_watcher = idle_.take();
        }
    }
    if (next_watcher != nullptr) IdleWorkers::wake(*next_watcher);
}

bool Scheduler::check_finished() {
    if (alive() != 0) return false;
    wake_waiters();
    return true;
}

void Scheduler::wake_waiters() {
    finished_epoch_.fetch_add(1, std::memory_order_release);  // [scheduler.finished]
    futex_wake(finished_epoch_, 1 << 20);
}

std::uint64_t Scheduler::alive() const {
    std::uint64_t exited = 0;
    std::uint64_t spawned = 0;
    for (std::uint32_t i = 0; i < workers_count_; ++i)
        exited += workers_[i].record->exited.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < workers_count_; ++i)
        spawned += workers_[i].record->spawned.load(std::memory_order_acquire);
    spawned += g_runtime->segment->header().outside_spawned.load(std::memory_order_acquire);
    return spawned - exited;
}

std::uint32_t Scheduler::shared_length() const {
    std::uint32_t sum = 0;
    for (const auto& length : queued_)
        sum += length.load(kRelaxed);
    return sum;
}

bool Scheduler::wait_finished(std::uint64_t timeout_ns, const std::atomic<bool>* give_up,
                              const std::function<void()>& each_look) {
    struct Counted {
        std::atomic<std::uint32_t>& threads;
        explicit Counted(std::atomic<std::uint32_t>& counter) : threads(counter) {
            threads.fetch_add(1, kRelaxed);
        }
        ~Counted() { threads.fetch_sub(1, kRelaxed); }
    } const counted(threads_that_wait_);
    timespec start{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (true) {
        // Acquire: what the coroutines did is visible to whoever learns that they are gone.
        const std::uint32_t epoch = finished_epoch_.load(std::memory_order_acquire);
        each_look();
        if (alive() == 0) return true;
        if (give_up != nullptr && give_up->load(kRelaxed)) return false;
        std::uint64_t left_ns = 0;
        if (timeout_ns != 0) {
            timespec now{};
            clock_gettime(CLOCK_MONOTONIC, &now);
            const auto spent_ns = static_cast<std::uint64_t>((now.tv_sec - start.tv_sec) * 1'000'000'000 +
                                                             (now.tv_nsec - start.tv_nsec));
            if (spent_ns >= timeout_ns) return false;
            left_ns = timeout_ns - spent_ns;
        }
        futex_wait(finished_epoch_, epoch, left_ns);
    }
}

void Scheduler::stop() {
    {
        const std::lock_guard<SpinLock> hold(lock_);
        stopping_.store(true, kRelaxed);
    }
    wake_all();
}

}  // namespace cprime::detail
