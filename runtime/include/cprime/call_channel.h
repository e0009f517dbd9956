// Call channels: a request goes one way, and its answer comes back to whoever asked.
//
//   auto [squares, server] = cprime::call_channel<int, long>("squares");
//   cprime::spawn_detached("server", [server = std::move(server)] {
//       while (auto call = server.receive()) call->reply(long{call->request} * call->request);
//   });
//   if (auto square = squares.call(12)) use(*square);
//
// call() answers with a Result:
//   ok         the answer is here
//   closed     nobody will answer: the last Server is gone, or the one who took the call let it go unanswered
//   cancelled  this coroutine has been asked to end
//   timed_out  only from call_for
// A request that nobody has taken when a call ends so is untouched. One that a server has taken it goes on to work on; its reply() then does
// nothing, and says so.
//
// Calls are taken in the order in which they came, by whichever server asks next, and may be answered in any order, by whoever holds the Call. A
// call costs no memory and one wait of the caller: request and answer lie in its frame. Handles may be copied; a side closes with its last one.
//
// Callers, who may be many, fit a Micro stack in optimised code; a server's loop wants size_class::small.
// Request and Response are nothrow-movable; their moves run on the stacks of those who take and reply, never under a lock, and must not themselves
// wait for anything. A call channel ends with its Runtime.
//
// Thread: coroutines; other threads while the Runtime lives: one that receives blocks, one that calls makes a coroutine that calls for it, and
// blocks. One handle object may be used by several at once. Tested in tests/unit/runtime/call_channel_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/call_channel_calls.h"
#include "cprime/result.h"
#include "cprime/spawn.h"

namespace cprime {

template <typename Request, typename Response>
class Caller;
template <typename Request, typename Response>
class Server;
template <typename Request, typename Response>
struct CallChannelEnds {
    Caller<Request, Response> caller;
    Server<Request, Response> server;
};
// A new call channel as its two ends. `name` is how Coroscope shows it ("" = by number).
template <typename Request, typename Response>
[[nodiscard]] CallChannelEnds<Request, Response> call_channel(std::string_view name = {},
                                                              const Place& where = CPRIME_HERE) noexcept;

namespace detail {

// A counted reference of one side.
template <std::atomic<std::uint32_t> CallChannel::*kCount, ParkFunction kGone>
class CallEnd {
public:
    CallEnd() noexcept = default;
    explicit CallEnd(CallChannel* channel) noexcept : channel_(channel) {}
    CallEnd(const CallEnd& other) noexcept : channel_(other.channel_) {
        if (channel_ == nullptr) return;
        (channel_->*kCount).fetch_add(1, std::memory_order_relaxed);
        channel_->references.fetch_add(1, std::memory_order_relaxed);
    }
    CallEnd(CallEnd&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
    CallEnd& operator=(CallEnd other) noexcept {
        std::swap(channel_, other.channel_);
        return *this;
    }
    [[gnu::always_inline]] ~CallEnd() {
        if (channel_ != nullptr) park<kGone>(channel_);
    }
    // Gives the handle back before its time.
    void reset() noexcept { *this = CallEnd(); }
    // Whether it names a call channel. An empty handle may only be assigned to.
    explicit operator bool() const noexcept { return channel_ != nullptr; }

protected:
    CallChannel* channel_ = nullptr;
};

template <typename T>
inline constexpr bool kCallable = std::is_object_v<T> && !std::is_const_v<T> &&
                                  std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>;

}  // namespace detail

// May call.
template <typename Request, typename Response>
class [[nodiscard]] Caller : public detail::CallEnd<&detail::CallChannel::callers, &detail::call_caller_gone> {
    static_assert(detail::kCallable<Request> && detail::kCallable<Response>,
                  "a call channel carries objects that move and are destroyed without throwing");
    using Base = detail::CallEnd<&detail::CallChannel::callers, &detail::call_caller_gone>;
    static constexpr bool kBytes = std::is_trivially_copyable_v<Request>;

public:
    using Base::Base;

