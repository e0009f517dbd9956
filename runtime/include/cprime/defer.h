// defer: what must be done when a scope is left, whichever way.
//
//   const auto unlock = cprime::defer([&] { table.release(row); });
//
// It runs at the end of the scope; when an exception or a signal (catch_signals.h) unwinds through it; when the coroutine was cancelled and
// returns; and, what a destructor cannot, when the coroutine is *abandoned* after a fault: its frames are not unwound then, its destructors do not
// run, but its defers do, newest first. So what other coroutines wait for is better given back here than in a destructor.
//
// What it throws is one sentence on stderr, and the next one runs. After a fault it runs on another stack than its own, while that still stands: it
// may read and write what it captured, not trust that the coroutine left it whole.
//
// Thread: made and ended by the same coroutine, or thread that is no worker; it lives on a stack. Tested in tests/unit/runtime/defer_test.cpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "cprime/detail/nest.h"

namespace cprime {

namespace detail {
// Runs it as the end of a scope does; what it throws is said.
void run_defer(Nest* nest) noexcept;
}  // namespace detail

template <typename F>
class [[nodiscard("it runs at the end of this statement")]] Defer : private detail::Nest {
public:
    template <typename G>
    explicit Defer(G && function) : Nest(detail::NestKind::kDefer), function_(std::forward<G>(function)) {
        run = [](detail::Nest* self) { static_cast<Defer*>(self)->function_(); };
        detail::cprime_nest_enter(this);
    }
    ~Defer() {
        run_now();
    }
    Defer(const Defer&) = delete;
    Defer& operator=(const Defer&) = delete;
    static void* operator new(std::size_t) = delete;

    // Runs it now instead of later. Nothing, the second time.
    void run_now() noexcept {
        if (!waiting_) return;
        dismiss();
        detail::run_defer(this);
    }
    // It does not run.
    void dismiss() noexcept {
        if (!waiting_) return;
        waiting_ = false;
        detail::cprime_nest_leave(this);
    }

private:
    F function_;
    bool waiting_ = true;
};

template <std::invocable F>
Defer<std::decay_t<F>> defer(F&& function) {
    return Defer<std::decay_t<F>>(std::forward<F>(function));
}

}  // namespace cprime
