// spawn_after: a coroutine whose function begins when something else has happened.
//
//   cprime::spawn_after(200ms, [] { retry(); }).detach();                     // after a time
//   auto both = cprime::spawn_after(std::move(fetch), [](auto page) { ... });   // after another coroutine, with what its join() answers
//   cprime::spawn_after(inbox, [](Message first) { ... });                       // after a message, with it
//
// The coroutine is made at once, and waits; so it has a name, a stack, and a place in Coroscope's views meanwhile. Its handle is as any
// other's: joined, it answers for the function; cancelled before that has begun, the function does not run, and join() says `closed` (of one that
// returns nothing: ok). What the function was to receive it does not get then: a coroutine that was waited for goes on alone, a message
// stays in its channel. A channel that closes without a message ends it in the same way.
//
// An exception of the coroutine that was waited for leaves this one, too, and is thrown by its join().
//
// Thread: as spawn(). Tested in tests/unit/runtime/spawn_after_test.cpp.
#pragma once

#include <chrono>
#include <type_traits>
#include <utility>

#include "cprime/channel.h"
#include "cprime/spawn.h"
#include "cprime/this_coroutine.h"

namespace cprime {

namespace detail {

// The function does not begin. One without a result returns; else there is none, which only an exception says.
template <typename T>
T not_begun() {
    if constexpr (!std::is_void_v<T>) throw Cancelled();
}

}  // namespace detail

// After `delay`, by std::chrono::steady_clock.
template <typename Rep, typename Period, std::invocable F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn_after(std::chrono::duration<Rep, Period> delay,
                                                               const SpawnOptions& options, F&& function,
                                                               Place place = CPRIME_HERE) {
    using T = std::invoke_result_t<std::decay_t<F>&>;
    return spawn(
        options,
        [delay, run = std::decay_t<F>(std::forward<F>(function))]() mutable -> T {
            if (!sleep_for(delay)) return detail::not_begun<T>();
            return run();
        },
        place);
}
template <typename Rep, typename Period, std::invocable F>
auto spawn_after(std::chrono::duration<Rep, Period> delay, F&& function, Place place = CPRIME_HERE) {
    return spawn_after(delay, SpawnOptions{}, std::forward<F>(function), place);
}

// After the coroutine `first` has ended; function(Result<U>) gets what joining it has answered: ok or closed.
template <typename U, std::invocable<Result<U>> F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&, Result<U>>> spawn_after(JoinHandle<U> first,
                                                                          const SpawnOptions& options,
                                                                          F&& function,
                                                                          Place place = CPRIME_HERE) {
    using T = std::invoke_result_t<std::decay_t<F>&, Result<U>>;
    return spawn(
        options,
        [first = std::move(first), run = std::decay_t<F>(std::forward<F>(function))]() mutable -> T {
            Result<U> joined = first.join();
            if (joined.status() == Status::cancelled) return detail::not_begun<T>();
            return run(std::move(joined));
        },
        place);
}
template <typename U, std::invocable<Result<U>> F>
auto spawn_after(JoinHandle<U> first, F&& function, Place place = CPRIME_HERE) {
    return spawn_after(std::move(first), SpawnOptions{}, std::forward<F>(function), place);
}

// After the next message of a channel, which function(T) gets.
template <typename U, std::invocable<U> F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&, U>> spawn_after(Receiver<U> inbox,
                                                                  const SpawnOptions& options, F&& function,
                                                                  Place place = CPRIME_HERE) {
    using T = std::invoke_result_t<std::decay_t<F>&, U>;
    return spawn(
        options,
        [inbox = std::move(inbox), run = std::decay_t<F>(std::forward<F>(function))]() mutable -> T {
            auto message = inbox.receive();
            if (!message) return detail::not_begun<T>();
            return run(*std::move(message));
        },
        place);
}
template <typename U, std::invocable<U> F>
auto spawn_after(Receiver<U> inbox, F&& function, Place place = CPRIME_HERE) {
    return spawn_after(std::move(inbox), SpawnOptions{}, std::forward<F>(function), place);
}

}  // namespace cprime
