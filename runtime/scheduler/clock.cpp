// Now, and from now.
#include "runtime/scheduler/clock.h"

#include <algorithm>
#include <ctime>

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

std::int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t deadline_after_ns(std::int64_t duration_ns) {
    constexpr std::int64_t kLongestNs = 100LL * 365 * 24 * 3600 * 1'000'000'000;  // the sum cannot overflow
    const std::int64_t ns = std::clamp<std::int64_t>(duration_ns, 0, kLongestNs);
    // One more: what the conversion rounds away may not make a deadline early.
    return now_ticks() + static_cast<std::uint64_t>(g_runtime->segment->header().clock.duration_ticks(ns)) + 1;
}

}  // namespace cprime::detail
