// Reaper: who has been idle for how long, found by sweeps, so that no switch reads a clock (cprime/idle.h).
//
// A sweep reads the sequence of every coroutine and compares it with that of the sweep before. Entries lie in an array by coroutine index that
// takes memory where it is written; an entry whose identity is another's is a new coroutine's.
//
// With RuntimeOptions::reap_idle_after a thread of its own sweeps and cancels; it is no worker, so that no worker is late because of it.
//
// Thread: any; a worker on its own stack. Each call holds lock_, and blocks for it. Tested in tests/unit/runtime/idle_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "cprime/idle.h"
#include "runtime/scheduler/worker.h"
#include "runtime/scheduler/zero_pages.h"

namespace cprime::detail {

class Reaper {
public:
    ~Reaper() { stop(); }

    // Sweeps, and lists or cancels as the request says.
    void sweep(Worker* worker, IdleRequest& request);
    // Since when `index`, which is `identity`, is known to have had that sequence; steady_clock's nanoseconds.
    std::int64_t since(std::uint32_t index, std::uint64_t identity, std::uint32_t sequence);
    // The running coroutine may be idle for ever, or not; what it was before.
    bool set_stay_idle(std::uint32_t index, bool yes);

    // A thread that reaps whoever is idle for `limit_ns`. False: there is none to be had.
    bool start(std::int64_t limit_ns);
    // Ends it. Not a worker.
    void stop();

private:
    struct Entry {
        std::uint64_t identity;
        std::int64_t since_ns;
        std::uint32_t sequence;
        bool stays_idle;
    };
    struct Found {
        std::uint32_t index;
        std::uint64_t identity;
        std::int64_t idle_ns;
    };
    // The entry of that coroutine, brought up to date. Under lock_.
    Entry& note(std::uint32_t index, std::uint64_t identity, std::uint32_t sequence, std::int64_t now_ns);
    // Looks at one coroutine; whether it has been idle for `limit_ns`. Under lock_.
    bool look(std::uint32_t index, std::int64_t now_ns, std::int64_t limit_ns, Found& found);
    // Goes on with a sweep at `from`, until `most` are found, or to the end. How many were found.
    std::uint32_t collect(std::uint32_t& from, std::int64_t now_ns, std::int64_t limit_ns, Found* out,
                          std::uint32_t most);
    static std::size_t cancel(Worker* worker, Found* found,
                              std::uint32_t count);  // how many were not asked to end before
    static bool list(IdleRequest& request, const Found* found, std::uint32_t count);  // false: no memory
    void watch(std::int64_t limit_ns);

    std::mutex lock_;                     // guards entries_
    std::unique_ptr<ZeroPages> entries_;  // by coroutine index; null before the first look
    std::atomic<std::uint32_t> stopping_{
        0};  // futex; writers: start(), stop(); reader: the thread. Relaxed: join() orders the rest
    std::thread thread_;
};

}  // namespace cprime::detail
