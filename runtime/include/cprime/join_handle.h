// JoinHandle: wait for a coroutine, ask it to end, wake it where it suspended itself, or let it go.
//
//   auto handle = cprime::spawn("parser", [source] { return parse(source); });
//   if (auto tree = handle.join()) use(*tree);
//
// Mistakes end the program with one sentence: join() on an empty handle (default-made, moved from, detached, or joined before), joining oneself, and
// two that join by one handle at once. cancel() and resume() of one that has ended, or on an empty handle, answer false.
//
// Thread: any; on a thread that is no worker join() blocks it. One thread at a time a handle. Tested in
// tests/unit/runtime/{join,suspend,exceptions,misuse}_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/coroutine_view.h"
#include "cprime/detail/spawn_request.h"
#include "cprime/result.h"
#include "cprime/size_class.h"

namespace cprime {

struct SpawnOptions;

namespace detail {

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
        if (!detail::cprime_join_shortly(&request)) detail::park<&detail::join_coroutine>(&request);
        if (request.status != Status::ok) return request.status;
        if (request.may_have_failed) detail::park<&detail::take_failure>(&request);
        if constexpr (!std::is_void_v<T>) {
            if (__builtin_expect(request.abandoned, 0)) result_->release();
        }
        if (__builtin_expect(std::exchange(identity_, 0) != request.identity, 0))
            detail::park<&detail::joined_at_once>(&request);
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

    // What is known of the coroutine now; complete when it has ended.
    CoroutineView view() const noexcept { return {identity_, coroutine_}; }

    // Lets the coroutine go on alone; the handle is empty afterwards.
    void detach() noexcept {
        if (identity_ == 0) return;
        detail::HandleRequest request{coroutine_, std::exchange(identity_, 0), false};
        detail::park<&detail::drop_handle>(&request);
        if constexpr (!std::is_void_v<T>) {
            if (__builtin_expect(request.abandoned, 0)) result_->release();
            result_->release();
        }
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

}  // namespace cprime
