// AnyCoroutine: coroutines of every kind in one container, with one interface to their lives.
//
//   std::vector<cprime::AnyCoroutine> all;
//   all.emplace_back(cprime::spawn("reader", read));                      // a JoinHandle<T> of any T: scheduled
//   all.emplace_back(cprime::Coroutine<int, std::string>(body));          // any In and Out: resumed by hand
//   for (auto& one : all)
//       if (!one.is_complete()) one.resume();
//
// It owns what it was made from: destroying it lets a scheduled coroutine run on by itself, and unwinds one by hand. No heap, no RTTI:
// both kinds fit in place, and the type is told by the address of a table.
//
//   operation      scheduled (JoinHandle<T>)              by hand (Coroutine<In, Out>)
//   resume()       wakes it if it suspended itself;       runs it to its next yield, if In is void; what it yields is dropped.
//                  true = it did                          false = complete, or it wants a value: try_as<>()->resume(in)
//   is_complete()  has ended                              has ended
//   size_class()   of its stack                           of its stack
//   name()         its own, else its site's               as given when it was made
//
// There is no suspend() from outside: a coroutine suspends itself, by cprime::suspend() or by yield, where its own state is in order. One that
// were stopped at a place it did not choose might hold what others wait for; and a request that waits for its next
// yield would cost each yield of everybody a look at a second cache line. Who may suspend a coroutine asks it, e.g. by a channel.
//
// Thread: as the kind that it holds; the object itself is not locked. resume() of one by hand blocks while its body runs, and throws what
// escapes the body. Tested in tests/unit/runtime/any_coroutine_test.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/coroutine.h"
#include "cprime/schedulable.h"
#include "cprime/spawn.h"

