// A futex word per waiting thread.
#include "runtime/scheduler/thread_waiter.h"

#include <chrono>

#include "runtime/scheduler/futex.h"

namespace cprime::detail {

void ThreadWaiter::wait() noexcept {
    // [waiter.woken] acquire: what the waker left in the request is visible.
    while (woken_.load(std::memory_order_acquire) == 0)
        futex_wait(woken_, 0);
}

bool ThreadWaiter::wait_for(std::int64_t duration_ns) noexcept {
    if (duration_ns < 0) {
        wait();
        return true;
    }
    using std::chrono::nanoseconds;
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    while (woken_.load(std::memory_order_acquire) == 0) {  // [waiter.woken]
        const std::int64_t left = duration_ns - nanoseconds(Clock::now() - begin).count();
        if (left <= 0) return false;
        futex_wait(woken_, 0, static_cast<std::uint64_t>(left));
    }
    return true;
}

void ThreadWaiter::wake() noexcept {
    sync::atomic<std::uint32_t>& word = woken_;
    word.store(1, std::memory_order_release);  // [waiter.woken]; the waiter may return and be gone from here on
    futex_wake(word, 1);                       // only an address: waking a word that is gone is harmless
}

}  // namespace cprime::detail
