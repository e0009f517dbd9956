// Searching: a worker without work looks at the others' queues before it sleeps. Relieving: one that has work looks at them now and then.
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/random.h"
#include "runtime/scheduler/scheduler.h"

namespace cprime::detail {

namespace {

constexpr std::uint32_t kMostAtOnce = 128;
// A worker that has not switched for so long leaves those in its queue to others although they have work themselves.
constexpr std::int64_t kKeptNs = 1'000'000;

}  // namespace

bool Scheduler::anything_to_steal() const {
    for (std::uint32_t i = 0; i < workers_count_; ++i) {
        if (!workers_[i].queue.empty()) return true;
    }
    return false;
}

void Scheduler::note_stolen(Worker& worker, std::uint32_t victim, std::uint32_t count) {
    std::atomic<std::uint64_t>& steals = worker.record->steals;
    steals.store(steals.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    std::atomic<std::uint32_t>& taken = worker.shown_queues->taken_from[victim];
    taken.store(taken.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    emit::probe::steal(worker.ring, victim, count);
}

void Scheduler::relieve(Worker& worker) {
    const std::uint64_t now = now_ticks();
    const auto kept = static_cast<std::uint64_t>(g_runtime->segment->header().clock.duration_ticks(kKeptNs));
    if (now - worker.watched_since < kept) return;
    Worker& victim = workers_[worker.watched];
    const std::uint64_t switches = victim.record->switches.load(std::memory_order_relaxed);
    // Whoever runs there has not left for a while and may never do so.
    if (worker.watched_since != 0 && switches == worker.watched_switches && worker.watched != worker.index &&
        victim.record->state.load(std::memory_order_relaxed) == wire::WorkerState::kRunning) {
        std::uint32_t stolen[kMostAtOnce];
        const std::uint32_t count = victim.queue.steal(stolen, kMostAtOnce, true);
        for (std::uint32_t n = 0; n < count; ++n)
            if (!worker.queue.push(stolen[n])) inject(stolen[n]);
        if (count != 0) note_stolen(worker, worker.watched, count);
    }
    worker.watched = worker.watched + 1 == workers_count_ ? 0 : worker.watched + 1;
    worker.watched_switches = workers_[worker.watched].record->switches.load(std::memory_order_relaxed);
    worker.watched_since = now;
}

std::uint32_t Scheduler::steal(Worker& worker) {
    constexpr std::uint32_t kRounds = 4;
    const bool chaos = g_chaos.on();
    const std::uint32_t most = chaos ? g_chaos.share(worker, kMostAtOnce) : kMostAtOnce;
    if (most == 0) return wire::kNone;
    if (!worker.sleeper.is_searching()) {
        if (2 * idle_.searching() >= workers_count_) return wire::kNone;
        idle_.start_search(worker.sleeper);
    }
    std::uint32_t stolen[kMostAtOnce];
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
            note_stolen(worker, victim, count);
            return stolen[0];
        }
        sync::pause();
    }
    return wire::kNone;
}

}  // namespace cprime::detail
