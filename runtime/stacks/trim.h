// Trimmer: the memory of free stacks goes back to the kernel, because somebody asks for it or because nobody used it for a while.
//
// Who gives pages back must be sure that nobody is handed the slot meanwhile. Bitmaps have one writer, the slab's owner, so the owner does it,
// on its own stack, where it cannot spawn at the same time (pools.h, S6); for the slabs of threads that are no workers whoever holds their
// lock is the owner. Nobody trims for somebody else.
//
// On demand [trim.request]: trim() does its own share and that of the threads, raises `wanted_` and wakes all who sleep. Each worker compares
// `wanted_` with what it has served at every look around and when it wakes: one load. Those who slept are waited for: they serve the request
// before they run anything, so the wait is as long as their trimming. Workers that run coroutines are not waited for.
//
// By itself: a worker with nothing to do makes a round over its slabs when trim_after_ms have passed. A round gives back the free slots of
// those bitmap words that nothing was taken from or returned to since the round before: a load that comes and goes keeps its stacks. It stops
// between slabs when work arrives. Fruitless rounds double the wait for the next, up to 64 times; nothing is planned while less than 1 MiB
// could come of it.
//
// Emergency slots keep their memory. A canary that goes with its page is written anew at the slot's next use.
//
// Thread: as marked. Tested in tests/unit/runtime/trim_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "runtime/stacks/pools.h"

namespace cprime::detail {

class Trimmer {
public:
    static constexpr std::uint64_t kNever = ~0ULL;

    // Before the workers run. `period_ticks`: of the rounds that workers make by themselves; 0 = none.
    void start(Pools& pools, std::uint64_t period_ticks) {
        pools_ = &pools;
        period_ticks_ = period_ticks;
    }

    // All free slots of whoever can be reached; bytes given back. Blocks. Any thread; a worker on its own stack.
    std::uint64_t trim(Worker* caller);

    // Serves what was asked since the last time. The worker itself.
    void serve(Worker& worker) {
        const std::uint32_t wanted = wanted_.load(std::memory_order_acquire);  // [trim.request]
        if (__builtin_expect(worker.trim_served.load(std::memory_order_relaxed) != wanted, 0))
            serve(worker, wanted);
    }

    // The worker has nothing to do: ticks at which step() wants to be called; kNever = not.
    std::uint64_t due(Worker& worker, std::uint64_t now) const;
    // Goes on with the worker's round, for a few slabs.
    void step(Worker& worker, std::uint64_t now);

private:
    void serve(Worker& worker, std::uint32_t wanted);
    std::uint64_t trim_share(Worker* worker);
    bool worthwhile(Worker& worker) const;

    Pools* pools_ = nullptr;
    std::uint64_t period_ticks_ = 0;
    std::mutex one_at_a_time_;              // held through trim()
    std::atomic<std::uint32_t> wanted_{0};  // writer: trim(); readers: workers [trim.request]
};

}  // namespace cprime::detail
