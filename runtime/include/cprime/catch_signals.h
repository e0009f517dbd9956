// Local signals: what goes wrong deep in a coroutine is raised there, and recovered where somebody can.
//
//   Config config = cprime::catch_signals<FileError, ParseError>([&] { return read_config("settings.json"); })
//                       .recover([](const auto& signal) { log(signal.message()); return Config(); });
//
//   if (!file) cprime::raise(FileError{path});                          // somewhere below
//
// The rule:
//   1  raise(s) never returns. It unwinds, so that destructors and defers run, to the innermost scope of this coroutine that names s's type, exactly.
//   2  No scope does: the coroutine ends as *failed*. Whoever joins it finds s raised at its join(), where scopes of its own may catch it.
//   3  Nobody joins it: s becomes an application signal (app_signal.h), handled by a coroutine of its own: that of signals().handle<S>(...), else
//      that of signals().on_unhandled(...), else it is counted as lost and one sentence on stderr.
//   4  notify(s) (app_signal.h) is the other one: it always returns, unwinds nobody, and goes straight to 3.
//   5  On a thread that is no worker scopes work the same; without one, s is an exception that nobody catches.
//
// recover() runs the body, and the handler when it was needed, outside of any exception: it may wait, and raise again, which keeps what it recovers
// from as the cause: current_signal().cause(). The whole chain is printed. What it raises is for scopes further out. A scope that names AnySignal
// catches all; of several that match, the first named counts. Both return the body's type. Exceptions that are no signals, Cancelled among them,
// pass.
//
// raise() is a C++ exception (a catch of std::exception finds it, a noexcept function ends the program), and costs two: wants a stack that exceptions
// fit on, Medium or Large, and -fexceptions. A scope costs some ten nanoseconds while nothing is raised.
//
// Thread: any. Tested in tests/unit/runtime/local_signal_test.cpp; measured by `bench local_signal`.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cprime/any_signal.h"
#include "cprime/detail/nest.h"

namespace cprime {

namespace detail {

// Before the unwinding: counts it, tells it, gives it its cause, and, where no scope catches it, notes who and where. `again`: it was raised before.
void begin_raise(HeldSignal& signal, const void* caller, bool again);

// A scope that catches, while its body runs.
struct CatchingScope : Nest {
    explicit CatchingScope(bool (*those)(const std::type_info&)) noexcept : Nest(NestKind::kScope) {
        catches = those;
        cprime_nest_enter(this);
    }
    ~CatchingScope() { cprime_nest_leave(this); }
};

// A signal that is being recovered from, or handled.
class Recovering : Nest {
public:
    explicit Recovering(std::shared_ptr<HeldSignal> signal) noexcept;
    ~Recovering();
    void done() noexcept { done_ = true; }
    // One that a fault has ended: counted as failed. Its frame still stands; nothing of it goes.
    static void abandoned(Nest* nest) noexcept;

private:
    void tell_end() const noexcept;
    std::shared_ptr<HeldSignal> signal_;
    bool counted_;       // it is the first to recover from it
    bool done_ = false;  // else it is left by an exception
};

template <typename S>
struct ExceptionOf {
    using type = const Raised<S>&;
};
template <>
struct ExceptionOf<AnySignal> {
    using type = const RaisedSignal&;
};

}  // namespace detail

// Ends this scope and those around it, up to one that catches S.
template <detail::Signal S>
[[noreturn, gnu::noinline]] void raise(S signal, Place place = CPRIME_HERE) {
    auto held = std::make_shared<detail::HeldAs<S>>(std::move(signal), place);
    detail::begin_raise(*held, __builtin_return_address(0), false);
    throw detail::Raised<S>(
        std::move(held));  // nothing to clean up here, which would cost the unwinder another round
}

// The signal that is being recovered from, or handled, the innermost one; empty when there is none.
AnySignal current_signal();

// Raises the current signal once more, as it is, to the scopes further out. Ends the program with a sentence when there is none.
[[noreturn]] void reraise();

// A body and the signals that end it. Nothing happens before recover().
template <typename Body, typename... Signals>
class [[nodiscard("the body runs in .recover(...)")]] CatchSignals {
    static_assert(sizeof...(Signals) > 0,
                  "name the signals: catch_signals<NetworkDown>(...); AnySignal is all of them");
    static_assert(((detail::Signal<Signals> || std::is_same_v<Signals, AnySignal>)&&...),
                  "signals are classes, without const or &");

public:
    using Value = std::invoke_result_t<Body&>;
    static_assert(!std::is_reference_v<Value>,
                  "the body returns a value or nothing: a reference could not be recovered");

    explicit CatchSignals(Body body) : body_(std::move(body)) {}

    // Runs the body; if one of the signals ends it, handler(const S&), whose result counts then.
    template <typename Handler>
    Value recover(Handler && handler) {
        static_assert((std::is_invocable_v<Handler&, const Signals&> && ...),
                      "the handler takes each of the signals");
        Caught caught;
        if constexpr (std::is_void_v<Value>) {
            if (!attempt<sizeof...(Signals)>(caught)) dispatch<0>(caught, handler);
        } else {
            std::optional<Value> value = attempt<sizeof...(Signals)>(caught);
            if (value.has_value()) return std::move(*value);
            return dispatch<0>(caught, handler);
        }
    }

private:
    struct Caught {
        std::shared_ptr<detail::HeldSignal> signal;
        std::size_t which = 0;
    };
    using Attempt = std::conditional_t<std::is_void_v<Value>, bool,
                                       std::optional<std::conditional_t<std::is_void_v<Value>, int, Value>>>;
    template <std::size_t I>
    using Nth = std::tuple_element_t<I, std::tuple<Signals...>>;

    static bool catches(const std::type_info& type) {
        return ((std::is_same_v<Signals, AnySignal> || type == typeid(Signals)) || ...);
    }

    // Runs the body under handlers of the first I signals: the first named is the innermost. Empty: one of them ended it.
    template <std::size_t I>
    Attempt attempt(Caught & caught) {
        if constexpr (I == 0) {
            const detail::CatchingScope scope(&catches);
            if constexpr (std::is_void_v<Value>) {
                body_();
                return true;
            } else {
                return Attempt(body_());
            }
        } else {
            try {
                return attempt<I - 1>(caught);
            } catch (typename detail::ExceptionOf<Nth<I - 1>>::type raised) {
                caught = {raised.held, I - 1};
                return Attempt();
            }
        }
    }

    // After the exception is gone.
    template <std::size_t I, typename Handler>
    static Value dispatch(Caught & caught, Handler & handler) {
        if constexpr (I + 1 < sizeof...(Signals)) {
            if (caught.which != I) return dispatch<I + 1>(caught, handler);
        }
        detail::Recovering recovering(caught.signal);
        if constexpr (std::is_void_v<Value>) {
            static_cast<void>(std::invoke(handler, value<Nth<I>>(caught)));
            recovering.done();
        } else {
            Value made = std::invoke(handler, value<Nth<I>>(caught));
            recovering.done();
            return made;
        }
    }
    template <typename S>
    static decltype(auto) value(const Caught& caught) {
        if constexpr (std::is_same_v<S, AnySignal>) {
            return AnySignal(caught.signal);
        } else {
            return *static_cast<const S*>(caught.signal->value());
        }
    }

    Body body_;
};

template <typename... Signals, typename Body>
CatchSignals<std::decay_t<Body>, Signals...> catch_signals(Body&& body) {
    return CatchSignals<std::decay_t<Body>, Signals...>(std::forward<Body>(body));
}

}  // namespace cprime
