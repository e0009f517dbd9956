// Broadcast: every message goes to everybody who has subscribed.
//
//   cprime::Broadcast<Price> prices("prices", 64);
//   cprime::spawn_detached("watch", [inbox = prices.subscribe()]() mutable {
//       while (auto price = inbox.receive()) show(*price);    // ends when the last Broadcast handle is gone
//   });
//   prices.send(price);
//
// A subscriber gets what is sent after it has subscribed, in order, until it goes. The last `capacity` items are kept for those who are slower.
// When one of them lags that far behind,
//   BroadcastMode::waits    send() waits for it; so the slowest sets the pace, and nobody misses anything
//   BroadcastMode::lagging  send() never waits: the oldest item goes, and whoever had not got it yet learns from missed() how many it has lost
// With nobody subscribed an item is gone at once, and send() says ok.
//
// Calls answer with a Result: ok; closed (receive: and nothing is left); cancelled: it would have had to wait, and this coroutine has been asked to
// end; would_block from try_…; timed_out from …_for. Closing wakes everybody.
//
// T is copied for each subscriber but the last, which gets the item itself; T is nothrow-movable. Copies, moves and destructors run on the stacks of
// those who send and receive, never under a lock. A Broadcast handle may be copied, and used by several at once; a Subscriber is one coroutine's (or
// thread's) at a time. Coroscope shows who waits for items, and who for room, as two condition variables of that name.
//
// Thread: coroutines, and other threads while the Runtime lives; those block. Tested in tests/unit/runtime/broadcast_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/broadcast_calls.h"
#include "cprime/result.h"

namespace cprime {

enum class BroadcastMode : std::uint8_t { waits, lagging };

template <typename T>
class Broadcast;

// One that gets every item. Move-only; unsubscribes when it goes.
template <typename T>
class [[nodiscard]] Subscriber {
    static constexpr bool kBytes = std::is_trivially_copyable_v<T>;
    using Waits = detail::Waits;

public:
    Subscriber() noexcept = default;
    Subscriber(Subscriber&& other) noexcept : place_(std::exchange(other.place_, {})) {}
    Subscriber& operator=(Subscriber&& other) noexcept {
        if (this != &other) {
            unsubscribe();
            place_ = std::exchange(other.place_, {});
        }
        return *this;
    }
    [[gnu::always_inline]] ~Subscriber() { unsubscribe(); }

    // The next item. Waits while there is none. Throws what copying T throws; the item counts as received then.
    [[nodiscard]] [[gnu::always_inline]] Result<T> receive() noexcept(kBytes) {
        return receive_with<Waits::forever, detail::BroadcastRequest>(0);
    }
    [[nodiscard]] [[gnu::always_inline]] Result<T> try_receive() noexcept(kBytes) {
        return receive_with<Waits::never, detail::BroadcastRequest>(0);
    }
    template <typename Rep, typename Period>
    [[nodiscard]] [[gnu::always_inline]] Result<T> receive_for(
        std::chrono::duration<Rep, Period> most) noexcept(kBytes) {
        return receive_with<Waits::until, detail::TimedBroadcastRequest>(detail::timeout_ns(most));
    }
    // How many items were gone before it came for them, all in all; as receive() last saw it.
    std::uint64_t missed() const noexcept { return place_.missed; }
    // Wants no more. Never waits.
    [[gnu::always_inline]] void unsubscribe() noexcept {
        if (place_.channel == nullptr) return;
        detail::BroadcastRequest request;
        request.subscription = &place_;
        detail::park<&detail::broadcast_unsubscribe>(&request);
        if constexpr (!kBytes) {
            for (auto* node = static_cast<detail::BroadcastNode*>(request.item); node != nullptr;)
                detail::let_node_go<T>(std::exchange(node, node->next));
        }
    }
    // Whether it is subscribed. One that is not may only be assigned to.
    explicit operator bool() const noexcept { return place_.channel != nullptr; }

private:
    friend class Broadcast<T>;

    template <Waits kWaits, typename Request>
    [[gnu::always_inline]] Result<T> receive_with(std::int64_t timeout_ns) noexcept(kBytes) {
        Result<T> result(Status::closed);
        Request request;
        request.timeout_ns = timeout_ns;
        request.subscription = &place_;
        do {
            request.item = detail::ResultAccess::storage(result);
            detail::park<&detail::broadcast_receive<kWaits>>(&request);
        } while (request.state.flag && request.state.status == Status::ok);
        if constexpr (!kBytes) {
            if (request.state.status != Status::ok) return request.state.status;
            copy_item(static_cast<detail::BroadcastItem<T>*>(request.item),
                      detail::ResultAccess::storage(result));
        }
        detail::ResultAccess::set_status(result, request.state.status);
        return result;
    }
    static void copy_item(detail::BroadcastItem<T>* node, T* into) {
        struct LetGo {
            detail::BroadcastNode* node;
            ~LetGo() { detail::let_node_go<T>(node); }
        } end{node};
        // Acquire: with one reference left it is ours, and all others have copied.
        if (node->references.load(std::memory_order_acquire) == 1) {
            ::new (into) T(std::move(node->item));
        } else {
            ::new (into) T(std::as_const(node->item));
        }
    }

