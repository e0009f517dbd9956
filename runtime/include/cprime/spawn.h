// spawn: make a coroutine, and get its handle (join_handle.h).
//
//   auto handle = cprime::spawn("parser", [source] { return parse(source); });
//   if (auto tree = handle.join()) use(*tree);
//
//   cprime::spawn({.name = "worker", .size_class = cprime::size_class::micro}, work).detach();
//
// The closure is constructed directly on the new coroutine's stack; the coroutine runs it once, on any worker, and destroys it
// there. Which stack it gets: the size class wished for here; else the smallest class that holds stack_bytes; else what was declared
// of the function (cprime/metadata.h); else the row of the size table (CPRIME_SIZES) for this source line; else Medium. A table row that
// asks for more than was said here wins, and so does a declared bound that the wish cannot hold. A closure too large for its
// class gets the next one. In code compiled without optimisation Micro and Small become one class larger, but for those wished for.
//
// An exception that leaves the function makes it *failed*: join() throws it again; without a joiner it becomes one sentence on stderr.
// Throwing cprime::Cancelled (check_cancelled() does) only ends the coroutine.
//
// Thread: any, once a Runtime exists; on a thread that is no worker join() blocks it. In a coroutine nothing here blocks the
// worker. Tested in tests/unit/runtime/{spawn,join,exceptions}_test.cpp.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "cprime/detail/spawn_request.h"
#include "cprime/join_handle.h"
#include "cprime/metadata.h"
#include "cprime/priority.h"
#include "cprime/result.h"
#include "cprime/size_class.h"
#include "cprime/this_coroutine.h"

