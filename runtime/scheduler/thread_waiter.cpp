// A futex word per waiting thread.
#include "runtime/scheduler/thread_waiter.h"

#include "runtime/scheduler/futex.h"

namespace cprime::detail {

void ThreadWaiter::wait() noexcept {
    // [waiter.woken] acquire: what the waker left in the request is visible.
    while (woken_.load(std::memory_order_acquire) == 0)
        futex_wait(woken_, 0);
}

bool ThreadWaiter::wait_for(std::int64_t timeout_ns) noexcept {
    if (timeout_ns < 0) {
        wait();
        return true;
    }
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto in_ns = [](const timespec& at) { return at.tv_sec * std::int64_t{1'000'000'000} + at.tv_nsec; };
    const std::int64_t start_ns = in_ns(now);
    while (woken_.load(std::memory_order_acquire) == 0) {  // [waiter.woken]
        clock_gettime(CLOCK_MONOTONIC, &now);
        const std::int64_t spent_ns = in_ns(now) - start_ns;
        if (spent_ns >= timeout_ns) return false;
        futex_wait(woken_, 0, static_cast<std::uint64_t>(timeout_ns - spent_ns));
    }
    return true;
}

void ThreadWaiter::wake() noexcept {
    std::atomic<std::uint32_t>& word = woken_;
    word.store(1, std::memory_order_release);  // [waiter.woken]; the waiter may return and be gone from here on
    futex_wake(word, 1);                       // only an address: waking a word that is gone is harmless
}

}  // namespace cprime::detail
