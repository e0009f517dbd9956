// Once: something that is done by whoever needs it first.
//
//   static cprime::Once tables{"tables"};
//   if (!tables.call([] { build_tables(); })) return;     // cancelled while somebody else built them
//
// Exactly one caller runs the function, on its own stack; the others wait for it. If it throws, the exception goes to that caller, and whoever
// has waited longest runs its own function next. Once done, a call costs a look.
//
// Calling it from within its own function, destroying it while somebody runs it or waits, use without a Runtime or in a forked child end the
// program with one sentence. It may be static; what is done stays done from one Runtime to the next.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/once_test.cpp.
#pragma once

#include <string_view>
#include <utility>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Once : private detail::Waitable {
    // Says how it ended, also when an exception goes through.
    struct Turn {
        detail::Waitable* once;
        bool done = false;
        [[gnu::always_inline]] ~Turn() {
            if (done) {
                detail::park<&detail::once_done>(once);
            } else {
                detail::park<&detail::once_failed>(once);
            }
        }
    };

public:
    // `name` is how Coroscope shows it ("" = by number); the text must live as long as the object.
    constexpr explicit Once(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::once, name, where) {}

    // ok: it has been done, by this call or another. cancelled: somebody else was at it, and this coroutine has been asked to end.
    template <typename F>
    [[nodiscard]] [[gnu::always_inline]] Result<void> call(F&& function) {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::once_begin>(&request);
        if (request.state.status == Status::ok && request.state.flag) {
            Turn turn{this};
            std::forward<F>(function)();
            turn.done = true;
        }
        return request.state.status;
    }
};

}  // namespace cprime
