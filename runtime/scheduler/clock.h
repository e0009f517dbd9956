// The runtime's clocks: what "now" is for deadlines. Whoever needs the time of a deadline asks here and nowhere else.
//
// Deadlines are ticks of the time stamp counter, because that is what viewers show and what costs 9 ns to read. What a program is promised
// is CLOCK_MONOTONIC, std::chrono::steady_clock: the two are tied by a calibration of 2 ms at start, good to about 10 ppm, and the
// kernel bends CLOCK_MONOTONIC by up to 500 ppm to follow network time. So sleeps, which promise "not before", compare with monotonic_ns()
// when their ticks have passed and wait for the rest if they were ahead (sleep.cpp). Timeouts of other waits count ticks only:
// over an hour they may be some tens of milliseconds off, either way.
//
// Setting the wall clock moves neither. While the machine is suspended CLOCK_MONOTONIC stands still: a sleep of an hour lasts an hour of
// waking time. Where the counter goes on meanwhile the comparison notices; timeouts of other waits may then come early by the time slept
// through. Where a machine's counter starts anew with it (suspend to RAM on some), deadlines armed before are late, at
// most by the time that the machine had been up: such a machine cannot be traced across its sleep either.
//
// Thread: any, while a Runtime lives. Blocks never. Tested in tests/unit/runtime/cancel_sleep_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/base/tsc.h"

namespace cprime::detail {

// Ticks of the time stamp counter.
inline std::uint64_t now_ticks() {
    return coroscope::base::read_tsc();
}

// Nanoseconds of CLOCK_MONOTONIC, the clock of std::chrono::steady_clock.
std::int64_t monotonic_ns();

// The tick that comes `duration_ns` after now; what is negative counts as nothing, and a century is the most.
std::uint64_t deadline_after_ns(std::int64_t duration_ns);

// The time `duration_ns` after `from_ns`; saturates at both ends.
inline std::int64_t add_ns(std::int64_t from_ns, std::int64_t duration_ns) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(from_ns, duration_ns, &sum)) return duration_ns < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

}  // namespace cprime::detail
