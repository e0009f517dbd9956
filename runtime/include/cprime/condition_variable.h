// ConditionVariable: waiting, with a mutex held, until something that the mutex guards has changed.
//
//   cprime::MutexLock hold(mutex);
//   if (!hold) return;
//   if (!changed.wait(mutex, [&] { return !queue.empty(); })) return;   // cancelled; the mutex is held all the same
//   use(queue.front());
//
// wait() gives the mutex back, waits, and takes the mutex again *whatever happened meanwhile*: notified, cancelled or timed out, the caller
// holds it afterwards, also if it has to wait for it after it was cancelled. (At the end of the Runtime threads that are no workers are
// woken without it.) There are no wake-ups without a notification; but somebody else may have had the mutex in between: use the form
// with a predicate, or a loop.
//
// A mutex that the caller does not hold, destroying it while somebody waits, use without a Runtime or in a forked child end the program with
// one sentence. It may be static.
//
// Thread: coroutines, and other threads while a Runtime lives; those block. Tested in tests/unit/runtime/condition_variable_test.cpp.
#pragma once

#include <chrono>
#include <string_view>

#include "cprime/deadline.h"
#include "cprime/detail/waitable_calls.h"
#include "cprime/mutex.h"

namespace cprime {

class ConditionVariable : private detail::Waitable {
public:
    // `name` is how Coroscope shows it ("" = by number); the text must live as long as the object.
    constexpr explicit ConditionVariable(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : Waitable(detail::WaitableKind::condition, name, where) {}

    // Until notified: ok or cancelled. The caller holds `mutex` before and after.
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait(Mutex& mutex) noexcept {
        detail::ConditionRequest request;
        request.object = this;
        request.mutex = &mutex;
        detail::park<&detail::condition_wait>(&request);
        detail::park<&detail::condition_relock>(&request);
        return request.outcome;
    }
    // The same for at most so long: ok, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait_for(
        Mutex& mutex, std::chrono::duration<Rep, Period> duration) noexcept {
        detail::ConditionRequest request;
        request.object = this;
        request.mutex = &mutex;
        request.timeout_ns = detail::timeout_ns(duration);
        detail::park<&detail::condition_wait_for>(&request);
        detail::park<&detail::condition_relock>(&request);
        return request.outcome;
    }
    // Until predicate() is true, which is asked with the mutex held, first of all before waiting. ok: it is true.
    template <typename Predicate>
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait(Mutex& mutex, Predicate&& predicate) {
        while (!predicate()) {
            const Result<void> waited = wait(mutex);
            if (!waited) return waited;
        }
        return Status::ok;
    }
    // The same; `duration` is for all of it. ok: it is true, though perhaps only when the time was over.
    template <typename Rep, typename Period, typename Predicate>
    [[nodiscard]] Result<void> wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> duration,
                                        Predicate&& predicate) {
        const Deadline until(duration);
        while (!predicate()) {
            const Result<void> waited = wait_for(mutex, until.remaining());
            if (waited.status() == Status::timed_out && predicate()) return Status::ok;
            if (!waited) return waited;
        }
        return Status::ok;
    }

    // Lets whoever has waited longest go on, if anybody waits. Never waits.
    [[gnu::always_inline]] void notify_one() noexcept {
        detail::park<&detail::condition_notify_one>(static_cast<detail::Waitable*>(this));
    }
    // Lets everybody who waits go on.
    [[gnu::always_inline]] void notify_all() noexcept {
        detail::park<&detail::condition_notify_all>(static_cast<detail::Waitable*>(this));
    }
};

}  // namespace cprime
