// Ticks and nanoseconds.
#include "instrumentation/base/tsc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>

namespace coroscope::base {
namespace {

std::int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TEST(tsc, ordered_and_fenced_reads_never_go_back) {
    std::uint64_t last = read_tsc_fenced();
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t now = i % 2 == 0 ? read_tsc_ordered() : read_tsc_fenced();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(tsc, a_calibrated_clock_agrees_with_the_system_clock) {
    const ClockCalibration clock = calibrate_clock();
    ASSERT_NE(clock.multiplier, 0U);
    // Between two readings of the system clock; the slack is 0.1 % of the time since calibration and the bracket.
    for (int i = 0; i < 100; ++i) {
        const std::int64_t before = monotonic_ns();
        const std::int64_t measured = clock.to_ns(read_tsc_fenced());
        const std::int64_t after = monotonic_ns();
        const std::int64_t slack = clock.error_ns +
                                   (after - static_cast<std::int64_t>(clock.base_ns)) / 1000 + 100;
        ASSERT_GE(measured, before - slack);
        ASSERT_LE(measured, after + slack);
    }
}

TEST(tsc, conversion_goes_both_ways_and_before_the_base) {
    ClockCalibration clock;
    clock.base_ticks = 1000;
    clock.base_ns = 5'000'000;
    clock.shift = 48;
    clock.multiplier = (1ULL << 48) / 2;  // 2 ticks a nanosecond
    EXPECT_EQ(clock.to_ns(3000), 5'001'000);
    EXPECT_EQ(clock.to_ns(0), 4'999'500);
    EXPECT_EQ(clock.duration_ns(1LL << 62), 1LL << 61);
    EXPECT_EQ(clock.duration_ticks(1'000'000'000), 2'000'000'000);
    EXPECT_DOUBLE_EQ(clock.ticks_per_ns(), 2.0);
    EXPECT_EQ(ClockCalibration{}.duration_ticks(5), 0);
}

}  // namespace
}  // namespace coroscope::base