namespace cprime {

namespace detail {

template <typename Kind>
struct is_coroutine_kind : std::false_type {};
template <typename T>
struct is_coroutine_kind<JoinHandle<T>> : std::true_type {};
template <typename In, typename Out>
struct is_coroutine_kind<Coroutine<In, Out>> : std::true_type {};
template <typename Kind>
concept CoroutineKind = is_coroutine_kind<Kind>::value;

template <typename T>
bool resume_any(JoinHandle<T>& scheduled) {
    return scheduled.resume();
}
template <typename In, typename Out>
bool resume_any(Coroutine<In, Out>& by_hand) {
    if constexpr (std::is_void_v<In>) {
        return static_cast<bool>(by_hand.resume());
    } else {
        return false;
    }
}

// What a scheduler wants to know of a coroutine of any kind.
struct AnyFacts {
    std::uint64_t id = 0;
    ::cprime::priority priority = ::cprime::priority::normal;
    coroutine_state state = coroutine_state::complete;
    std::size_t stack_used = 0, stack_size = 0;
    std::uint64_t resume_point = 0;
    std::chrono::steady_clock::time_point last_activity;
};
template <typename Kind>
AnyFacts facts_of(const Kind& it) {
    return {it.id(),         it.priority(),     it.state(),        it.stack_used(),
            it.stack_size(), it.resume_point(), it.last_activity()};
}
template <typename T>
AnyFacts facts_of_any(const JoinHandle<T>& scheduled) {
    return facts_of(scheduled.view());
}
template <typename In, typename Out>
AnyFacts facts_of_any(const Coroutine<In, Out>& by_hand) {
    AnyFacts facts = facts_of(by_hand);
    // It cannot be resumed without a value.
    if (!std::is_void_v<In> && facts.state == coroutine_state::resumable)
        facts.state = coroutine_state::waiting;
    return facts;
}
template <typename Kind>
void note_any([[maybe_unused]] Kind& it, [[maybe_unused]] std::chrono::steady_clock::time_point when) {
    if constexpr (requires { it.note_activity(when); }) it.note_activity(when);
}

// What AnyCoroutine does with the kind that it holds; one object a kind, whose address is the kind's name.
struct AnyOperations {
    bool (*resume)(void* it);
    bool (*is_complete)(const void* it);
    ::cprime::size_class (*size_class)(const void* it);
    std::string_view (*name)(const void* it);
    AnyFacts (*facts)(const void* it);
    void (*note)(void* it, std::chrono::steady_clock::time_point when);
    void (*move)(void* to, void* from) noexcept;  // constructs *to, destroys *from
    void (*destroy)(void* it) noexcept;
};
template <CoroutineKind Kind>
inline constexpr AnyOperations any_operations = {
    [](void* it) { return resume_any(*static_cast<Kind*>(it)); },
    [](const void* it) { return static_cast<const Kind*>(it)->is_complete(); },
    [](const void* it) { return static_cast<const Kind*>(it)->size_class(); },
    [](const void* it) { return static_cast<const Kind*>(it)->name(); },
    [](const void* it) { return facts_of_any(*static_cast<const Kind*>(it)); },
    [](void* it, std::chrono::steady_clock::time_point when) { note_any(*static_cast<Kind*>(it), when); },
    [](void* to, void* from) noexcept {
        ::new (to) Kind(std::move(*static_cast<Kind*>(from)));
        static_cast<Kind*>(from)->~Kind();
    },
    [](void* it) noexcept { static_cast<Kind*>(it)->~Kind(); }};

}  // namespace detail

class AnyCoroutine {
public:
    // Holds nothing: complete, without class and name.
    AnyCoroutine() = default;
    // Takes the coroutine over.
    template <detail::CoroutineKind Kind>
    AnyCoroutine(Kind&& coroutine) noexcept : operations_(&detail::any_operations<Kind>) {
        static_assert(sizeof(Kind) <= sizeof place_ && alignof(Kind) <= alignof(void*));
        ::new (static_cast<void*>(place_)) Kind(std::move(coroutine));
    }
    AnyCoroutine(AnyCoroutine&& other) noexcept { take(other); }
    AnyCoroutine& operator=(AnyCoroutine&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~AnyCoroutine() { reset(); }

    bool resume() { return operations_ != nullptr && operations_->resume(place_); }
    bool is_complete() const { return operations_ == nullptr || operations_->is_complete(place_); }
    ::cprime::size_class size_class() const {
        return operations_ == nullptr ? ::cprime::size_class::unspecified : operations_->size_class(place_);
    }
    std::string_view name() const {
        return operations_ == nullptr ? std::string_view{} : operations_->name(place_);
    }

    // Schedulable and Resumable (schedulable.h): as CoroutineView says of a scheduled one, and Coroutine of one by hand. One by hand that wants a
    // value is `waiting`.
    std::uint64_t id() const { return facts().id; }
    ::cprime::priority priority() const { return facts().priority; }
    coroutine_state state() const { return facts().state; }
    std::size_t stack_used() const { return facts().stack_used; }
    std::size_t stack_size() const { return facts().stack_size; }
    std::uint64_t resume_point() const { return facts().resume_point; }
    std::chrono::steady_clock::time_point last_activity() const { return facts().last_activity; }
    void note_activity(std::chrono::steady_clock::time_point when) {
        if (operations_ != nullptr) operations_->note(place_, when);
    }

    // The JoinHandle<T> or Coroutine<In, Out> inside, if it is of exactly this type; else nullptr.
    template <detail::CoroutineKind Kind>
    Kind* try_as() noexcept {
        return operations_ == &detail::any_operations<Kind> ? std::launder(reinterpret_cast<Kind*>(place_))
                                                            : nullptr;
    }

    // Lets go of what it holds, as its destructor does.
    void reset() noexcept {
        if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(place_);
    }

private:
    detail::AnyFacts facts() const {
        return operations_ == nullptr ? detail::AnyFacts{} : operations_->facts(place_);
    }
    void take(AnyCoroutine& other) noexcept {
        operations_ = std::exchange(other.operations_, nullptr);
        if (operations_ != nullptr) operations_->move(place_, other.place_);
    }

    const detail::AnyOperations* operations_ = nullptr;
    alignas(void*) std::byte place_[3 * sizeof(void*)] = {};
};

}  // namespace cprime
