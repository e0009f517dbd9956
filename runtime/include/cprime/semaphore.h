// Semaphore: permits that are taken and given back.
//
//   cprime::Semaphore connections(8, "connections");
//   if (!connections.acquire()) return;      // cancelled
//   ...
//   connections.release();
//
// Who waits is served in the order of arrival: who wants many permits is not passed by those who want few. Anybody may release, also who
// never acquired. A coroutine that is cancelled, or whose time is over, while it waits leaves the queue; permits are never lost.
//
// Mistakes end the program with one sentence: more permits than the limit, waiting for more than there can ever be, destroying it while
// somebody waits, use without a Runtime or in a forked child. A semaphore may be static; it keeps its permits from one Runtime to the next.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/semaphore_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Semaphore : private detail::Waitable {
public:
    static constexpr std::uint32_t kLimitMax = 0x7fffffff;  // permits

    // Begins with `permits`, never has more than `limit`. `name`: how Coroscope shows it; the text must live as long as the semaphore.
    constexpr explicit Semaphore(std::uint32_t permits, std::string_view name = {},
                                 std::uint32_t limit = kLimitMax, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::semaphore, name, where, permits, limit) {
        if (permits > limit) detail::semaphore_begins_beyond(name, where);
    }

    // Waits until a permit is free and takes it. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> acquire() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::semaphore_acquire_one>(&request);
        return request.state.status;
    }
    // The same for so many, all at once.
    [[nodiscard]] [[gnu::always_inline]] Result<void> acquire(std::uint32_t permits) noexcept {
        detail::WaitRequest request;
        request.object = this;
        request.amount = permits;
        detail::park<&detail::semaphore_acquire>(&request);
        return request.state.status;
    }
    // ok or would_block: they are not free, or somebody waits already. Never waits.
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_acquire(std::uint32_t permits = 1) noexcept {
        detail::WaitRequest request;
        request.object = this;
        request.amount = permits;
        detail::park<&detail::semaphore_try_acquire>(&request);
        return request.state.status;
    }
    // ok, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> acquire_for(std::chrono::duration<Rep, Period> duration,
                                                                  std::uint32_t permits = 1) noexcept {
        detail::WaitRequest request;
        request.object = this;
        request.timeout_ns = detail::timeout_ns(duration);
        request.amount = permits;
        detail::park<&detail::semaphore_acquire_for>(&request);
        return request.state.status;
    }
    // Gives a permit back, or makes a new one. Never waits.
    [[gnu::always_inline]] void release() noexcept {
        detail::park<&detail::semaphore_release_one>(static_cast<detail::Waitable*>(this));
    }
    // The same for so many.
    [[gnu::always_inline]] void release(std::uint32_t permits) noexcept {
        detail::WaitRequest request;
        request.object = this;
        request.amount = permits;
        detail::park<&detail::semaphore_release>(&request);
    }
};

}  // namespace cprime
