// ThreadWaiter: a thread that is no worker, waiting where a coroutine would park.
//
// It lives on the waiting thread's stack and is linked into a list of its own beside the object's list of coroutines,
// under the same lock. The waker unlinks it under the lock, fills what `transfer` points to, unlocks and calls wake();
// after that call it touches nothing of the waiter.
#pragma once

#include <cstdint>

#include "runtime/scheduler/atomics.h"

namespace cprime::detail {

class ThreadWaiter {
public:
    ThreadWaiter* next = nullptr;      // under the lock of the object waited for
    ThreadWaiter* previous = nullptr;  // the same
    void* transfer = nullptr;          // request of the waiting call

    // Blocks the calling thread until wake(). Signals do not end it.
    void wait() noexcept;
    // The same for at most so long, if that is not negative. False when the time is over and nobody has called wake() yet: somebody
    // still may, unless the waiter is taken out of its list first.
    bool wait_for(std::int64_t duration_ns) noexcept;
    // Once. The waiter may be gone when it returns.
    void wake() noexcept;

private:
    // Futex [waiter.woken]. Writer: the waker, release; reader: who waits, acquire: what the waker left in the request is visible after wait().
    sync::atomic<std::uint32_t> woken_{0};
};

}  // namespace cprime::detail
