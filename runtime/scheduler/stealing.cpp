// Searching: a worker without work looks at the others' queues before it sleeps.
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/random.h"
#include "runtime/scheduler/scheduler.h"

namespace cprime::detail {

bool Scheduler::anything_to_steal() const {
    for (std::uint32_t i = 0; i < workers_count_; ++i) {
        if (!workers_[i].queue.empty()) return true;
    }
    return false;
}

void Scheduler::start_search(Worker& worker) {
    worker.searching = true;
    searching_.fetch_add(1, std::memory_order_seq_cst);
}

void Scheduler::end_search(Worker& worker, bool found) {
    worker.searching = false;
    // The last searcher leaves with something: there may be more, and those who made it ready saw that somebody searched.
    if (searching_.fetch_sub(1, std::memory_order_seq_cst) == 1 && found) notify();
}

void Scheduler::wake_searcher() {
    std::uint32_t nobody = 0;
    if (!searching_.compare_exchange_strong(nobody, 1, std::memory_order_seq_cst)) return;
    Worker* sleeper = nullptr;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        sleeper = pop_idle();
        if (sleeper != nullptr)
            sleeper->searching = true;  // it sleeps until it is woken below [worker.futex]
    }
    if (sleeper != nullptr) {
        wake(*sleeper);
    } else {
        searching_.fetch_sub(1, std::memory_order_seq_cst);
    }
}

std::uint32_t Scheduler::steal(Worker& worker) {
    constexpr std::uint32_t kRounds = 4;
    constexpr std::uint32_t kMost = 128;
    if (!worker.searching) {
        if (2 * searching_.load(std::memory_order_relaxed) >= workers_count_) return wire::kNone;
        start_search(worker);
    }
    std::uint32_t stolen[kMost];
    for (std::uint32_t round = 0; round < kRounds; ++round) {
        std::uint32_t victim = draw_below(worker.random, workers_count_);
        for (std::uint32_t i = 0; i < workers_count_;
             ++i, victim = victim + 1 == workers_count_ ? 0 : victim + 1) {
            if (victim == worker.index) continue;
            // The one that a running coroutine has just woken is likely to run there in a moment: it is taken only at the end.
            const std::uint32_t count = workers_[victim].queue.steal(stolen, kMost, round + 1 == kRounds);
            if (count == 0) continue;
            for (std::uint32_t n = 1; n < count; ++n)
                if (!worker.queue.push(stolen[n])) inject(stolen[n]);
            std::atomic<std::uint64_t>& steals = worker.record->steals;
            steals.store(steals.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
            emit::probe::steal(worker.ring, victim, count);
            return stolen[0];
        }
        sync::pause();
    }
    return wire::kNone;
}

}  // namespace cprime::detail
