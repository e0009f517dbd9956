// Deadline: a moment until which something is to be done. Interval: ticks at a fixed rate.
//
//   const cprime::Deadline until(std::chrono::seconds(2));
//   while (!done() && !until.expired()) step();
//
//   cprime::Interval every(std::chrono::milliseconds(10));
//   while (every.tick()) sample();                 // false when the coroutine was asked to end
//
// Both count std::chrono::steady_clock, which nobody can set. It stands still while the machine is suspended: what was 2 s away
// when the lid was closed is 2 s away when it is opened again. Network time bends its rate a little; deadlines follow.
//
// Thread: any; an Interval belongs to one coroutine (or thread) at a time, a Deadline is a plain value. Calls fit a Micro stack: the clock is read on
// the worker's. Tested in tests/unit/runtime/interval_test.cpp.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "cprime/detail/nanoseconds.h"
#include "cprime/this_coroutine.h"

namespace cprime {

class Deadline {
public:
    // So far from now; at once when that is negative.
    template <typename Rep, typename Period>
    [[gnu::always_inline]] explicit Deadline(std::chrono::duration<Rep, Period> from_now) noexcept {
        detail::ClockRequest request{detail::nanoseconds_of(from_now)};
        detail::park<&detail::read_clock>(&request);
        at_ns_ = request.ns;
    }
    // At that time.
    [[gnu::always_inline]] explicit Deadline(std::chrono::steady_clock::time_point at) noexcept
        : at_ns_(at.time_since_epoch().count()) {}
    // One that is not reached.
    static Deadline never() noexcept { return Deadline(std::chrono::steady_clock::time_point::max()); }

    // How long is left; nothing when it has passed, nanoseconds::max() for never().
    [[gnu::always_inline]] std::chrono::nanoseconds remaining() const noexcept {
        if (at_ns_ == INT64_MAX) return std::chrono::nanoseconds::max();
        detail::ClockRequest request{0};
        detail::park<&detail::read_clock>(&request);
        return std::chrono::nanoseconds(at_ns_ > request.ns ? at_ns_ - request.ns : 0);
    }
    [[gnu::always_inline]] bool expired() const noexcept {
        detail::ClockRequest request{0};
        detail::park<&detail::read_clock>(&request);
        return at_ns_ <= request.ns;
    }
    std::chrono::steady_clock::time_point time() const noexcept {
        return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at_ns_));
    }
    // The earlier one is the lesser.
    friend auto operator<=>(const Deadline&, const Deadline&) = default;

private:
    std::int64_t at_ns_;  // steady_clock's
};

// Parks the caller until the deadline. `cancelled`: it was asked to end before or meanwhile.
[[gnu::always_inline]] inline Result<void> sleep_until(const Deadline& deadline) noexcept {
    return sleep_until(deadline.time());
}

// What tick() does about ticks whose time had passed before it was called. In each case the late one is given at once.
enum class MissedTicks : std::uint8_t {
    skip,  // the others are left out and counted; the next comes at the next multiple of the period. Stays in step.
    burst,  // the others are given at once as well, one a call, until it has caught up. Gives as many as there were periods.
    delay,  // the next comes a whole period after this call. Never gives two ticks closer than a period.
};

class Interval {
public:
    // The first tick comes a period from now. A period of nothing or less counts as a nanosecond.
    template <typename Rep, typename Period>
    [[gnu::always_inline]] explicit Interval(std::chrono::duration<Rep, Period> period,
                                             MissedTicks missed = MissedTicks::skip) noexcept {
        request_.period_ns = detail::nanoseconds_of(period);
        if (request_.period_ns < 1) request_.period_ns = 1;
        request_.missed = static_cast<std::uint8_t>(missed);
        reset();
    }

    // Parks the caller until the next tick. `cancelled`: it was asked to end before or meanwhile.
    [[gnu::always_inline]] Result<void> tick() noexcept {
        detail::park<&detail::tick_interval>(&request_);
        return request_.sleep.status;
    }

    // The next tick comes a period from now.
    [[gnu::always_inline]] void reset() noexcept {
        detail::ClockRequest request{request_.period_ns};
        detail::park<&detail::read_clock>(&request);
        request_.next_ns = request.ns;
    }

    // How many ticks MissedTicks::skip has left out so far.
    std::uint64_t skipped() const noexcept { return request_.skipped; }

private:
    detail::IntervalRequest request_;
};

}  // namespace cprime
