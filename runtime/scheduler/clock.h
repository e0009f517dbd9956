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
// Virtual time (deterministic mode, chaos.h) goes by in two ways: a microsecond a pick, and, when nobody is ready, at one bound to the
// first deadline. Its ticks are nanoseconds, from a fixed number on, so that runs are alike; viewers show its deadlines as they are. Only
// coroutines live in it: threads that are no workers keep the time of the machine, also in calls that take a time.
//
// Thread: any, while a Runtime lives. Blocks never. Tested in tests/unit/runtime/cancel_sleep_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/base/tsc.h"

namespace cprime::detail {

// What time it is; 0 = time is the machine's. Writers: Chaos while nobody runs, the only worker; readers: any thread, relaxed: it orders nothing.
extern constinit std::atomic<std::uint64_t> g_virtual_ticks;

inline bool time_is_virtual() {
    return g_virtual_ticks.load(std::memory_order_relaxed) != 0;
}

// Ticks of the time stamp counter, or of virtual time.
inline std::uint64_t now_ticks() {
    const std::uint64_t virtual_now = g_virtual_ticks.load(std::memory_order_relaxed);
    return __builtin_expect(virtual_now != 0, 0) ? virtual_now : coroscope::base::read_tsc();
}

// Nanoseconds of CLOCK_MONOTONIC, the clock of std::chrono::steady_clock. In virtual time: those that it was when that began, and what has gone by
// since.
std::int64_t monotonic_ns();
// The same, of the machine always: for threads that are no workers.
std::int64_t real_monotonic_ns();
inline std::int64_t monotonic_ns_for(const void* worker) {
    return worker != nullptr ? monotonic_ns() : real_monotonic_ns();
}

// Virtual time begins anew, at a multiple of some hours that has not been yet, or ends. While no deadline is armed.
void start_virtual_time(bool yes);
// The only worker, in virtual time: it goes by.
void pass_virtual_time_until(std::uint64_t ticks);

// The tick that comes `duration_ns` after now; what is negative counts as nothing, and a century is the most.
std::uint64_t deadline_after_ns(std::int64_t duration_ns);

// The time `duration_ns` after `from_ns`; saturates at both ends.
inline std::int64_t add_ns(std::int64_t from_ns, std::int64_t duration_ns) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(from_ns, duration_ns, &sum)) return duration_ns < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

}  // namespace cprime::detail
