// When the timers of the timer rows fire, and what of it is counted; the same for every C++ runner, and for Go in go/timers.go.
//
//   begin          first deadline      all fired
//     |--- arming ---|   (waiting)   |--- firing ---|          counted: arming + firing
//
// The deadlines lie in no order within 10 ms after the first, which is 2 µs a timer after the begin: most runtimes have armed all by
// then. Who has not is counted from begin to end without a gap.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runner/runner.h"

namespace coroscope::bench {

class TimerPlan {
public:
    // A deadline that does not come while anything is measured.
    static constexpr std::uint64_t kNeverNs = 3'600'000'000'000;

    // Starts the clock.
    explicit TimerPlan(std::uint64_t count)
        : count_(count), begin_ns_(now_ns()), first_deadline_ns_(begin_ns_ + kArmingNs * count) {}

    // When timer `index` fires (CLOCK_MONOTONIC).
    std::uint64_t deadline_ns(std::uint64_t index) const {
        return first_deadline_ns_ + index * kStride % kWindowNs;
    }
    std::uint64_t first_deadline_ns() const { return first_deadline_ns_; }

    // The result, given when the last timer was armed and when the last one had fired. Fired before its time: no operations.
    Measured measured(std::uint64_t armed_ns, std::uint64_t end_ns) const {
        if (end_ns < first_deadline_ns_) return {};
        const std::uint64_t idle_ns = first_deadline_ns_ - std::min(armed_ns, first_deadline_ns_);
        return {.elapsed_ns = end_ns - begin_ns_ - idle_ns, .operations = count_, .extra = {}};
    }

private:
    static constexpr std::uint64_t kArmingNs = 2000;  // a timer
    static constexpr std::uint64_t kWindowNs = 10'000'000;
    static constexpr std::uint64_t kStride = 7'654'321;  // prime, so that the order is mixed

    std::uint64_t count_;
    std::uint64_t begin_ns_;
    std::uint64_t first_deadline_ns_;
};

}  // namespace coroscope::bench
