// Barrier: a fixed number of parties wait for each other, again and again.
//
//   cprime::Barrier round(4, "round");
//   while (work()) {
//       const auto last = round.arrive_and_wait();
//       if (!last) return;            // cancelled
//       if (*last) summarise();       // one of the four, while the others go on
//   }
//
// A party that is cancelled while it waits takes its arrival back: the others wait for another one.
//
// A barrier of no parties, destroying it while somebody waits, use without a Runtime or in a forked child end the program with one sentence. It may
// be static; each Runtime begins with nobody there.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/barrier_test.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Barrier : private detail::Waitable {
public:
    // `name` is how Coroscope shows it ("" = by number); the text must live as long as the barrier.
    constexpr explicit Barrier(std::uint32_t parties, std::string_view name = {},
                               const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::barrier, name, where, 0, parties) {
        if (parties == 0) detail::barrier_of_nobody(name, where);
    }

    // Waits until all parties have arrived. A value: whether the caller was the last; none: cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<bool> arrive_and_wait() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::barrier_arrive>(&request);
        if (request.state.status != Status::ok) return request.state.status;
        return static_cast<bool&&>(request.state.flag);
    }
};

}  // namespace cprime
