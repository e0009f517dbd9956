// Searching: a worker without work looks at the others' queues before it sleeps.
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/random.h"
#include "runtime/scheduler/scheduler.h"

namespace cprime::detail {

bool Scheduler::anything_to_steal() const {
    for (std::uint32_t i = 0; i < workers_count_; ++i) {
        if (!workers_[i].queue.empty()) return true;
    }
    return false;
}

std::uint32_t Scheduler::steal(Worker& worker) {
    constexpr std::uint32_t kRounds = 4;
    constexpr std::uint32_t kMost = 128;
    const bool chaos = g_chaos.on();
    const std::uint32_t most = chaos ? g_chaos.share(worker, kMost) : kMost;
    if (most == 0) return wire::kNone;
    if (!worker.sleeper.is_searching()) {
        if (2 * idle_.searching() >= workers_count_) return wire::kNone;
        idle_.start_search(worker.sleeper);
    }
    std::uint32_t stolen[kMost];
    for (std::uint32_t round = 0; round < kRounds; ++round) {
        std::uint32_t victim = draw_below(worker.random, workers_count_);
        for (std::uint32_t i = 0; i < workers_count_;
             ++i, victim = victim + 1 == workers_count_ ? 0 : victim + 1) {
            if (victim == worker.index) continue;
            // The one that a running coroutine has just woken is likely to run there in a moment: it is taken only at the end.
            const std::uint32_t count = workers_[victim].queue.steal(stolen, most,
                                                                     chaos || round + 1 == kRounds);
            if (count == 0) continue;
            for (std::uint32_t n = 1; n < count; ++n)
                if (!worker.queue.push(stolen[n])) inject(stolen[n]);
            std::atomic<std::uint64_t>& steals = worker.record->steals;
            steals.store(steals.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
            std::atomic<std::uint32_t>& taken = worker.shown_queues->taken_from[victim];
            taken.store(taken.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
            emit::probe::steal(worker.ring, victim, count);
            return stolen[0];
        }
        sync::pause();
    }
    return wire::kNone;
}

}  // namespace cprime::detail
