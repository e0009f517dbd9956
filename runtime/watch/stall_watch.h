// StallWatch: says when a coroutine keeps its worker from others: it blocks the thread, or computes without a call that waits.
//
// The signal thread looks at every worker's count of switches, twice in the limit; while all workers sleep it looks more and more seldom, down to
// eight times as slow. Nothing is written by workers for it, and nothing is asked of them.
//
// A coroutine is named when its worker has not switched for the limit although somebody waits for that worker: in its own queue, bound to it, or,
// where every worker is kept, in the shared queues or with a deadline that has passed. Once a spawn site. Two things are not held against it:
//   time in which this process did not run (SIGSTOP, a debugger): a pause counts as two looks at most
//   time in which its thread was ready and the system ran others: a thread that does not sleep must have used a quarter of the limit itself
//
// Thread: start by the one that makes the Runtime, look by the signal thread. Tested in tests/unit/runtime/stall_test.cpp.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/scheduler/worker.h"

namespace cprime::detail {

class StallWatch {
public:
    // Before the signal thread runs. limit_ms 0: nobody looks.
    void start(Worker* workers, std::uint32_t count, std::uint32_t limit_ms);

    // Looks, if it is time; milliseconds until it wants to be called again, -1 = never. May be called at any time.
    int look();

    // How often it has looked at the workers; for tests, which wait for it. Any thread.
    std::uint32_t looks() const { return looks_.load(std::memory_order_acquire); }

private:
    static constexpr std::size_t
        kSitesToldMost = 256;  // then nothing is said any more: it would be the program's normal way

    // What the thread of a worker does, as the kernel says; `known` false where it does not.
    struct ThreadState {
        bool known = false;
        bool asleep = false;
        std::uint64_t cpu_ms = 0;  // since the thread began
        std::string in_kernel;     // where it sleeps; "" = not told
    };
    struct Seen {
        std::uint64_t switches = 0;
        std::uint32_t coroutine = ~0U;
        std::int64_t for_ms = 0;   // it has not switched, as counted
        std::uint64_t cpu_ms = 0;  // the thread's, when this began
        bool judged = false;       // told of, or not to be
    };

    void look_at_workers(std::int64_t passed_ms);
    bool every_worker_is_kept() const;
    std::uint64_t who_wait_for(const Worker& worker) const;
    void judge(const Worker& worker, Seen& seen);
    static ThreadState state_of(std::uint32_t thread_id);

    Worker* workers_ = nullptr;
    std::uint32_t count_ = 0;
    std::int64_t limit_ms_ = 0, period_ms_ = 0;
    std::int64_t pause_ms_ = 0;  // present time between looks: the period, or longer while all sleep
    std::int64_t looked_ms_ = 0;
    std::atomic<std::uint32_t> looks_{0};  // writer: the signal thread, after it has said what there was to say
    // Members are destroyed by nobody: the signal thread may look while the process exits.
    std::array<Seen, wire::kWorkersMax> seen_{};        // by worker
    std::array<std::uint32_t, kSitesToldMost> told_{};  // sites
    std::size_t told_count_ = 0;
};

extern StallWatch g_stalls;

}  // namespace cprime::detail