namespace cprime {

inline constexpr unsigned kAnyWorker = ~0U;

// What can be said about a coroutine at its spawn.
struct SpawnOptions {
    std::string_view name = {};  // copied; "" = that of the site
    ::cprime::size_class size_class = ::cprime::size_class::unspecified;
    std::uint32_t stack_bytes = 0;  // that its frames, and those it calls, take at most; 0 = not said
    ::cprime::priority priority = ::cprime::priority::normal;
    unsigned worker = kAnyWorker;  // the only one that it runs on, below Runtime::workers(); another ends the program with a sentence
    // Runs at once on the spawner's worker, and the spawner, which others may steal, goes on when it waits or ends: as in Cilk. For ordinary
    // coroutines spawned by such (of normal priority, bound to no worker, no policy); of no effect otherwise. RuntimeOptions has it for all.
    bool child_first = false;
    // Until when it is to be done, told to a SchedulingPolicy; {} = none.
    std::chrono::steady_clock::time_point deadline = {};
};

namespace detail {

// What is known of a function's stack without running it; null: nothing.
template <typename F>
const coro_metadata* metadata_at_spawn([[maybe_unused]] const F& function) noexcept {
    if constexpr (std::is_function_v<F>) {
        return declared_metadata(reinterpret_cast<const void*>(&function));
    } else if constexpr (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>) {
        return declared_metadata(reinterpret_cast<const void*>(function));
    } else if constexpr (says_anything(metadata_of<F>)) {
        return &metadata_of<F>;
    } else {
        return nullptr;
    }
}

// What lies on the child's stack.
template <typename F, typename T>
struct Closure {
    F function;
    ResultRecord<T>* result;
};
template <typename F>
struct Closure<F, void> {
    F function;
};

// Destroys the closure and lets the result go, however its function ended.
template <typename F, typename T>
struct ClosureEnd {
    Closure<F, T>* closure;
    [[gnu::always_inline]] ~ClosureEnd() {
        if constexpr (!std::is_void_v<T>) closure->result->release();
        closure->~Closure<F, T>();
    }
};

// Runs the function. What it throws is caught below it: by the frame that every coroutine's stack begins with.
template <typename F, typename T>
void run_closure(void* memory) {
    const ClosureEnd<F, T> end{static_cast<Closure<F, T>*>(memory)};
    if constexpr (std::is_void_v<T>) {
        end.closure->function();
    } else {
        end.closure->result->value.emplace(end.closure->function());
    }
}

template <typename F, typename T>
inline constexpr ClosureType closure_type = {&run_closure<F, T>, sizeof(Closure<F, T>),
                                             alignof(Closure<F, T>), []() -> std::size_t {
                                                 if constexpr (std::is_void_v<T>) {
                                                     return 0;
                                                 } else {
                                                     return sizeof(ResultRecord<T>);
                                                 }
                                             }()};

// Ends a spawn that begun, one way or the other.
struct SpawnGuard {
    SpawnRequest& request;
    bool constructed = false;
    ~SpawnGuard() {
        if (constructed) {
            cprime_spawn_commit(&request);
            asm volatile("" ::: "memory");  // no jump, which would drop the caller's frame
        } else {
            park<&spawn_abort>(&request);
        }
    }
};

// Out of line: a spawner's stack may be small.
[[noreturn, gnu::noinline, gnu::cold]] inline void spawn_failed(const SpawnRequest& request) {
    if (request.step == SpawnStep::cancelled) throw Cancelled();
    throw std::bad_alloc();
}

// False when there is no memory for another one, or the caller was asked to end while it waited for a stack; the function is untouched then.
template <typename F>
bool try_spawn_closure(SpawnRequest& request, F&& function) {
    using Function = std::decay_t<F>;
    using T = std::invoke_result_t<Function&>;
    request.type = &closure_type<Function, T>;
    do {
        park<&spawn_begin>(&request);
    } while (__builtin_expect(request.step == SpawnStep::again || request.step == SpawnStep::given, 0));
    if (request.coroutine == kNoCoroutine) return false;
    SpawnGuard guard{request};
    if constexpr (std::is_void_v<T>) {
        ::new (request.closure) Closure<Function, T>{std::forward<F>(function)};
    } else {
        auto* result = ::new (request.result) ResultRecord<T>;
        ::new (request.closure) Closure<Function, T>{std::forward<F>(function), result};
    }
    guard.constructed = true;
    return true;
}
template <typename F>
void spawn_closure(SpawnRequest& request, F&& function) {
    if (!try_spawn_closure(request, std::forward<F>(function))) spawn_failed(request);
}

[[gnu::always_inline]] inline void describe_spawn(SpawnRequest& request, const SpawnOptions& options,
                                                  const Place& place) noexcept {
    request.name = options.name;
    request.place = place;
    request.wish = static_cast<std::uint8_t>(options.size_class);
    request.stack_bytes = options.stack_bytes;
    request.priority = static_cast<std::uint8_t>(options.priority);
    request.only_worker = options.worker + 1;
    request.flags = options.child_first ? kSpawnChildFirst : 0;
    request.deadline_ns = options.deadline.time_since_epoch().count();
}

}  // namespace detail

// Makes a coroutine that runs function() once, and returns its handle. Throws std::bad_alloc when there is no memory for it, and
// whatever copying or moving the function throws. Where the pool of its class is full and says so (cprime/pool_config.h) it waits, and
// throws Cancelled when the spawner is asked to end meanwhile. The place of the call becomes its site.
template <typename F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn(const SpawnOptions& options, F&& function,
                                                         Place place = CPRIME_HERE) {
    detail::SpawnRequest request;
    detail::describe_spawn(request, options, place);
    request.metadata = detail::metadata_at_spawn(function);
    request.flags |= detail::kSpawnHandle;
    detail::spawn_closure(request, std::forward<F>(function));
    return JoinHandle<std::invoke_result_t<std::decay_t<F>&>>(request);
}
template <typename F>
auto spawn(std::string_view name, F&& function, Place place = CPRIME_HERE) {
    return spawn(SpawnOptions{.name = name}, std::forward<F>(function), place);
}
template <std::invocable F>
auto spawn(F&& function, Place place = CPRIME_HERE) {
    return spawn(SpawnOptions{}, std::forward<F>(function), place);
}

// The same without a handle: cheaper, for coroutines nobody will join. What the function returns is dropped.
template <typename F>
void spawn_detached(const SpawnOptions& options, F&& function, Place place = CPRIME_HERE) {
    detail::SpawnRequest request;
    detail::describe_spawn(request, options, place);
    request.metadata = detail::metadata_at_spawn(function);
    if constexpr (std::is_void_v<std::invoke_result_t<std::decay_t<F>&>>) {
        detail::spawn_closure(request, std::forward<F>(function));
    } else {
        detail::spawn_closure(
            request, [f = std::decay_t<F>(std::forward<F>(function))]() mutable { static_cast<void>(f()); });
    }
}
template <typename F>
void spawn_detached(std::string_view name, F&& function, Place place = CPRIME_HERE) {
    spawn_detached(SpawnOptions{.name = name}, std::forward<F>(function), place);
}

}  // namespace cprime