    detail::Subscription place_;
};

// The sending side.
template <typename T>
class [[nodiscard]] Broadcast {
    static_assert(std::is_object_v<T> && std::is_copy_constructible_v<T> &&
                      std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "a broadcast copies its items, and moves and destroys them without throwing");
    static constexpr bool kBytes = std::is_trivially_copyable_v<T>;
    using Waits = detail::Waits;

public:
    // `name`: how Coroscope shows it ("" = by number). `capacity`: items that the slowest subscriber may lag behind, at least 1. Ends the program
    // with a sentence when no Runtime lives.
    explicit Broadcast(std::string_view name = {}, std::uint32_t capacity = 16,
                       BroadcastMode mode = BroadcastMode::waits, const Place& where = CPRIME_HERE) noexcept
        : channel_(detail::make_broadcast(name, capacity, kBytes ? sizeof(T) : 0,
                                          mode == BroadcastMode::lagging, where)) {}
    Broadcast(const Broadcast& other) noexcept : channel_(other.channel_) {
        if (channel_ == nullptr) return;
        channel_->senders.fetch_add(1, std::memory_order_relaxed);
        channel_->references.fetch_add(1, std::memory_order_relaxed);
    }
    Broadcast(Broadcast&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
    Broadcast& operator=(Broadcast other) noexcept {
        std::swap(channel_, other.channel_);
        return *this;
    }
    [[gnu::always_inline]] ~Broadcast() {
        if (channel_ != nullptr) detail::park<&detail::broadcast_sender_gone>(channel_);
    }

    // Gets everything that is sent from now on.
    Subscriber<T> subscribe() const noexcept {
        Subscriber<T> made;
        made.place_.channel = channel_;
        detail::park<&detail::broadcast_subscribe>(&made.place_);
        return made;
    }
    // Ends it for everybody: who waits is woken, later sends answer `closed`, what was sent can still be received. Never waits.
    void close() const noexcept { detail::park<&detail::broadcast_close>(channel_); }

    // To everybody. Waits for the slowest, unless it may lag. An object is moved from only when the answer is ok.
    [[gnu::always_inline]] Result<void> send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<Waits::forever, detail::BroadcastRequest>(item, 0);
    }
    [[gnu::always_inline]] Result<void> send(T&& item) const noexcept requires(!kBytes) {
        return send_node<Waits::forever, detail::BroadcastRequest>(item, 0);
    }
    [[gnu::always_inline]] Result<void> send(const T& item) const requires(!kBytes) {
        T copy(item);
        return send(std::move(copy));
    }
    [[gnu::always_inline]] Result<void> try_send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<Waits::never, detail::BroadcastRequest>(item, 0);
    }
    [[gnu::always_inline]] Result<void> try_send(T&& item) const noexcept requires(!kBytes) {
        return send_node<Waits::never, detail::BroadcastRequest>(item, 0);
    }
    template <typename Rep, typename Period>
    [[gnu::always_inline]] Result<void> send_for(const T& item,
                                                 std::chrono::duration<Rep, Period> most) const noexcept
        requires(kBytes) {
        return send_bytes<Waits::until, detail::TimedBroadcastRequest>(item, detail::timeout_ns(most));
    }
    template <typename Rep, typename Period>
    [[gnu::always_inline]] Result<void> send_for(T&& item,
                                                 std::chrono::duration<Rep, Period> most) const noexcept
        requires(!kBytes) {
        return send_node<Waits::until, detail::TimedBroadcastRequest>(item, detail::timeout_ns(most));
    }

private:
    template <Waits kWaits, typename Request>
    [[gnu::always_inline]] Result<void> send_bytes(const T& item, std::int64_t timeout_ns) const noexcept {
        Request request;
        request.timeout_ns = timeout_ns;
        request.channel = channel_;
        request.item = const_cast<T*>(&item);
        do {
            detail::park<&detail::broadcast_send<kWaits>>(&request);
        } while (request.state.flag && request.state.status == Status::ok);
        return request.state.status;
    }
    template <Waits kWaits, typename Request>
    Result<void> send_node(T& item, std::int64_t timeout_ns) const noexcept {
        using Item = detail::BroadcastItem<T>;
        detail::NodeRequest memory{sizeof(Item), alignof(Item), nullptr};
        detail::park<&detail::channel_take_node>(&memory);
        auto* const node = ::new (memory.node) Item(std::move(item));
        Request request;
        request.timeout_ns = timeout_ns;
        request.channel = channel_;
        do {
            request.item = static_cast<detail::BroadcastNode*>(node);
            detail::park<&detail::broadcast_send<kWaits>>(&request);
        } while (request.state.flag && request.state.status == Status::ok);
        if (request.state.status != Status::ok) {  // the caller keeps what was not sent
            item.~T();
            ::new (&item) T(std::move(node->item));
            request.item = static_cast<detail::BroadcastNode*>(node);
        }
        if (request.item != nullptr)
            detail::let_node_go<T>(static_cast<detail::BroadcastNode*>(request.item));
        return request.state.status;
    }

    detail::BroadcastChannel* channel_;
};

}  // namespace cprime
