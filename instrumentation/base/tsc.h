// The time stamp counter: how it is read, and how ticks become nanoseconds.
//
// Plain rdtsc may be executed before an earlier load completes; "read the peer's stamp, then rdtsc" came out negative
// in 0.4-3.3 % of pairs in the prototype, rdtscp in none of 5M. So: whoever *acquires* (receives, resumes what another
// worker woke, steals) uses read_tsc_ordered(); everybody else may use read_tsc().
// Cost on the development machine: rdtsc 8.7 ns, rdtscp 15 ns.
//
// Thread: any. Blocks: never.
#pragma once

#include <x86intrin.h>

#include <cstdint>

namespace coroscope::base {

// Ticks. May be reordered with earlier loads by the processor.
inline std::uint64_t read_tsc() {
    return __rdtsc();
}

// Ticks, taken after every earlier load has completed.
inline std::uint64_t read_tsc_ordered() {
    unsigned processor = 0;
    return __rdtscp(&processor);
}

// Ticks with fences on both sides: nothing moves over it. For measuring one interval.
inline std::uint64_t read_tsc_fenced() {
    _mm_lfence();
    const std::uint64_t ticks = __rdtsc();
    _mm_lfence();
    return ticks;
}

// Linear map from ticks to CLOCK_MONOTONIC nanoseconds:
//   ns = base_ns + ((ticks - base_ticks) * multiplier) >> shift   (128-bit product; shift >= 32)
// Lives in the segment and in trace headers, so it is plain data.
struct ClockCalibration {
    std::uint64_t base_ticks = 0;
    std::uint64_t base_ns = 0;
    std::uint64_t multiplier = 0;  // ns per tick, scaled by 2^shift; 0 = not calibrated
    std::uint32_t shift = 0;
    std::uint32_t error_ns = 0;  // half the width of the best calibration bracket

    // Nanoseconds on CLOCK_MONOTONIC of the target's machine. Ticks before the base are allowed.
    std::int64_t to_ns(std::uint64_t ticks) const {
        const auto delta = static_cast<std::int64_t>(ticks - base_ticks);
        return static_cast<std::int64_t>(base_ns) + duration_ns(delta);
    }
    // Length of an interval in nanoseconds.
    std::int64_t duration_ns(std::int64_t ticks) const {
        return static_cast<std::int64_t>((static_cast<__int128>(ticks) * static_cast<__int128>(multiplier)) >>
                                         shift);
    }
    // Ticks of a length in nanoseconds (rounds down).
    std::int64_t duration_ticks(std::int64_t ns) const {
        if (multiplier == 0) return 0;
        return static_cast<std::int64_t>((static_cast<__int128>(ns) << shift) /
                                         static_cast<__int128>(multiplier));
    }
    double ticks_per_ns() const {
        return multiplier == 0 ? 0.0 : static_cast<double>(1ULL << shift) / static_cast<double>(multiplier);
    }
};
static_assert(sizeof(ClockCalibration) == 32);

// Measures the counter against CLOCK_MONOTONIC over about `window_ns` (default 2 ms), taking the tightest of several
// brackets at each end. Blocks for that long. Thread: any.
ClockCalibration calibrate_clock(std::uint64_t window_ns = 2'000'000);

}  // namespace coroscope::base
