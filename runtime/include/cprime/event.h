// Event: something that has happened, or not yet.
//
//   cprime::Event loaded("loaded");                          // manual: stays set, lets everybody through, until reset()
//   cprime::Event tick("tick", cprime::Event::resets_itself);  // each set() lets one through
//
// An event that resets itself and is set while nobody waits lets the next one through; setting it twice counts once.
//
// Destroying one that somebody waits for, use without a Runtime or in a forked child end the program with one sentence. An event may be
// static; it keeps whether it is set from one Runtime to the next.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/event_test.cpp.
#pragma once

#include <chrono>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Event : private detail::Waitable {
public:
    enum Reset : std::uint32_t { stays_set = 0, resets_itself = 1 };

    // Not set. `name`: how Coroscope shows it; the text must live as long as the event.
    constexpr explicit Event(std::string_view name = {}, Reset mode = stays_set,
                             const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::event, name, where, 0, mode) {}

    // It has happened: lets waiters through, all of them or the one that has waited longest. Never waits.
    [[gnu::always_inline]] void set() noexcept {
        detail::park<&detail::event_set>(static_cast<detail::Waitable*>(this));
    }
    // It has not happened (any more). Never waits.
    [[gnu::always_inline]] void reset() noexcept {
        detail::park<&detail::event_reset>(static_cast<detail::Waitable*>(this));
    }
    // Waits until it is set. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::event_wait>(&request);
        return request.state.status;
    }
    // ok or would_block; one that resets itself is reset by an ok. Never waits.
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_wait() noexcept {
        return detail::try_call<&detail::event_try_wait>(this);
    }
    // ok, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait_for(
        std::chrono::duration<Rep, Period> duration) noexcept {
        return detail::timed_call<&detail::event_wait_for>(this, detail::timeout_ns(duration));
    }
};

}  // namespace cprime
