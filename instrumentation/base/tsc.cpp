// Calibration of the time stamp counter: brackets of clock_gettime between two ordered stamps; the tightest bracket of
// each end gives the line. Tested in tests/unit/base.
#include "instrumentation/base/tsc.h"

#include <ctime>

namespace coroscope::base {
namespace {

struct Sample {
    std::uint64_t ticks = 0;
    std::uint64_t ns = 0;
    std::uint64_t width_ticks = ~0ULL;
};

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

Sample tightest_bracket(int attempts) {
    Sample best;
    for (int i = 0; i < attempts; ++i) {
        const std::uint64_t before = read_tsc_fenced();
        const std::uint64_t ns = monotonic_ns();
        const std::uint64_t after = read_tsc_fenced();
        if (after - before < best.width_ticks) best = {before + (after - before) / 2, ns, after - before};
    }
    return best;
}

}  // namespace

ClockCalibration calibrate_clock(std::uint64_t window_ns) {
    constexpr std::uint32_t kShift = 48;  // 2^48 ns/tick fixed point: < 1 ns of error per day at 1-10 GHz
    const Sample first = tightest_bracket(32);
    while (monotonic_ns() - first.ns < window_ns)
        _mm_pause();
    const Sample last = tightest_bracket(32);
    ClockCalibration clock;
    clock.base_ticks = first.ticks;
    clock.base_ns = first.ns;
    clock.shift = kShift;
    const std::uint64_t ticks = last.ticks - first.ticks;
    const std::uint64_t ns = last.ns - first.ns;
    clock.multiplier = static_cast<std::uint64_t>((static_cast<unsigned __int128>(ns) << kShift) / ticks);
    clock.error_ns = static_cast<std::uint32_t>(
        clock.duration_ns(static_cast<std::int64_t>(first.width_ticks)) / 2);
    return clock;
}

}  // namespace coroscope::base
