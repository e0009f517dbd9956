// DeadlockWatch: says when a program hangs because its coroutines wait for each other.
//
// Rest is: every worker sleeps, no deadline is armed, no call runs on the side pool, somebody is alive. The worker that went to sleep last then
// wakes after kFirstLookMs, takes a picture of who waits for whom (wait_picture.h), and again after twice, four times ... that long while nobody
// stirs and nobody is stuck. What two looks in a row show alike is reported, once for the same ring of the same waits.
//
// What it costs: nothing as long as anybody has anything to do; one that rests often pays at most one part in kShare of a worker's time, and that
// worker breaks the look off when it is woken.
//
// Certain or silent: where threads that are no workers go their own ways, or handlers of signals may run, only what no such party could break is a
// deadlock (the open world of wait_picture.h). Threads are counted, by the kernel, against those of the runtime and those that wait in its calls.
// A handle belongs to the coroutine that used it last; one that is shared by reference with a thread may deceive the watch.
//
// Thread: as marked. Tested in tests/unit/runtime/deadlock_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "cprime/runtime.h"

namespace cprime::detail {

struct Worker;
class WaitPicture;

class DeadlockWatch {
public:
    static constexpr std::uint64_t kFirstLookMs = 100;
    static constexpr std::uint64_t kLongestPauseMs = 60'000;
    static constexpr std::uint64_t kShare = 128;
    static constexpr std::uint64_t kNever = ~0ULL;

    // Before the workers run. `ticks_per_ms`: of the time stamp counter.
    void start(OnDeadlock what, std::uint64_t ticks_per_ms);

    // The worker that has gone to sleep last, while somebody is alive: ticks at which look() wants to be called; kNever = not.
    std::uint64_t first_look(std::uint64_t now) const;
    // Looks, and reports; ticks of the next look. `still_since`: when that worker went to sleep. The worker itself, in its sleep.
    std::uint64_t look(Worker& worker, std::uint64_t now, std::uint64_t still_since);

    // How often anybody has looked; for tests, which wait for it.
    std::uint32_t looks() const { return looks_.load(std::memory_order_acquire); }

private:
    bool at_rest() const;
    bool judge(WaitPicture& picture, Worker& worker) const;
    void report(const WaitPicture& picture);

    OnDeadlock what_ = OnDeadlock::nothing;
    std::uint64_t ticks_per_ms_ = 1;
    std::atomic_flag busy_;   // acquire and release: guards the two below
    std::uint64_t seen_ = 0;  // fingerprint of what the look before this one found; 0 = nothing
    std::uint64_t told_ = 0;  // of what was reported last
    // Ticks before which nobody looks. Writer: who looks; readers: whoever goes to sleep, relaxed: a hint.
    std::atomic<std::uint64_t> not_before_{0};
    std::atomic<std::uint32_t> looks_{0};  // writer: who looks, after it has said what there was to say
};

extern DeadlockWatch g_deadlocks;

}  // namespace cprime::detail
