// Now, and from now.
#include "runtime/scheduler/clock.h"

#include <algorithm>
#include <ctime>

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

constinit std::atomic<std::uint64_t> g_virtual_ticks{0};

namespace {

// Where two rounds begin at multiples of it, deadlines up to so far ahead stand alike in the timing wheels.
constexpr std::uint64_t kEpochTicks = 1ULL << 44;  // 4.9 hours
std::int64_t virtual_began_ns = 0;  // by CLOCK_MONOTONIC, what kEpochTicks of virtual time are; constant while coroutines live

}  // namespace

void start_virtual_time(bool yes) {
    const std::uint64_t before = g_virtual_ticks.load(std::memory_order_relaxed);
    if (yes && before == 0) virtual_began_ns = real_monotonic_ns();
    g_virtual_ticks.store(yes ? (before / kEpochTicks + 1) * kEpochTicks : 0, std::memory_order_relaxed);
}

void pass_virtual_time_until(std::uint64_t ticks) {
    if (ticks > g_virtual_ticks.load(std::memory_order_relaxed))
        g_virtual_ticks.store(ticks, std::memory_order_relaxed);
}

std::int64_t monotonic_ns() {
    const std::uint64_t virtual_now = g_virtual_ticks.load(std::memory_order_relaxed);
    if (virtual_now == 0) return real_monotonic_ns();
    return virtual_began_ns + static_cast<std::int64_t>(virtual_now - kEpochTicks);
}

std::int64_t real_monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t deadline_after_ns(std::int64_t duration_ns) {
    constexpr std::int64_t kLongestNs = 100LL * 365 * 24 * 3600 * 1'000'000'000;  // the sum cannot overflow
    const std::int64_t ns = std::clamp<std::int64_t>(duration_ns, 0, kLongestNs);
    if (time_is_virtual()) return now_ticks() + static_cast<std::uint64_t>(ns);
    // One more: what the conversion rounds away may not make a deadline early.
    return now_ticks() + static_cast<std::uint64_t>(g_runtime->segment->header().clock.duration_ticks(ns)) + 1;
}

}  // namespace cprime::detail
