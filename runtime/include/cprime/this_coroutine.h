// What a coroutine says about itself: yield, sleep, suspend, and whether it was asked to end.
//
//   while (work_left()) {
//       do_some();
//       if (!cprime::yield()) return;      // somebody asked us to end
//   }
//
// Cancellation stays: once asked to end, every call of the coroutine that would have to wait answers `cancelled` at once; calls
// that need not wait (a channel with an item in it) still do their work, so that loops can drain and return.
//
// Thread: any. On a thread that is no worker, yield() yields the thread and sleep blocks it, neither is ever cancelled; suspend() ends
// the program with a sentence there. Tested in tests/unit/runtime/{yield,cancel_sleep,suspend}_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>

#include "cprime/detail/nanoseconds.h"
#include "cprime/detail/park.h"
#include "cprime/result.h"

namespace cprime {

// Thrown by check_cancelled() only. Leaving a coroutine's function by it is an orderly end.
struct Cancelled : std::exception {
    const char* what() const noexcept override { return "the coroutine was cancelled"; }
};

namespace detail {

struct YieldRequest {
    Status status = Status::ok;
};
struct SleepRequest {
    std::int64_t ns = 0;  // steady_clock's, or how long from now
    Status status = Status::ok;
    bool absolute = false;  // which of the two; the call makes it the former
};
struct IntervalRequest {
    SleepRequest sleep;
    std::int64_t next_ns = 0;  // steady_clock's: of the next tick
    std::int64_t period_ns = 0;
    std::uint64_t skipped = 0;
    std::uint8_t missed = 0;  // MissedTicks
};
struct ClockRequest {
    std::int64_t ns;  // in: how long from now; out: when that is, steady_clock's
};
struct SuspendRequest {
    Status status = Status::ok;
};
struct SelfRequest {
    std::uint64_t identity = 0;
    bool cancelled = false;
};
extern "C" ResumePoint cprime_yield_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// park<&cprime_yield_coroutine>(request), shorter where nothing is out of the ordinary.
extern "C" void cprime_yield(void* request) noexcept;
ResumePoint sleep_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint tick_interval(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint read_clock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint suspend_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint describe_self(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

}  // namespace detail

// Lets every other coroutine that is ready on this worker run first. `cancelled` when the caller was asked to end (it has
// yielded all the same).
[[gnu::always_inline]] inline Result<void> yield() noexcept {
    detail::YieldRequest request;
    detail::cprime_yield(&request);
    asm volatile("" ::: "memory");
    return request.status;
}

// For long computations: lets somebody of higher priority run if one is ready and the caller's slice of time is over; else one load. What other
// runtime calls do besides, this does alone.
[[gnu::always_inline]] inline void yield_point() noexcept {
    if (__builtin_expect(detail::cprime_urgent.load(std::memory_order_relaxed) == 0, 1)) return;
    detail::SelfRequest request;
    detail::park<&detail::describe_self>(&request);
}

// Parks the caller for at least `duration`, by std::chrono::steady_clock, and not more than about 50 us longer while some worker has nothing else to
// do. Nothing or less: yields. Setting the wall clock makes no difference; time in which the machine is suspended does not count.
// `cancelled`: it was asked to end before or meanwhile.
template <typename Rep, typename Period>
[[gnu::always_inline]] inline Result<void> sleep_for(std::chrono::duration<Rep, Period> duration) noexcept {
    detail::SleepRequest request{detail::nanoseconds_of(duration), Status::ok, false};
    detail::park<&detail::sleep_coroutine>(&request);
    return request.status;
}

// The same until that time.
template <typename Duration>
[[gnu::always_inline]] inline Result<void> sleep_until(
    const std::chrono::time_point<std::chrono::steady_clock, Duration>& time) noexcept {
    detail::SleepRequest request{detail::nanoseconds_of(time.time_since_epoch()), Status::ok, true};
    detail::park<&detail::sleep_coroutine>(&request);
    return request.status;
}

// Parks the caller until somebody calls resume() on its JoinHandle. `cancelled`: it was asked to end before or meanwhile; nobody else
// ends the wait, so a coroutine whose handle is gone waits until shutdown.
//
// A resume() that comes before the caller has suspended itself does nothing and says false: nothing is remembered. So one of the two
// must know where the other is. Either the resumer insists, one resume for each suspend:
//     while (!handle.resume() && !handle.is_complete()) cprime::yield();
// or the coroutine tells it first, for example through a channel that the resumer receives from, and the resumer insists from then on.
// Where the wish must not be lost although nobody waits yet, a channel is the better means.
[[gnu::always_inline]] inline Result<void> suspend() noexcept {
    detail::SuspendRequest request;
    detail::park<&detail::suspend_coroutine>(&request);
    return request.status;
}

// Whether somebody asked the caller to end. False on a thread that is no worker.
[[gnu::always_inline]] inline bool cancel_requested() noexcept {
    detail::SelfRequest request;
    detail::park<&detail::describe_self>(&request);
    return request.cancelled;
}

// Throws Cancelled if somebody asked the caller to end. Wants a stack that exceptions fit on: Medium or Large.
inline void check_cancelled() {
    if (cancel_requested()) throw Cancelled();
}

// Identity of the running coroutine, never reused; 0 on a thread that is no worker.
[[gnu::always_inline]] inline std::uint64_t this_id() noexcept {
    detail::SelfRequest request;
    detail::park<&detail::describe_self>(&request);
    return request.identity;
}

}  // namespace cprime
