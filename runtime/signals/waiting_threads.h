// The threads in Runtime::wait(): they block what the signal thread takes, for as long as they wait.
//
// Such a thread usually is main(), which no Runtime can tell at its birth what handle() will name later. If it let a signal through, the forwarder
// (forwarder.h) would have to send it on, which the kernel may refuse when its queue is full, and which tools that hold signals back until a system
// call returns (TSan) would put off for ever.
//
//   handle() on any thread ──▶ block_in_waiting_threads(): new set, wake_waiters() ──▶ each thread follows ──▶ handle() returns
#pragma once

#include <signal.h>

#include <cstdint>

namespace cprime::detail {

// One of them, on its own stack. Masks are as before when it ends.
class WaitingThread {
public:
    WaitingThread();
    ~WaitingThread();
    WaitingThread(const WaitingThread&) = delete;
    WaitingThread& operator=(const WaitingThread&) = delete;

    // Blocks what is to be blocked now. The thread itself, each time that it wakes up.
    void follow();

private:
    friend void block_in_waiting_threads(const sigset_t& signals);

    sigset_t mask_before_{};
    std::uint64_t followed_ = 0;  // guarded by the list's lock
    WaitingThread* next_;
};

// Returns when no thread that waits lets one of `signals` through, and none that begins to wait will, until a new runtime begins. Any thread that
// is not in Runtime::wait(); blocks until those woke up.
void block_in_waiting_threads(const sigset_t& signals);
// A new runtime: nothing is blocked. No thread waits.
void forget_blocked_signals();

}  // namespace cprime::detail
