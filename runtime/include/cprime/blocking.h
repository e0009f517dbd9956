// blocking: a call that blocks its thread, made on a thread of a side pool while the coroutine is parked.
//
//   auto found = cprime::blocking([&] { return ::getaddrinfo(host, nullptr, nullptr, &list); });
//   if (!found) return;                      // asked to end before the call began
//   use(*found);
//
// For what would keep a worker from everybody else: files, name look-ups, libraries that wait by themselves, long computations. What is
// passed and returned stays in the caller's frame: nothing is allocated per call.
//
// The function runs on the stack of a thread of the pool, as large as threads' stacks are, with all signals blocked but faults. It is not
// the coroutine that runs there: calls that would park (sleep_for, channels, join, locks) block the pool's thread as they block any thread that is
// no worker, are not cancelled with the coroutine, and this_id() is 0. So don't wait in it for something that only another call to blocking()
// brings about: the pool has a limit. Thread-local variables are the pool thread's. What it throws arrives at the caller, which then needs
// a stack that exceptions fit on; functions that are noexcept may be called from a Micro stack.
//
// Cancelling: a call that has begun cannot be interrupted, and its result is delivered; one that still waits for a thread is taken back and answers
// `cancelled`, as does one by a coroutine that was asked to end before. Shutdown cancels likewise, and waits for calls that have begun.
//
// The pool: threads are started when a call finds none idle, up to RuntimeOptions::blocking_threads; more calls wait in order. A thread with
// nothing to do for blocking_idle_ms ends. Where the system gives fewer threads, these do it; where it gives none, stderr gets a sentence and the
// function runs in the coroutine, on a bigger stack, and blocks its worker.
//
// On a thread that is no worker the function is called at once, there. Tested in tests/unit/runtime/blocking_test.cpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "cprime/bigger_stack.h"
#include "cprime/detail/park.h"
#include "cprime/result.h"

namespace cprime {

namespace detail {

// One call. Lives in the caller's frame.
struct BlockingRequest {
    void (*run)(void* request);  // calls the function and keeps its result or what it threw; throws nothing
    std::uint64_t queued_ticks = 0;     // when it began to wait, if somebody listens
    Status status = Status::cancelled;  // out; ok: it was run
    bool begun = false;                 // under the pool's lock: a thread has taken it
    bool in_place = false;              // out: there is no thread, the caller runs it
    bool threw = false;                 // out, by run
};
// argument: BlockingRequest*.
ResumePoint call_blocking(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

inline constexpr std::size_t kInPlaceStackBytes = 1U << 20;

template <typename F>
struct BlockingCall : BlockingRequest {
    using T = std::invoke_result_t<F>;
    static constexpr bool kThrows = !std::is_nothrow_invocable_v<F>;
    struct Nothing {};

    std::remove_reference_t<F>* function;
    Result<T>* result;
    [[no_unique_address]] std::conditional_t<kThrows, std::exception_ptr, Nothing> exception;

    static void invoke(BlockingCall& call) noexcept(!kThrows) {
        if constexpr (std::is_void_v<T>) {
            static_cast<F&&> (*call.function)();
            *call.result = Result<T>(Status::ok);
        } else {
            ::new (ResultAccess::storage(*call.result)) T(static_cast<F&&>(*call.function)());
            ResultAccess::set_ok(*call.result);
        }
    }
    // On the pool's thread.
    static void run_it(void* request) {
        auto& call = *static_cast<BlockingCall*>(static_cast<BlockingRequest*>(request));
        if constexpr (kThrows) {
            try {
                invoke(call);
            } catch (...) {
                call.exception = std::current_exception();
                call.threw = true;
            }
        } else {
            invoke(call);
        }
    }
};

}  // namespace detail

// The function's result, an object that moves without throwing, or nothing; rethrows what it threw. `cancelled`: it was not called.
template <std::invocable F>
[[gnu::always_inline]] inline Result<std::invoke_result_t<F>> blocking(F&& function) noexcept(
    std::is_nothrow_invocable_v<F>) {
    using Call = detail::BlockingCall<F>;
    static_assert(!std::is_reference_v<typename Call::T>,
                  "return a pointer: the result is moved between threads");
    Result<typename Call::T> result(Status::cancelled);
    Call call{{.run = &Call::run_it}, &function, &result, {}};
    detail::park<&detail::call_blocking>(static_cast<detail::BlockingRequest*>(&call));
    if (__builtin_expect(call.in_place, 0)) {
        detail::cprime_call_on_bigger_stack(&Call::run_it, static_cast<detail::BlockingRequest*>(&call),
                                            detail::kInPlaceStackBytes);
    }
    if constexpr (Call::kThrows) {
        if (call.threw) std::rethrow_exception(std::move(call.exception));
    }
    return result;
}

}  // namespace cprime
