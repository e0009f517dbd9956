// Coroutine<In, Out>: a function on a stack of its own that is resumed by hand, value in, value out, without a scheduler.
//
//   cprime::Coroutine<int, std::string> echo([](auto& self, int first) -> std::string {
//       int next = self.yield("got " + std::to_string(first));
//       return "at last " + std::to_string(next);
//   });
//   auto a = echo.resume(1);    // "got 1"
//   auto b = echo.resume(2);    // "at last 2"; echo.is_complete()
//   auto c = echo.resume(3);    // no value: c.status() == Status::closed
//
// resume(in) runs the body until it yields or returns, and both give a value. The first `in` is the body's argument, each later one is
// what yield() returns. What escapes the body is thrown by the resume() in which it happened; the coroutine is complete then.
//
// In and Out may be void, move-only, and references. `In` by reference refers to what resume() was given: the body may use it until its
// next yield. `Out` by reference comes as std::reference_wrapper and is the body's to keep alive. Out is nothrow-movable.
//
// Works on any thread, with a Runtime or without one, and in scheduled coroutines, nested as deep as wanted. It may be resumed by
// one thread now and by another one later, never by two at once: resuming one that runs ends the program with a sentence. A
// reference to a thread_local must not be kept over a yield.
//
// A body may wait (receive, sleep, join...) where its resumer might: then the scheduled coroutine that resumed it waits as a whole,
// and viewers show the body's frames as its stack.
//
// Destroying an unfinished one unwinds its frames: its yield() throws cprime::Unwind, so that destructors run. A body that swallows
// Unwind, or yields again meanwhile, ends the program with a sentence; catch (...) must throw it again. Frames are unwound on the
// coroutine's own stack, so classes below Medium give Medium.
//
// The stack is a slot of the Runtime's pools where a Runtime lives when the coroutine is made (then it must be gone before the Runtime
// is), else a mapping of its own that threads keep for the next one. Guarded below; Medium has up to
// 64 KiB, Large 8 MiB paged in by the kernel.
//
// Thread: see above; the object itself is not locked. Nothing here blocks. Tested in tests/unit/runtime/coroutine_test.cpp,
// measured by the bench `by_hand`.
#pragma once

#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/by_hand.h"
#include "cprime/detail/hand_facts.h"
#include "cprime/result.h"
#include "cprime/spawn.h"

namespace cprime {

// Thrown by yield() while its coroutine is being destroyed. Let it pass. Not a std::exception, so that catching those does no harm.
struct Unwind {};

struct CoroutineOptions {
    std::string_view name = {};  // for sentences; not copied: a literal
    ::cprime::size_class size_class = ::cprime::size_class::unspecified;  // Medium unless large is wished
    ::cprime::priority priority = ::cprime::priority::normal;  // for schedulers that resume it (hand_scheduler.h)
};

namespace detail {

// How a value of type T crosses: as a pointer to where it lies.
template <typename T>
struct Crossing {
    using Value = T;
    using Given = T;  // what a Result holds
    [[gnu::always_inline]] static T take(void* from) { return static_cast<T&&>(*static_cast<T*>(from)); }
};
template <typename T>
struct Crossing<T&> {
    using Value = std::reference_wrapper<T>;
    using Given = std::reference_wrapper<T>;
    [[gnu::always_inline]] static T& take(void* from) { return *static_cast<Value*>(from); }
};
template <>
struct Crossing<void> {
    using Value = char;  // never made
    using Given = void;
};

}  // namespace detail

template <typename In, typename Out>
class Coroutine : public detail::HandFacts {
    using InCrossing = detail::Crossing<In>;
    using OutCrossing = detail::Crossing<Out>;
    static_assert(!std::is_rvalue_reference_v<In> && !std::is_rvalue_reference_v<Out>,
                  "cprime::Coroutine: In and Out are values or lvalue references");

public:
    using Given = typename OutCrossing::Given;

    // The body's side: how it gives a value out and gets the next one in.
    class Self {
    public:
        Self(const Self&) = delete;
        Self& operator=(const Self&) = delete;

        // Hands `value` to the resumer and waits for the next resume(), whose argument it returns. Only on the body's own stack.
        template <typename Value = Out>
        requires(!std::is_void_v<Out>) [[gnu::always_inline]] In yield(std::type_identity_t<Value> value) {
            if constexpr (std::is_reference_v<Out>) {
                typename OutCrossing::Value reference(value);
                hand_.out = std::addressof(reference);
                return wait();
            } else {
                hand_.out = std::addressof(value);
                return wait();
            }
        }
        [[gnu::always_inline]] In yield() requires std::is_void_v<Out> { return wait(); }

    private:
        friend class Coroutine;
        explicit Self(detail::ByHand& hand) : hand_(hand) {}
        [[gnu::always_inline]] In wait() {
            detail::by_hand_yield(hand_);
            if (__builtin_expect(hand_.ending, 0)) throw Unwind();
            if constexpr (!std::is_void_v<In>) return InCrossing::take(hand_.in);
        }
        detail::ByHand& hand_;
    };

    // Nothing to resume: complete.
    Coroutine() = default;

