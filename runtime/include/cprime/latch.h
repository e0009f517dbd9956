// Latch: waits until something has been done so many times; then it is open for good.
//
//   cprime::Latch ready(3, "ready");
//   ... each of three: ready.count_down();
//   if (!ready.wait()) return;       // cancelled
//
// Counting below zero, destroying it while somebody waits, use without a Runtime or in a forked child end the program with one sentence. It may be
// static; it keeps its count from one Runtime to the next.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/latch_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Latch : private detail::Waitable {
public:
    // Opens at the count of 0. `name`: how Coroscope shows it; the text must live as long as the latch.
    constexpr explicit Latch(std::uint32_t count, std::string_view name = {},
                             const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::latch, name, where, count, count) {}

    // One less, or so many. Never waits.
    [[gnu::always_inline]] void count_down(std::uint32_t by = 1) noexcept {
        detail::WaitRequest request;
        request.object = this;
        request.amount = by;
        detail::park<&detail::latch_count_down>(&request);
    }
    // Waits until it is open. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::latch_wait>(&request);
        return request.state.status;
    }
    // ok: it is open. Else would_block. Never waits.
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_wait() noexcept {
        return detail::try_call<&detail::latch_try_wait>(this);
    }
    // ok, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait_for(
        std::chrono::duration<Rep, Period> duration) noexcept {
        return detail::timed_call<&detail::latch_wait_for>(this, detail::timeout_ns(duration));
    }
    // count_down(), then wait().
    [[nodiscard]] [[gnu::always_inline]] Result<void> arrive_and_wait() noexcept {
        count_down();
        return wait();
    }
};

}  // namespace cprime
