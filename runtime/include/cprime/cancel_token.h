// Cancellation tokens: one word ends many.
//
//   cprime::CancelSource stop("stop");
//   cprime::spawn({.name = "worker", .cancel = stop}, work).detach();   // asked to end when stop.cancel() is called
//   ...
//   switch (cprime::select(cprime::on_receive(inbox, item), cprime::on_cancelled(stop.token())).arm) { ... }
//   stop.cancel();
//
// A CancelSource may cancel, a CancelToken only looks and waits. Sources form trees: one that is made under a token is cancelled with it, one
// that is cancelled leaves its parent alone. What is cancelled stays so: what is spawned, or made, under it later is cancelled from its start.
//
// A coroutine that was spawned with `.cancel` is asked to end as by JoinHandle::cancel(): each of its calls that would wait answers `cancelled`.
// It is so while its function runs; what it spawns itself is under the token only where that says so.
//
// To wait for a token:
//   token.wait()             ok: it is cancelled; `cancelled`: this coroutine was asked to end. wait_for(): or timed_out
//   on_cancelled(token)      an arm of a select; fires with `closed`
//
// A source whose last handle goes without cancel() cancels nobody. Handles may be copied, and used by several at once.
//
// Thread: coroutines, and other threads while the Runtime lives. cancel() does not wait. Tested in tests/unit/runtime/cancel_token_test.cpp.
#pragma once

#include <chrono>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/cancel_calls.h"
#include "cprime/detail/select_arms.h"
#include "cprime/spawn.h"

namespace cprime {

class CancelSource;
class CancelRef;

class [[nodiscard]] CancelToken {
public:
    // One that is never cancelled.
    CancelToken() noexcept = default;
    CancelToken(const CancelToken& other) noexcept
        : core_(detail::keep_cancel_core(other.core_)), waits_(copied(other.core_)) {}
    CancelToken(CancelToken&& other) noexcept
        : core_(std::exchange(other.core_, nullptr)),
          waits_(detail::adopt_handle(std::exchange(other.waits_, 0))) {}
    CancelToken& operator=(CancelToken other) noexcept {
        std::swap(core_, other.core_);
        std::swap(waits_, other.waits_);
        return *this;
    }
    [[gnu::always_inline]] ~CancelToken() {
        if (core_ == nullptr) return;
        detail::release_bytes_handle(waits_);
        detail::park<&detail::cancel_let_go>(core_);
    }

    // Whether cancel() was called. Never waits.
    [[gnu::always_inline]] bool cancelled() const noexcept {
        return core_ != nullptr && core_->cancelled.load(std::memory_order_acquire);  // [cancel.mark]
    }
    // Waits until it is. Not for one that is never cancelled: that ends the program with a sentence.
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait() const noexcept {
        detail::ChannelRequest request;
        request.handle = waits_;
        detail::park<&detail::channel_call<detail::Side::receive, detail::Items::bytes, detail::Waits::forever>>(
            &request);
        return request.status == Status::closed ? Status::ok : request.status;
    }
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<void> wait_for(
        std::chrono::duration<Rep, Period> most) const noexcept {
        detail::TimedChannelRequest request;
        request.handle = waits_;
        request.timeout_ns = detail::timeout_in_ns(most);
        detail::park<&detail::channel_call<detail::Side::receive, detail::Items::bytes, detail::Waits::until>>(
            &request);
        return request.status == Status::closed ? Status::ok : request.status;
    }

private:
    friend class CancelSource;
    friend class CancelRef;
    friend detail::ReceiveArm<char> on_cancelled(const CancelToken& token) noexcept;

    explicit CancelToken(detail::CancelCore* core) noexcept
        : core_(detail::keep_cancel_core(core)), waits_(copied(core)) {}
    static detail::HandleId copied(const detail::CancelCore* core) noexcept {
        return core == nullptr ? 0 : detail::copy_handle(core->channel, detail::kMayReceive);
    }

    detail::CancelCore* core_ = nullptr;
    detail::HandleId waits_ = 0;  // its own, so that viewers know who waits
};

// An arm of a select that fires, with `closed`, when the token is cancelled.
[[gnu::always_inline]] inline detail::ReceiveArm<char> on_cancelled(const CancelToken& token) noexcept {
    static char nothing;  // never written: nothing is ever sent
    return {token.waits_, nothing};
}

class [[nodiscard]] CancelSource {
public:
    // `name`: how Coroscope shows it, as a channel that closes. Ends the program with a sentence when no Runtime lives.
    explicit CancelSource(std::string_view name = {}, const Place& where = CPRIME_HERE) noexcept
        : core_(detail::make_cancel_core(nullptr, name, where)) {}
    // One that is cancelled with its parent.
    explicit CancelSource(const CancelToken& parent, std::string_view name = {},
                          const Place& where = CPRIME_HERE) noexcept
        : core_(detail::make_cancel_core(parent.core_, name, where)) {}
    CancelSource(const CancelSource& other) noexcept : core_(detail::keep_cancel_core(other.core_)) {}
    CancelSource(CancelSource&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    CancelSource& operator=(CancelSource other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    [[gnu::always_inline]] ~CancelSource() {
        if (core_ != nullptr) detail::park<&detail::cancel_let_go>(core_);
    }

    // Cancels it and all under it: marks them, asks their coroutines to end, wakes who waits. Twice is no mistake.
    [[gnu::always_inline]] void cancel() const noexcept { detail::park<&detail::cancel_all>(core_); }
    [[gnu::always_inline]] bool cancelled() const noexcept {
        return core_->cancelled.load(std::memory_order_acquire);  // [cancel.mark]
    }
    CancelToken token() const noexcept { return CancelToken(core_); }

private:
    friend class CancelRef;
    detail::CancelCore* core_;
};

// What a spawn is told: a source, or a token, that outlives the call. (Without a default, so that `.cancel` is what tells SpawnUnder from
// SpawnOptions.)
class CancelRef {
public:
    CancelRef(const CancelSource& source) noexcept : core_(source.core_) {}
    CancelRef(const CancelToken& token) noexcept : core_(token.core_) {}
    detail::CancelCore* core() const noexcept { return core_; }

private:
    detail::CancelCore* core_;
};

// SpawnOptions, and under which source.
struct SpawnUnder {
    std::string_view name = {};
    ::cprime::size_class size_class = ::cprime::size_class::unspecified;
    std::uint32_t stack_bytes = 0;
    ::cprime::priority priority = ::cprime::priority::normal;
    unsigned worker = kAnyWorker;
    CancelRef cancel;
};

namespace detail {

template <typename F>
struct UnderToken {
    CancelMember member;  // goes after the function
    F function;
    decltype(auto) operator()() {
        park<&cancel_join>(&member);
        return function();
    }
};

}  // namespace detail

template <typename F>
inline constexpr coro_metadata metadata_of<detail::UnderToken<F>> = metadata_of<F>;

// Makes a coroutine as spawn() does, under a source.
template <typename F>
JoinHandle<std::invoke_result_t<std::decay_t<F>&>> spawn(const SpawnUnder& options, F&& function,
                                                         Place place = CPRIME_HERE) {
    return spawn(
        SpawnOptions{options.name, options.size_class, options.stack_bytes, options.priority, options.worker},
        detail::UnderToken<std::decay_t<F>>{detail::CancelMember(options.cancel.core()),
                                            std::forward<F>(function)},
        place);
}

}  // namespace cprime