    // `body` is called as body(Self&, In first) -> Out at the first resume (body(Self&) where In is void). It is moved onto the coroutine's
    // stack, and destroyed there when it has run. Throws std::bad_alloc, and what moving the body throws.
    template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Coroutine>) explicit Coroutine(F&& body)
        : Coroutine(CoroutineOptions{}, std::forward<F>(body)) {}
    template <typename F>
    Coroutine(const CoroutineOptions& options, F&& body) {
        using Body = std::decay_t<F>;
        static constexpr detail::BodyType type = {
            &run<Body>, [](void* it) { static_cast<Body*>(it)->~Body(); }, sizeof(Body), alignof(Body)};
        detail::ByHand* hand = detail::by_hand_make(type, static_cast<std::uint8_t>(options.size_class),
                                                    options.name);
        if (hand == nullptr) throw std::bad_alloc();
        try {
            ::new (hand->closure) Body(std::forward<F>(body));
        } catch (...) {
            detail::by_hand_free(*hand);
            throw;
        }
        hand->priority = static_cast<std::uint8_t>(options.priority);
        hand_ = hand;
    }
    Coroutine(Coroutine&& other) noexcept { hand_ = std::exchange(other.hand_, nullptr); }
    Coroutine& operator=(Coroutine&& other) noexcept {
        if (this != &other) {
            if (hand_ != nullptr) detail::by_hand_end(*std::exchange(hand_, nullptr));
            hand_ = std::exchange(other.hand_, nullptr);
        }
        return *this;
    }
    ~Coroutine() {
        if (hand_ != nullptr) detail::by_hand_end(*hand_);
    }

    // Runs the body until it yields or returns, and gives what that brought; `closed`, without running anything, when it is complete.
    // Throws what escaped the body.
    template <typename Value = In>
    requires(!std::is_void_v<In>) [[gnu::always_inline]] Result<Given> resume(std::type_identity_t<Value> in) {
        if (hand_ == nullptr) return Status::closed;
        if constexpr (std::is_reference_v<In>) {
            typename InCrossing::Value reference(in);
            hand_->in = std::addressof(reference);
            detail::by_hand_resume(*hand_);
        } else {
            hand_->in = std::addressof(in);
            detail::by_hand_resume(*hand_);
        }
        return take();
    }
    [[gnu::always_inline]] Result<Given> resume() requires std::is_void_v<In> {
        if (hand_ == nullptr) return Status::closed;
        detail::by_hand_resume(*hand_);
        return take();
    }

private:
    // On the coroutine's stack, from its first instruction to its last.
    template <typename Body>
    static void run(void* argument) noexcept {
        auto& hand = *static_cast<detail::ByHand*>(argument);
        detail::by_hand_start(hand);
        // What the body returns; the resumer takes it from here and destroys it.
        alignas(typename OutCrossing::Value) std::byte last[sizeof(typename OutCrossing::Value)];
        try {
            call<Body>(hand, last);
            hand.out = last;
            hand.swallowed = hand.ending;
        } catch (const Unwind&) {
            if (!hand.ending) hand.failure = std::current_exception();
        } catch (...) {
            hand.failure = std::current_exception();
        }
        static_cast<Body*>(hand.closure)->~Body();
        detail::by_hand_finish(hand);
    }
    template <typename Body>
    [[gnu::always_inline]] static void call(detail::ByHand& hand, void* last) {
        Body& body = *static_cast<Body*>(hand.closure);
        Self self(hand);
        const auto with_argument = [&]() -> decltype(auto) {
            if constexpr (std::is_void_v<In>) {
                return body(self);
            } else {
                return body(self, InCrossing::take(hand.in));
            }
        };
        if constexpr (std::is_void_v<Out>) {
            with_argument();
        } else {
            ::new (last) typename OutCrossing::Value(with_argument());
        }
    }

    [[gnu::always_inline]] Result<Given> take() {
        if (__builtin_expect(hand_->state == detail::HandState::kComplete, 0)) return take_last();
        if constexpr (std::is_void_v<Out>) {
            return Status::ok;
        } else {
            Result<Given> given(Status::closed);
            ::new (detail::ResultAccess::storage(given))
                Given(std::move(*static_cast<typename OutCrossing::Value*>(hand_->out)));
            detail::ResultAccess::set_ok(given);
            return given;
        }
    }
    // The body has ended: its stack goes.
    [[gnu::noinline]] Result<Given> take_last() {
        struct Releaser {
            detail::ByHand* hand;
            ~Releaser() { detail::by_hand_free(*hand); }
        } releaser{std::exchange(hand_, nullptr)};
        if (releaser.hand->failure) std::rethrow_exception(std::exchange(releaser.hand->failure, nullptr));
        if constexpr (std::is_void_v<Out>) {
            return Status::ok;
        } else {
            using Value = typename OutCrossing::Value;
            auto* last = static_cast<Value*>(releaser.hand->out);
            Result<Given> given(Status::closed);
            ::new (detail::ResultAccess::storage(given)) Given(std::move(*last));
            detail::ResultAccess::set_ok(given);
            last->~Value();
            return given;
        }
    }
};

}  // namespace cprime