    // Sends the request, waits for the answer. An object is moved from only when a server takes it.
    [[nodiscard]] [[gnu::always_inline]] Result<Response> call(const Request& request) const noexcept
        requires(kBytes) {
        return call_with<&detail::call_wait>(const_cast<Request*>(&request), 0);
    }
    [[nodiscard]] [[gnu::always_inline]] Result<Response> call(Request&& request) const noexcept
        requires(!kBytes) {
        return call_with<&detail::call_wait>(&request, 0);
    }
    // The same, waiting at most so long.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<Response> call_for(
        const Request& request, std::chrono::duration<Rep, Period> most) const noexcept requires(kBytes) {
        return call_with<&detail::call_wait_for>(const_cast<Request*>(&request), detail::timeout_ns(most));
    }
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<Response> call_for(
        Request&& request, std::chrono::duration<Rep, Period> most) const noexcept requires(!kBytes) {
        return call_with<&detail::call_wait_for>(&request, detail::timeout_ns(most));
    }

private:
    template <detail::ParkFunction kCall>
    [[gnu::always_inline]] Result<Response> call_with(Request* request,
                                                      std::int64_t timeout_ns) const noexcept {
        Result<Response> result(Status::closed);
        detail::CallRequest call;
        call.timeout_ns = timeout_ns;
        call.channel = this->channel_;
        call.request = request;
        call.answer = detail::ResultAccess::storage(result);
        detail::park<kCall>(&call);
        if (__builtin_expect(call.state.status == Status::would_block, 0)) {
            call_from_thread<kCall>(request, timeout_ns, result);
        } else {
            detail::ResultAccess::set_status(result, call.state.status);
        }
        return result;
    }
    // Out of line: it is a thread's stack, not a coroutine's.
    template <detail::ParkFunction kCall>
    [[gnu::noinline, gnu::cold]] void call_from_thread(Request* request, std::int64_t timeout_ns,
                                                       Result<Response>& result) const noexcept {
        spawn("call", [this, request, timeout_ns, &result] {
            result = call_with<kCall>(request, timeout_ns);
        }).join();
    }
};

// A call that a server has taken. Whoever holds it may reply, once; when it goes unanswered, its caller is told `closed`.
template <typename Request, typename Response>
class [[nodiscard]] Call {
public:
    Call(Call&& other) noexcept
        : request(std::move(other.request)), taken_(std::exchange(other.taken_, {})) {}
    Call& operator=(Call&& other) noexcept {
        if (this != &other) {
            this->~Call();
            ::new (this) Call(std::move(other));
        }
        return *this;
    }
    [[gnu::always_inline]] ~Call() {
        if (taken_.channel == nullptr) return;
        detail::park<&detail::call_unanswered>(&taken_);
    }

    // Answers the caller; it then has its answer. `closed`: it waits no more (cancelled, or its time was over); nothing was sent. Does not wait.
    [[gnu::always_inline]] Result<void> reply(Response response) noexcept {
        constexpr bool kBytes = std::is_trivially_copyable_v<Response>;
        detail::AnswerRequest answer{&taken_, &response, kBytes ? sizeof(Response) : 0, Status::closed};
        detail::park<&detail::call_answer>(&answer);
        if constexpr (!kBytes) {
            if (answer.status == Status::ok) {
                ::new (answer.answer) Response(std::move(response));
                detail::park<&detail::call_answered>(&taken_);
            }
        }
        return answer.status;
    }
    // Whether reply() was not called yet.
    bool is_open() const noexcept { return taken_.channel != nullptr; }

    Request request;

private:
    friend class Server<Request, Response>;

    detail::TakenCall taken_;
};

// May take calls.
template <typename Request, typename Response>
class [[nodiscard]] Server : public detail::CallEnd<&detail::CallChannel::servers, &detail::call_server_gone> {
    using Base = detail::CallEnd<&detail::CallChannel::servers, &detail::call_server_gone>;
    using Taken = Call<Request, Response>;

public:
    using Base::Base;

    // The call that has waited longest. Waits while there is none. ok; closed: the last Caller is gone; cancelled.
    [[nodiscard]] [[gnu::always_inline]] Result<Taken> receive() const noexcept {
        return receive_with<&detail::call_receive, detail::ReceiveCallRequest>(0);
    }
    // ok, closed or would_block. Never waits.
    [[nodiscard]] [[gnu::always_inline]] Result<Taken> try_receive() const noexcept {
        return receive_with<&detail::call_try_receive, detail::ReceiveCallRequest>(0);
    }
    // ok, closed, cancelled or timed_out.
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<Taken> receive_for(
        std::chrono::duration<Rep, Period> most) const noexcept {
        return receive_with<&detail::call_receive_for, detail::TimedReceiveCallRequest>(
            detail::timeout_ns(most));
    }

private:
    template <detail::ParkFunction kReceive, typename ReceiveRequest>
    [[gnu::always_inline]] Result<Taken> receive_with(std::int64_t timeout_ns) const noexcept {
        constexpr bool kBytes = std::is_trivially_copyable_v<Request>;
        Result<Taken> result(Status::closed);
        Taken* const place = detail::ResultAccess::storage(result);
        ::new (&place->taken_) detail::TakenCall{this->channel_};
        ReceiveRequest received;
        received.call = &place->taken_;
        received.timeout_ns = timeout_ns;
        received.amount = kBytes ? sizeof(Request) : 0;
        do {
            if constexpr (kBytes) received.request = &place->request;
            detail::park<kReceive>(&received);
        } while (received.state.status == Status::ok && received.state.flag);
        if constexpr (!kBytes) {
            if (received.state.status == Status::ok) {
                ::new (&place->request) Request(std::move(*static_cast<Request*>(received.request)));
                detail::park<&detail::call_taken>(&place->taken_);
            }
        }
        detail::ResultAccess::set_status(result, received.state.status);
        return result;
    }
};

template <typename Request, typename Response>
CallChannelEnds<Request, Response> call_channel(std::string_view name, const Place& where) noexcept {
    detail::CallChannel* const channel = detail::make_call_channel(name, where);
    return {Caller<Request, Response>(channel), Server<Request, Response>(channel)};
}

}  // namespace cprime
