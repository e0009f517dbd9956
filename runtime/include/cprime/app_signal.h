// Application signals: the program's own alarms, by type. Each becomes a coroutine, as a system signal does (signal.h).
//
//   struct NetworkDown { std::string host; };
//
//   cprime::signals().handle<NetworkDown>([](const NetworkDown& down) { reconnect(down.host); });
//   ...
//   cprime::notify(NetworkDown{"db1"});                                  // anywhere; goes on at once
//
// notify() returns, whoever handles the signal; raise() (catch_signals.h) does not: it unwinds the coroutine to a scope that catches it, and
// becomes the same as notify() where there is none and nobody joins.
//
// The handler runs in a coroutine of its own from the signal pools, before everything else that is ready: ordinary code that may allocate, send,
// wait and recover. In it current_signal() is the signal. Several may run at once. Where there is no stack for another one, the signal waits for a
// handler that ends. A handler that is left by an exception, or by a signal that it raises, ends as failed, with one sentence: nothing is handed on
// to another handler.
//
// Without a handler of its type a signal goes to that of on_unhandled(), with any of them; without that it is *lost*: counted, and said on stderr,
// the first time and whenever their number has grown tenfold.
//
// Thread: any while a Runtime lives; never a handler that the system calls (sigaction). Tested in tests/unit/runtime/app_signal_test.cpp.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "cprime/any_signal.h"
#include "cprime/signal.h"

namespace cprime {

namespace detail {

using HeldHandler = std::function<void(const std::shared_ptr<HeldSignal>&)>;
// `type`: null = of those that nobody handles. Copies the handler on a thread that is no worker (see Signals::handle).
void handle_application_signal(const std::type_info* type, HeldHandler handler, const Place& place);
bool notify_held(std::shared_ptr<HeldSignal> signal);

}  // namespace detail

namespace detail {
SignalCounts signal_counts_of(const std::type_info& type);
}

template <typename S>
SignalCounts Signals::count() const {
    static_assert(detail::Signal<S>);
    return detail::signal_counts_of(typeid(S));
}

// Makes it an application signal. False: nobody handles it, and it is lost.
template <detail::Signal S>
bool notify(S signal, Place place = CPRIME_HERE) {
    return detail::notify_held(std::make_shared<detail::HeldAs<S>>(std::move(signal), place));
}

template <typename S, typename F>
Signals& Signals::handle(F handler, Place place) {
    static_assert(detail::Signal<S>, "an application signal is a class, without const or &");
    static_assert(std::is_invocable_v<F&, const S&> || std::is_invocable_v<F&>,
                  "the handler takes const S&, or nothing");
    detail::handle_application_signal(
        &typeid(S),
        [handler = std::move(handler)](const std::shared_ptr<detail::HeldSignal>& signal) mutable {
            if constexpr (std::is_invocable_v<F&, const S&>) {
                handler(*static_cast<const S*>(signal->value()));
            } else {
                handler();
            }
        },
        place);
    return *this;
}

}  // namespace cprime
