// spawn: make a coroutine. JoinHandle: wait for it, ask it to end, or let it go.
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
#include <concepts>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "cprime/detail/spawn_request.h"
#include "cprime/metadata.h"
#include "cprime/result.h"
#include "cprime/size_class.h"
#include "cprime/this_coroutine.h"

namespace cprime {

// What can be said about a coroutine at its spawn.
struct SpawnOptions {
    std::string_view name = {};  // copied; "" = that of the site
    ::cprime::size_class size_class = ::cprime::size_class::unspecified;
    std::uint32_t stack_bytes = 0;  // that its frames, and those it calls, take at most; 0 = not said
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

// The counted home of a result: one reference is the coroutine's, one the handle's.
template <typename T>
struct ResultRecord {
    std::atomic<std::uint32_t> references{2};
    std::optional<T> value;  // writer: the coroutine, before it exits; reader: the joiner, after

    void release() noexcept {
        // acq_rel: whoever is last sees everything the other did with the value.
        if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        this->~ResultRecord();
        park<&free_result>(this);
    }
};

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
            park<&spawn_commit>(&request);
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

}  // namespace detail

// The right to wait for a coroutine, and to ask it to end. T: what its function returns. Move-only; dropping it lets the
// coroutine run on by itself (as detach() says aloud).
template <typename T>
class [[nodiscard]] JoinHandle {
public:
    JoinHandle() = default;
    JoinHandle(JoinHandle&& other) noexcept
        : identity_(std::exchange(other.identity_, 0)), result_(other.result_), coroutine_(other.coroutine_) {}
    JoinHandle& operator=(JoinHandle&& other) noexcept {
        if (this != &other) {
            detach();
            identity_ = std::exchange(other.identity_, 0);
            result_ = other.result_;
            coroutine_ = other.coroutine_;
        }
        return *this;
    }
    ~JoinHandle() { detach(); }

    // Whether there is a coroutine to join.
    bool joinable() const noexcept { return identity_ != 0; }

    // Waits until the coroutine has ended and takes its result; the handle is empty then. Throws what the coroutine threw.
    // `cancelled`: the *caller* was asked to end while it waited; the handle stays as it is. `closed`: there is no
    // value, because the coroutine ended by throwing Cancelled.
    [[gnu::always_inline]] Result<T> join() {
        std::exception_ptr failure;
        detail::JoinRequest request{coroutine_, identity_, Status::ok, false, &failure};
        detail::park<&detail::join_coroutine>(&request);
        if (request.status != Status::ok) return request.status;
        if (request.may_have_failed) detail::park<&detail::take_failure>(&request);
        identity_ = 0;
        return take(failure);
    }

    // Asks the coroutine to end: from now on each of its calls that would wait answers `cancelled` at once. Does not wait. False
    // when it had ended already.
    bool cancel() {
        detail::HandleRequest request{coroutine_, identity_, false};
        detail::park<&detail::cancel_coroutine>(&request);
        return request.found;
    }

    // Wakes the coroutine if it has suspended itself (cprime::suspend), and says whether it did. False when it runs, is ready or waits
    // for anything else, also when it is only about to suspend itself: see suspend() for how that is met. Does not wait.
    bool resume() noexcept {
        detail::HandleRequest request{coroutine_, identity_, false};
        detail::park<&detail::resume_coroutine>(&request);
        return request.found;
    }

    // Whether the coroutine has ended: join() would not wait. True for an empty handle.
    bool is_complete() const noexcept { return !describe().alive; }

    // The class of its stack and its name (that of its site where it has none of its own). `unspecified` and "" when it has ended. The
    // name stays valid while the Runtime lives.
    ::cprime::size_class size_class() const noexcept {
        const detail::DescribeRequest about = describe();
        return about.alive ? static_cast<::cprime::size_class>(about.size_class + 1)
                           : ::cprime::size_class::unspecified;
    }
    std::string_view name() const noexcept { return describe().name; }

    // Lets the coroutine go on alone; the handle is empty afterwards.
    void detach() noexcept {
        if (identity_ == 0) return;
        detail::HandleRequest request{coroutine_, std::exchange(identity_, 0), false};
        detail::park<&detail::drop_handle>(&request);
        if constexpr (!std::is_void_v<T>) result_->release();
    }

    // Never reused; 0 when the handle is empty.
    std::uint64_t id() const noexcept { return identity_; }

private:
    template <std::size_t N>
    friend class MicroPool;
    template <typename F>
    friend JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn(const SpawnOptions&, F&&, Place);

    using Record = std::conditional_t<std::is_void_v<T>, void,
                                      detail::ResultRecord<std::conditional_t<std::is_void_v<T>, int, T>>>;

    explicit JoinHandle(const detail::SpawnRequest& request)
        : identity_(request.identity),
          result_(static_cast<Record*>(request.result)),
          coroutine_(request.coroutine) {}

    detail::DescribeRequest describe() const noexcept {
        detail::DescribeRequest request{coroutine_, identity_, false, 0, {}};
        detail::park<&detail::describe_coroutine>(&request);
        return request;
    }

    Result<T> take(std::exception_ptr& failure) {
        if constexpr (std::is_void_v<T>) {
            if (failure) std::rethrow_exception(std::move(failure));
            return Status::ok;
        } else {
            struct Releaser {
                Record* record;
                ~Releaser() { record->release(); }
            } releaser{result_};
            if (failure) std::rethrow_exception(std::move(failure));
            if (!result_->value.has_value()) return Status::closed;
            Result<T> taken(Status::closed);
            ::new (detail::ResultAccess::storage(taken)) T(std::move(*result_->value));
            detail::ResultAccess::set_ok(taken);
            return taken;
        }
    }

    std::uint64_t identity_ = 0;
    [[no_unique_address]] Record* result_ = nullptr;
    std::uint32_t coroutine_ = detail::kNoCoroutine;
};

// Makes a coroutine that runs function() once, and returns its handle. Throws std::bad_alloc when there is no memory for it, and
// whatever copying or moving the function throws. Where the pool of its class is full and says so (cprime/pool_config.h) it waits, and
// throws Cancelled when the spawner is asked to end meanwhile. The place of the call becomes its site.
template <typename F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn(const SpawnOptions& options, F&& function,
                                                         Place place = CPRIME_HERE) {
    detail::SpawnRequest request;
    request.name = options.name;
    request.place = place;
    request.wish = static_cast<std::uint8_t>(options.size_class);
    request.stack_bytes = options.stack_bytes;
    request.metadata = detail::metadata_at_spawn(function);
    request.flags = detail::kSpawnHandle;
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
    request.name = options.name;
    request.place = place;
    request.wish = static_cast<std::uint8_t>(options.size_class);
    request.stack_bytes = options.stack_bytes;
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
