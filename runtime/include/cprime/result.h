// Result<T>: what a call that may park gives back.
//
// Cancellation and the end of a channel are results, never exceptions: every call that may park says `ok`, `closed` or
// `cancelled`. A Result is true exactly when the call did what it was asked to do:
//
//   while (auto item = receiver.receive()) use(*item);    // ends when the channel is closed or we are cancelled
//
// The type is our own and always inlined: std::optional costs 300 bytes more of a 256-byte stack without optimisation.
//
// Thread: a value type. Tested in tests/unit/runtime/result_test.cpp.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace cprime {

// How a call that may park ended.
enum class Status : std::uint8_t {
    ok,         // it did what it was asked to do
    closed,     // the channel is closed: nothing was sent; nothing is left to receive
    cancelled,  // somebody asked this coroutine to end (JoinHandle::cancel, shutdown), so it does not wait any more
    would_block,  // only from calls that try: they would have had to wait
};

// "ok", "closed", "cancelled" or "would_block".
inline const char* to_string(Status status) {
    switch (status) {
        case Status::ok: return "ok";
        case Status::closed: return "closed";
        case Status::cancelled: return "cancelled";
        case Status::would_block: return "would_block";
    }
    return "?";
}

namespace detail {
struct ResultAccess;
}

// A value when status() is ok, else none. T is nothrow-movable.
template <typename T>
class Result {
    static_assert(std::is_nothrow_move_constructible_v<T>, "cprime::Result<T>: T must be nothrow-move-constructible");

public:
    using value_type = T;

    // No value; `status` is not ok.
    [[gnu::always_inline]] Result(Status status) noexcept : status_(status) {}
    // A value; status() is ok.
    [[gnu::always_inline]] Result(T&& value) noexcept : status_(Status::ok) { ::new (&value_) T(std::move(value)); }
    [[gnu::always_inline]] Result(Result&& other) noexcept : status_(other.status_) {
        if (status_ == Status::ok) ::new (&value_) T(std::move(other.value_));
    }
    Result& operator=(Result&& other) noexcept {
        if (this != &other) {
            this->~Result();
            ::new (this) Result(std::move(other));
        }
        return *this;
    }
    [[gnu::always_inline]] ~Result() {
        if (status_ == Status::ok) value_.~T();
    }

    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    [[gnu::always_inline]] Status status() const noexcept { return status_; }
    // The value. Only when the Result is true; anything else is undefined.
    [[gnu::always_inline]] T& operator*() & noexcept { return value_; }
    [[gnu::always_inline]] const T& operator*() const& noexcept { return value_; }
    [[gnu::always_inline]] T&& operator*() && noexcept { return std::move(value_); }
    [[gnu::always_inline]] T* operator->() noexcept { return &value_; }
    [[gnu::always_inline]] const T* operator->() const noexcept { return &value_; }

private:
    friend struct detail::ResultAccess;
    union {
        T value_;
    };
    Status status_;
};

// Only a status: send, sleep, join of a function without a result.
template <>
class Result<void> {
public:
    using value_type = void;

    [[gnu::always_inline]] Result(Status status) noexcept : status_(status) {}
    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    [[gnu::always_inline]] Status status() const noexcept { return status_; }

private:
    Status status_;
};

namespace detail {

// How a runtime call fills a Result in its caller's frame, without a second one to move from.
struct ResultAccess {
    // Where the value goes. Construct it there, then set_ok().
    template <typename T>
    [[gnu::always_inline]] static T* storage(Result<T>& result) noexcept {
        return &result.value_;
    }
    template <typename T>
    [[gnu::always_inline]] static void set_ok(Result<T>& result) noexcept {
        result.status_ = Status::ok;
    }
    // The end without a value; the Result must not hold one.
    template <typename T>
    [[gnu::always_inline]] static void set_status(Result<T>& result, Status status) noexcept {
        result.status_ = status;
    }
};

}  // namespace detail

}  // namespace cprime
