// The injection list, the idle list, and the end of all coroutines.
#include "runtime/scheduler/scheduler.h"

#include <algorithm>
#include <ctime>
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {

using coroscope::wire::WorkerState;

void Scheduler::inject(std::uint32_t index, bool first) {
    Worker* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (first) {
            injected_.push_front(index);
        } else {
            injected_.push(index);
        }
        injected_length_.store(injected_.length(), std::memory_order_relaxed);
        sleeper = pop_idle();
    }
    if (sleeper != nullptr) wake(*sleeper);
}

void Scheduler::take_injected(Worker& worker) {
    const std::lock_guard<SpinLock> hold(lock_);
    const std::uint32_t share = std::max(injected_.length() / workers_count_, 1U);
    for (std::uint32_t i = 0; i < share && !injected_.empty(); ++i) {
        const std::uint32_t index = injected_.pop();
        const bool signal = (record(index).flags.load(std::memory_order_relaxed) & wire::kCoroutineSignal) !=
                            0;
        if (signal) {
            worker.ready.push_front(index);
        } else {
            worker.ready.push(index);
        }
    }
    injected_length_.store(injected_.length(), std::memory_order_relaxed);
}

void Scheduler::hand_over(Worker& worker, std::uint32_t keep) {
    Worker* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        sleeper = pop_idle();
        if (sleeper == nullptr) return;
        injected_.take(worker.ready, std::max((worker.ready.length() - keep) / 2, 1U));
        injected_length_.store(injected_.length(), std::memory_order_relaxed);
    }
    wake(*sleeper);
}

Worker* Scheduler::pop_idle() {
    if (idle_.empty()) return nullptr;
    Worker* sleeper = idle_.back();
    idle_.pop_back();
    idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_relaxed);
    return sleeper;
}

void Scheduler::wake(Worker& sleeper) {
    sleeper.wake_word.store(1, std::memory_order_release);  // [worker.futex]
    futex_wake(sleeper.wake_word, 1);
}

void Scheduler::wake_one() {
    Worker* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        sleeper = pop_idle();
    }
    if (sleeper != nullptr) wake(*sleeper);
}

std::vector<Worker*> Scheduler::wake_all() {
    std::vector<Worker*> sleepers;
    sleepers.reserve(workers_count_);
    {
        const std::lock_guard<SpinLock> hold(lock_);
        sleepers.assign(idle_.begin(), idle_.end());
        idle_.clear();
        idle_count_.store(0, std::memory_order_relaxed);
    }
    for (Worker* sleeper : sleepers)
        wake(*sleeper);
    return sleepers;
}

bool Scheduler::idle(Worker& worker) {
    std::uint64_t deadline = kNoDeadline;  // until which it sleeps; only the watcher has one
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (!injected_.empty()) return true;
        if (stopping_.load(std::memory_order_relaxed)) return false;
        worker.wake_word.store(0, std::memory_order_relaxed);
        idle_.push_back(&worker);
        idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_relaxed);
        const std::uint64_t next = timers_next();
        if (next != kNoDeadline && (watcher_ == nullptr || next < watcher_deadline_)) {
            watcher_ = &worker;
            watcher_deadline_ = deadline = next;
        }
    }
    check_finished();
    g_runtime->pools.sample_high_water();
    worker.record->ready_length.store(0, std::memory_order_relaxed);
    worker.record->state.store(WorkerState::kParked, std::memory_order_relaxed);
    worker.record->parks.store(worker.record->parks.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
    emit::probe::worker_park(worker.ring, 0, worker.index);
    while (worker.wake_word.load(std::memory_order_acquire) == 0) {  // [worker.futex]
        std::uint64_t timeout_ns = 0;
        const std::uint64_t now = now_ticks();
        if (now >= deadline) break;
        const std::uint64_t trim = g_runtime->trimmer.due(worker, now);
        if (now >= trim) {
            g_runtime->trimmer.step(worker, now);
            continue;
        }
        if (const std::uint64_t until = std::min(deadline, trim); until != kNoDeadline) {
            const auto& clock = g_runtime->segment->header().clock;
            timeout_ns = static_cast<std::uint64_t>(clock.duration_ns(static_cast<std::int64_t>(until - now))) +
                         1;
        }
        futex_wait(worker.wake_word, 0, timeout_ns);
    }
    g_runtime->trimmer.serve(worker);
    emit::probe::worker_unpark(worker.ring, 0, worker.index);
    worker.record->state.store(WorkerState::kScheduling, std::memory_order_relaxed);
    Worker* next_watcher = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        const auto self = std::find(idle_.begin(), idle_.end(), &worker);
        if (self != idle_.end()) idle_.erase(self);
        if (watcher_ == &worker) {
            watcher_ = nullptr;
            if (timers_next() != kNoDeadline) next_watcher = pop_idle();
        }
        idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_relaxed);
    }
    if (next_watcher != nullptr) wake(*next_watcher);
    return true;
}

void Scheduler::check_finished() {
    if (alive() == 0) wake_waiters();
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

bool Scheduler::wait_finished(std::uint64_t timeout_ns, const std::atomic<bool>* give_up) {
    timespec start{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (true) {
        // Acquire: what the coroutines did is visible to whoever learns that they are gone.
        const std::uint32_t epoch = finished_epoch_.load(std::memory_order_acquire);
        if (alive() == 0) return true;
        if (give_up != nullptr && give_up->load(std::memory_order_relaxed)) return false;
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
    std::vector<Worker*> sleepers;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        stopping_.store(true, std::memory_order_relaxed);
        sleepers.swap(idle_);
        idle_count_.store(0, std::memory_order_relaxed);
    }
    for (Worker* sleeper : sleepers)
        wake(*sleeper);
}

}  // namespace cprime::detail
