// SharedMutex: many readers, or one writer.
//
// Who waits is served in the order of arrival: a reader that comes while a writer waits stands behind it, so writers do not starve; readers that
// stand together go in together. A coroutine that holds it as a reader must not lock it again (a writer in between would keep it waiting for
// itself).
//
// Answers, mistakes, static objects and threads as with Mutex (mutex.h). Coroscope knows a writer by name, readers by number only.
//
// Tested in tests/unit/runtime/shared_mutex_test.cpp.
#pragma once

#include <chrono>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime {

class SharedMutex : private detail::Waitable {
public:
    // `name` is how Coroscope shows it ("" = by number); the text must live as long as the mutex.
    constexpr explicit SharedMutex(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::shared_mutex, name, where) {}

    // As the only one. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> lock() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::shared_mutex_lock>(&request);
        return request.state.status;
    }
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock() noexcept {
        return detail::try_call<&detail::shared_mutex_try_lock>(this);
    }
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock_for(
        std::chrono::duration<Rep, Period> duration) noexcept {
        return detail::timed_call<&detail::shared_mutex_lock_for>(this, detail::timeout_ns(duration));
    }
    [[gnu::always_inline]] void unlock() noexcept {
        detail::park<&detail::shared_mutex_unlock>(static_cast<detail::Waitable*>(this));
    }

    // Together with other readers. ok or cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<void> lock_shared() noexcept {
        detail::WaitRequest request;
        request.object = this;
        detail::park<&detail::shared_mutex_lock_shared>(&request);
        return request.state.status;
    }
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock_shared() noexcept {
        return detail::try_call<&detail::shared_mutex_try_lock_shared>(this);
    }
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> try_lock_shared_for(
        std::chrono::duration<Rep, Period> duration) noexcept {
        return detail::timed_call<&detail::shared_mutex_lock_shared_for>(this, detail::timeout_ns(duration));
    }
    [[gnu::always_inline]] void unlock_shared() noexcept {
        detail::park<&detail::shared_mutex_unlock_shared>(static_cast<detail::Waitable*>(this));
    }
};

// Holds it as its only user as long as it lives, if it got it.
class [[nodiscard]] WriterLock {
public:
    [[gnu::always_inline]] explicit WriterLock(SharedMutex& mutex) noexcept
        : mutex_(mutex), status_(mutex.lock().status()) {}
    [[gnu::always_inline]] ~WriterLock() {
        if (status_ == Status::ok) mutex_.unlock();
    }
    WriterLock(const WriterLock&) = delete;
    WriterLock& operator=(const WriterLock&) = delete;

    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    [[gnu::always_inline]] Status status() const noexcept { return status_; }

private:
    SharedMutex& mutex_;
    Status status_;
};

// Holds it as a reader as long as it lives, if it got it.
class [[nodiscard]] ReaderLock {
public:
    [[gnu::always_inline]] explicit ReaderLock(SharedMutex& mutex) noexcept
        : mutex_(mutex), status_(mutex.lock_shared().status()) {}
    [[gnu::always_inline]] ~ReaderLock() {
        if (status_ == Status::ok) mutex_.unlock_shared();
    }
    ReaderLock(const ReaderLock&) = delete;
    ReaderLock& operator=(const ReaderLock&) = delete;

    [[gnu::always_inline]] explicit operator bool() const noexcept { return status_ == Status::ok; }
    [[gnu::always_inline]] Status status() const noexcept { return status_; }

private:
    SharedMutex& mutex_;
    Status status_;
};

}  // namespace cprime
