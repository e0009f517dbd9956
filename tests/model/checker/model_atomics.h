// What runtime/scheduler/atomics.h offers, made of steps of the model checker. Included by it, where CPRIME_MODEL_ATOMICS is
// defined; a test includes model.h and the header that it tries.
//
// Only what the runtime uses of std::atomic: named functions, no operators, so that every step has an order and a line.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "memory.h"
#include "operation.h"

namespace model {

// Who made an atomic, and which location of the memory it is: it becomes one when it is used first in an execution. An atomic
// that is older than the execution (a variable of the program, not of the model) begins each with the value it was made with.
struct Registration {
    std::uint32_t execution = 0;  // in which it was made, or first used; 0: none
    std::uint32_t time = 0;       // of its maker's clock
    std::uint32_t location = kNoLocation;
    std::uint8_t maker = 0;
};

// Implemented by the engine; each but the first is called by a thread of the model.
void note_made(Registration& made);
std::uint32_t location_of(Registration& made, const void* address, std::uint64_t initial);
bool is_location(const Registration& made);
void perform(Operation& operation);
void use_plain(PlainUses& uses, const void* address, bool write);

template <typename T>
class Atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
    using Order = std::memory_order;
    using Where = std::source_location;

public:
    constexpr Atomic() noexcept : Atomic(T{}) {}
    constexpr Atomic(T value) noexcept : initial_(value) {
        if (!std::is_constant_evaluated()) note_made(registration_);
    }
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    T load(Order order = Order::seq_cst, Where where = Where::current()) const noexcept {
        Operation operation = make(Kind::kLoad, order, where);
        perform(operation);
        return of(operation.result);
    }
    void store(T value, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        Operation operation = make(Kind::kStore, order, where);
        operation.value = bits(value);
        perform(operation);
    }
    T exchange(T value, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kSet, value, order, where);
    }
    template <typename Number>
    T fetch_add(Number n, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kAdd, static_cast<T>(n), order, where);
    }
    template <typename Number>
    T fetch_sub(Number n, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kSubtract, static_cast<T>(n), order, where);
    }
    T fetch_and(T set, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kAnd, set, order, where);
    }
    T fetch_or(T set, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kOr, set, order, where);
    }
    T fetch_xor(T set, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
        return change(Change::kXor, set, order, where);
    }
    bool compare_exchange_strong(T& expected, T desired, Order success, Order failure,
                                 Where where = Where::current()) noexcept {
        Operation operation = make(Kind::kCompareExchange, success, where);
        operation.failure_order = failure;
        operation.expected = bits(expected);
        operation.value = bits(desired);
        perform(operation);
        if (!operation.success) expected = of(operation.result);
        return operation.success;
    }
    bool compare_exchange_strong(T& expected, T desired, Order order = Order::seq_cst,
                                 Where where = Where::current()) noexcept {
        return compare_exchange_strong(expected, desired, order, on_failure(order), where);
    }
    // The weak form does not fail for no reason here: where it is used in a loop, that would only repeat the loop.
    bool compare_exchange_weak(T& expected, T desired, Order success, Order failure,
                               Where where = Where::current()) noexcept {
        return compare_exchange_strong(expected, desired, success, failure, where);
    }
    bool compare_exchange_weak(T& expected, T desired, Order order = Order::seq_cst,
                               Where where = Where::current()) noexcept {
        return compare_exchange_strong(expected, desired, order, on_failure(order), where);
    }

    // For futexes. A wake-up may come when the word is gone, and its memory something else.
    bool is_there() const noexcept { return is_location(registration_); }
    Operation make(Kind kind, Order order, Where where) const noexcept {
        return {.kind = kind,
                .bytes = sizeof(T),
                .order = order,
                .location = location_of(registration_, this, bits(initial_)),
                .address = this,
                .where = where};
    }

private:
    static Order on_failure(Order order) {
        if (order == Order::acq_rel) return Order::acquire;
        return order == Order::release ? Order::relaxed : order;
    }
    static std::uint64_t bits(T value) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &value, sizeof value);
        return bits;
    }
    static T of(std::uint64_t bits) {
        T value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    T change(Change change, T value, Order order, Where where) noexcept {
        Operation operation = make(Kind::kExchange, order, where);
        operation.change = change;
        operation.value = bits(value);
        perform(operation);
        return of(operation.result);
    }
    T initial_;
    mutable Registration registration_;
};

// Data without atomics. Each use is checked against the earlier ones; none is a step.
template <typename T>
class Plain {
public:
    constexpr Plain() : Plain(T{}) {}
    constexpr Plain(T value) : value_(value) {
        if (!std::is_constant_evaluated()) use_plain(uses_, this, true);
    }
    Plain(const Plain& other) : Plain(other.get()) {}
    Plain& operator=(const Plain& other) { return *this = other.get(); }
    Plain& operator=(T value) {
        use_plain(uses_, this, true);
        value_ = value;
        return *this;
    }
    operator T() const { return get(); }
    T operator->() const { return get(); }
    T get() const {
        use_plain(uses_, this, false);
        return value_;
    }

private:
    T value_;
    mutable PlainUses uses_;
};

// An atomic that is one for readers outside of the program only: whoever runs here must have ordered its uses otherwise. So it is checked like
// plain data, and none of its uses is a step.
template <typename T>
class Guarded {
public:
    constexpr Guarded() = default;
    constexpr Guarded(T value) : value_(value) {}
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    T load(std::memory_order = std::memory_order_seq_cst) const { return value_.get(); }
    void store(T value, std::memory_order = std::memory_order_seq_cst) { value_ = value; }

private:
    Plain<T> value_;
};

}  // namespace model

namespace cprime::detail::sync {

inline constexpr bool kModelled = true;

template <typename T>
using atomic = model::Atomic<T>;
template <typename T>
using plain = model::Plain<T>;

inline void fence(std::memory_order order,
                  std::source_location where = std::source_location::current()) noexcept {
    model::Operation operation{.kind = model::Kind::kFence, .order = order, .where = where};
    model::perform(operation);
}
inline void free_light_fence() noexcept {}
inline void light_fence() noexcept {}  // an order to the compiler, which the checker's steps keep anyhow
inline void light_fence_in_place() noexcept {}
inline void shake() noexcept {}  // the checker tries every delay
inline void heavy_fence(std::source_location where = std::source_location::current()) noexcept {
    model::Operation operation{.kind = model::Kind::kHeavyFence, .where = where};
    model::perform(operation);
}
inline void pause(std::source_location where = std::source_location::current()) noexcept {
    model::Operation operation{.kind = model::Kind::kPause, .where = where};
    model::perform(operation);
}
inline void yield_thread(std::source_location where = std::source_location::current()) noexcept {
    pause(where);
}
inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected, std::uint64_t = 0,
                       std::source_location where = std::source_location::current()) noexcept {
    model::Operation operation = word.make(model::Kind::kFutexWait, std::memory_order_relaxed, where);
    operation.expected = expected;
    model::perform(operation);
}
inline void futex_wake(atomic<std::uint32_t>& word, int count,
                       std::source_location where = std::source_location::current()) noexcept {
    if (!word.is_there()) return;
    model::Operation operation = word.make(model::Kind::kFutexWake, std::memory_order_relaxed, where);
    operation.value = static_cast<std::uint32_t>(count);
    model::perform(operation);
}

}  // namespace cprime::detail::sync
