// Futex waits and wakes, private to the process.
#pragma once

#include <cstdint>

#include "runtime/scheduler/atomics.h"

#ifndef CPRIME_MODEL_ATOMICS
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace cprime::detail::sync {

// Sleeps while `word` holds `expected`; at most timeout_ns (0 = no limit). May wake for no reason.
inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::uint64_t timeout_ns = 0) {
    timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                     static_cast<long>(timeout_ns % 1'000'000'000)};
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, timeout_ns != 0 ? &timeout : nullptr, nullptr, 0);
}
// Wakes at most `count` of those who sleep on `word`, of which only the address is used.
inline void futex_wake(atomic<std::uint32_t>& word, int count) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace cprime::detail::sync
#endif

namespace cprime::detail {
using sync::futex_wait;
using sync::futex_wake;
}  // namespace cprime::detail
