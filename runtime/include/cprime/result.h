// Result<T>: what a call that may park gives back.
//
// Cancellation and the end of a channel are results, never exceptions: every call that may park says `ok`, `closed` or
// `cancelled`. A Result is true exactly when the call did what it was asked to do:
//
//   while (auto item = receiver.receive()) use(*item);    // ends when the channel is closed or we are cancelled
//
// The type is our own, always inlined and built of few pieces: without optimisation each piece takes stack of its own, and
// std::optional 300 bytes more of a Micro coroutine's 256.
//
// Thread: a value type. Tested in tests/unit/runtime/result_test.cpp.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

namespace cprime {

// How a call that may park ended.
enum class Status : std::uint8_t {
    ok,      // it did what it was asked to do
    closed,  // the channel is closed: nothing was sent; nothing is left to receive
    cancelled,  // somebody asked this coroutine to end (JoinHandle::cancel, shutdown), so it does not wait any more
    would_block,  // only from calls that try: they would have had to wait
    timed_out,    // only from calls with a time limit: it passed before the call could do what it was asked to
};

// "ok", "closed", "cancelled", "would_block" or "timed_out".
inline const char* to_string(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::closed:
            return "closed";
        case Status::cancelled:
            return "cancelled";
        case Status::would_block:
            return "would_block";
        case Status::timed_out:
            return "timed_out";
    }
    return "?";
}

namespace detail {

struct ResultAccess;
template <typename T, std::uint32_t kRights>
class Handle;

// Value and status of a Result. The second form is for values without a destructor: a Result of one has none either, and its
// users need no clean-up code.
template <typename T, bool kTrivial = std::is_trivially_destructible_v<T>>
struct ResultStorage {
    [[gnu::always_inline]] ResultStorage() noexcept {}
    [[gnu::always_inline]] ~ResultStorage() {
        if (status_ == Status::ok) value_.~T();
    }
    union {
        T value_;
    };
    Status status_;
};
template <typename T>
struct ResultStorage<T, true> {
    [[gnu::always_inline]] ResultStorage() noexcept {}
    union {
        T value_;
    };
    Status status_;
};

}  // namespace detail

// A value when status() is ok, else none. T is nothrow-movable.
template <typename T>
class Result : private detail::ResultStorage<T> {
    static_assert(std::is_nothrow_move_constructible_v<T>,
                  "cprime::Result<T>: T must be nothrow-move-constructible");
    using detail::ResultStorage<T>::value_;
    using detail::ResultStorage<T>::status_;

public:
    using value_type = T;

    // No value; `status` is not ok.
    [[gnu::always_inline]] Result(Status status) noexcept { status_ = status; }
    // A value; status() is ok. (Not for T = Status, which would be ambiguous: such a Result comes from the runtime only.)
    [[gnu::always_inline]] Result(T&& value) noexcept requires(!std::is_same_v<T, Status>) {
        ::new (&value_) T(static_cast<T&&>(value));
        status_ = Status::ok;
    }
    [[gnu::always_inline]] Result(Result&& other) noexcept {
        if (other.status_ == Status::ok) ::new (&value_) T(static_cast<T&&>(other.value_));
        status_ = other.status_;
    }
    Result& operator=(Result&& other) noexcept {
        if (this != &other) {
            this->~Result();
            ::new (this) Result(static_cast<Result&&>(other));
        }
        return *this;
    }

    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    [[gnu::always_inline]] Status status() const noexcept { return status_; }
    // The value. Only when the Result is true; anything else is undefined.
    [[gnu::always_inline]] T& operator*() & noexcept { return value_; }
    [[gnu::always_inline]] const T& operator*() const& noexcept { return value_; }
    [[gnu::always_inline]] T&& operator*() && noexcept { return static_cast<T&&>(value_); }
    [[gnu::always_inline]] T* operator->() noexcept { return &value_; }
    [[gnu::always_inline]] const T* operator->() const noexcept { return &value_; }

private:
    // Runtime calls fill a Result in their caller's frame. Until then it may hold nothing, not even a status.
    friend struct detail::ResultAccess;
    template <typename, std::uint32_t>
    friend class detail::Handle;
    [[gnu::always_inline]] Result() noexcept {}
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
    template <typename, std::uint32_t>
    friend class detail::Handle;
    [[gnu::always_inline]] Result() noexcept {}

    Status status_;
};

namespace detail {

// How a Result is filled without a second one to move from. (Channels do without, too: their callers have no stack to spare.)
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
    // How the call ended. ok: its value stands in storage() already.
    template <typename T>
    [[gnu::always_inline]] static void set_status(Result<T>& result, Status status) noexcept {
        result.status_ = status;
    }
};

}  // namespace detail

}  // namespace cprime
