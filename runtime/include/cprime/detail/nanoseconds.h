// Durations of any kind as nanoseconds, rounded up, without a call that a Micro stack would have to hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>

namespace cprime::detail {

// What does not fit becomes the longest there is, 292 years.
template <typename Rep, typename Period>
[[gnu::always_inline]] inline std::int64_t nanoseconds_of(
    const std::chrono::duration<Rep, Period>& duration) noexcept {
    using InNanoseconds = std::ratio_divide<Period, std::nano>;
    if constexpr (std::is_integral_v<Rep> && InNanoseconds::den == 1) {
        std::int64_t ns = 0;
        if (__builtin_mul_overflow(duration.count(), InNanoseconds::num, &ns))
            return duration.count() < 0 ? INT64_MIN : INT64_MAX;
        return ns;
    } else {
        return std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
    }
}

}  // namespace cprime::detail
