// Mutex: one at a time.
//
//   static cprime::Mutex accounts{"accounts"};
//   ...
//   cprime::MutexLock hold(accounts);
//   if (!hold) return;             // somebody asked us to end while we waited
//   ...                            // unlocked when `hold` goes
//
// Who waits gets it in the order of arrival: unlock() hands it to whoever has waited longest. A coroutine may wait, sleep and migrate between
// workers while it holds one; only it may unlock. Coroscope shows who holds a mutex, who waits for it, and cycles of such waits.
//
// lock() answers
//   ok         the caller holds it
//   cancelled  it would have had to wait, and this coroutine has been asked to end: it does not hold it
// and, where a time limit is given, `timed_out`.
//
// Mistakes end the program with one sentence: locking what one holds already (nobody could ever unlock it; try_lock() answers would_block,
// lock_for timed_out), unlocking what one does not hold, destroying what somebody holds or waits for, use without a Runtime or in a forked child.
//
// A mutex may be static: it can be made before a Runtime and destroyed after it. Each Runtime finds it unlocked.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. At the end of the Runtime they are woken with `cancelled`, and what
// they hold they may still unlock, then and later.
// Tested in tests/unit/runtime/mutex_test.cpp.
#pragma once

#include <chrono>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class Mutex : private detail::Waitable {
public:
    // `name` is how Coroscope shows it ("" = by number); the text must live as long as the mutex.
    constexpr explicit Mutex(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::mutex, name, where) {}

    // Waits until the caller holds it. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> lock() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::mutex_lock>(&request);
        return request.state.status;
    }
    // ok or would_block. Never waits.
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock() noexcept {
        return detail::try_call<&detail::mutex_try_lock>(this);
    }
    // ok, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock_for(
        std::chrono::duration<Rep, Period> duration) noexcept {
        return detail::timed_call<&detail::mutex_lock_for>(this, detail::timeout_ns(duration));
    }
    // The caller must hold it. Never waits.
    [[gnu::always_inline]] void unlock() noexcept {
        detail::park<&detail::mutex_unlock>(static_cast<detail::Waitable*>(this));
    }

private:
    friend class ConditionVariable;
};

// Holds a mutex as long as it lives, if it got it: ask before you touch what the mutex guards.
class [[nodiscard]] MutexLock {
public:
    // Waits for the mutex.
    [[gnu::always_inline]] explicit MutexLock(Mutex& mutex) noexcept
        : mutex_(mutex), status_(mutex.lock().status()) {}
    // Waits no longer than that.
    template <typename Rep, typename Period>
    [[gnu::always_inline]] MutexLock(Mutex& mutex, std::chrono::duration<Rep, Period> at_most) noexcept
        : mutex_(mutex), status_(mutex.try_lock_for(at_most).status()) {}
    [[gnu::always_inline]] ~MutexLock() {
        if (status_ == Status::ok) mutex_.unlock();
    }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

    // Whether it holds the mutex now.
    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    // ok: it holds the mutex. Else how the last try ended; would_block after unlock().
    [[gnu::always_inline]] Status status() const noexcept { return status_; }
    // Takes the mutex anew. It must not hold it.
    [[nodiscard]] [[gnu::always_inline]] Result<void> lock() noexcept {
        status_ = mutex_.lock().status();
        return status_;
    }
    // Gives the mutex back before its time. It must hold it.
    [[gnu::always_inline]] void unlock() noexcept {
        mutex_.unlock();
        status_ = Status::would_block;
    }

private:
    Mutex& mutex_;
    Status status_;
};

}  // namespace cprime
