// Channels: queues that coroutines and threads share. Each item goes to one receiver.
//
//   auto [numbers, inbox] = cprime::make_channel<int>("numbers", 16);
//   cprime::spawn("count", [numbers = std::move(numbers)] { for (int i = 0; i < 100; ++i) numbers.send(i); });
//   while (auto number = inbox.receive()) use(*number);      // ends when the last sender is gone
//
// Capacity 0, the default: a sender waits until a receiver has taken its item. Capacity n: n items lie ready before senders
// wait. Who waits is served in the order of arrival, and gets the item directly.
//
// What may be done with a channel is the handle's type: Sender<T>, Receiver<T>, or Channel<T> for both. Handles are small
// (8 bytes), may be copied, and count: a channel closes with its last sender or its last receiver, and goes with its last
// handle. A handle moved into a coroutine at its spawn belongs to that coroutine; Coroscope takes from this who could still
// wake whom.
//
// Calls that wait park the coroutine; on a thread that is no worker they block the thread. They answer with a Result:
//   ok         the item was sent, or is here
//   closed     nothing was sent; or the channel is closed and empty
//   cancelled  it would have had to wait, and this coroutine has been asked to end
//
// T is nothrow-movable. Its moves and its destructor run on the stacks of those who send and receive, never under a lock; a move
// must not itself wait for anything.
//
// Thread: coroutines, and other threads while the Runtime lives. Sending and receiving through one handle object from several at
// once is safe, but Coroscope then knows only its last user: give each a copy. Tested in tests/unit/runtime, tests/model and tests/stress.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/park.h"
#include "cprime/result.h"

namespace cprime {

template <typename T>
class Channel;

namespace detail {

template <typename T>
struct ChannelNode {
    T item;
};

// Everything that handles of all three kinds can do; Sender, Receiver and Channel show what their right allows.
template <typename T, std::uint32_t kRights>
class Handle {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries objects");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "cprime channels: T must be movable and destructible without throwing");
    static constexpr bool kBytes = std::is_trivially_copyable_v<T>;

public:
    using value_type = T;

    // An empty handle, to be assigned to. Sending to or receiving from it ends the program.
    Handle() noexcept = default;
    Handle(const Handle& other) noexcept : id_(copy_handle(other.id_, kRights)) {}
    Handle(Handle&& other) noexcept : id_(adopt_handle(other.id_)) { other.id_ = 0; }
    Handle& operator=(const Handle& other) noexcept {
        if (this != &other) *this = Handle(other);
        return *this;
    }
    Handle& operator=(Handle&& other) noexcept {
        if (this != &other) {
            reset();
            id_ = adopt_handle(other.id_);
            other.id_ = 0;
        }
        return *this;
    }
    [[gnu::always_inline]] ~Handle() {
        if constexpr (kBytes) {
            park<&channel_release>(reinterpret_cast<void*>(id_));
        } else if (id_ != 0) {
            release_object_handle(id_);
        }
    }

    // Gives the handle back before its time. With the last sender's or receiver's the channel closes. Never waits.
    void reset() noexcept {
        if constexpr (kBytes) {
            park<&channel_release>(reinterpret_cast<void*>(id_));
        } else {
            release_object_handle(id_);
        }
        id_ = 0;
    }
    // Whether it names a channel.
    explicit operator bool() const noexcept { return id_ != 0; }
    // Counts of the channel, at one instant. Never waits.
    ChannelStatistics statistics() const noexcept { return channel_statistics(id_); }

protected:
    explicit Handle(HandleId id) noexcept : id_(id) {}
    HandleId id() const noexcept { return id_; }
    template <typename, std::uint32_t>
    friend class Handle;
    template <std::uint32_t kOtherRights>
    explicit Handle(const Handle<T, kOtherRights>& other) noexcept : id_(copy_handle(other.id_, kRights)) {}

    // Sends a copy. Waits while there is no room (unbuffered: no receiver).
    [[gnu::always_inline]] Result<void> send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<&channel_send_bytes>(item);
    }
    // Sends the item away; it is moved from only when the answer is ok.
    [[gnu::always_inline]] Result<void> send(T&& item) const noexcept requires(!kBytes) {
        if ((id_ & kBufferedBit) != 0) return send_node<&channel_send_bytes>(item);
        return send_frame<&channel_send_frame>(item);
    }
    // Sends a copy, made on the caller's stack.
    [[gnu::always_inline]] Result<void> send(const T& item) const
        requires(!kBytes && std::is_copy_constructible_v<T>) {
        T copy(item);
        return send(static_cast<T&&>(copy));
    }
    // As send(), but `would_block` instead of waiting.
    [[gnu::always_inline]] Result<void> try_send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<&channel_try_send_bytes>(item);
    }
    [[gnu::always_inline]] Result<void> try_send(T&& item) const noexcept requires(!kBytes) {
        if ((id_ & kBufferedBit) != 0) return send_node<&channel_try_send_bytes>(item);
        return send_frame<&channel_try_send_frame>(item);
    }

    // The oldest item. Waits while there is none; what was sent before the channel was closed is still delivered.
    [[gnu::always_inline]] Result<T> receive() const noexcept {
        Result<T> result;
        if constexpr (kBytes) {
            receive_bytes<&channel_receive_bytes>(result);
        } else if ((id_ & kBufferedBit) != 0) {
            receive_node<&channel_receive_bytes>(result);
        } else {
            receive_frame<&channel_receive_frame>(result);
        }
        return result;
    }
    // As receive(), but `would_block` instead of waiting.
    [[gnu::always_inline]] Result<T> try_receive() const noexcept {
        Result<T> result;
        if constexpr (kBytes) {
            receive_bytes<&channel_try_receive_bytes>(result);
        } else if ((id_ & kBufferedBit) != 0) {
            receive_node<&channel_try_receive_bytes>(result);
        } else {
            receive_frame<&channel_try_receive_frame>(result);
        }
        return result;
    }

    // Ends the channel for everybody: whoever waits is woken with `closed`, later sends answer `closed`, what is in the buffer
    // can still be received. Never waits; closing twice is no mistake.
    void close() const noexcept { close_channel(id_); }

private:
    // The three ways of channel_calls.h. Written out, member by member, without helpers and temporaries: without optimisation each
    // would take its place in the frame of whoever calls, and that frame may have 100 bytes.

    template <ParkFunction kCall>
    [[gnu::always_inline]] Result<void> send_bytes(const T& item) const noexcept {
        ChannelRequest request;
        request.handle = id_;
        request.item = const_cast<T*>(&item);
        park<kCall>(&request);
        Result<void> result;
        result.status_ = request.status;
        return result;
    }
    template <ParkFunction kCall>
    [[gnu::always_inline]] void receive_bytes(Result<T>& result) const noexcept {
        ChannelRequest request;
        request.handle = id_;
        request.item = &result.value_;
        park<kCall>(&request);
        result.status_ = request.status;
    }

    template <ParkFunction kCall>
    [[gnu::always_inline]] Result<void> send_node(T& item) const noexcept {
        NodeRequest memory{sizeof(ChannelNode<T>), alignof(ChannelNode<T>), nullptr};
        park<&channel_take_node>(&memory);
        auto* node = ::new (memory.node) ChannelNode<T>{static_cast<T&&>(item)};
        ChannelRequest request;
        request.handle = id_;
        request.item = &node;
        park<kCall>(&request);
        if (request.status != Status::ok) {  // the caller keeps what was not sent
            item.~T();
            ::new (&item) T(static_cast<T&&>(node->item));
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
        }
        return request.status;
    }
    template <ParkFunction kCall>
    [[gnu::always_inline]] void receive_node(Result<T>& result) const noexcept {
        ChannelNode<T>* node = nullptr;
        ChannelRequest request;
        request.handle = id_;
        request.item = &node;
        park<kCall>(&request);
        if (request.status == Status::ok) {
            ::new (&result.value_) T(static_cast<T&&>(node->item));
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
        }
        result.status_ = request.status;
    }

    template <ParkFunction kCall>
    [[gnu::always_inline]] Result<void> send_frame(T& item) const noexcept {
        ChannelRequest request;
        request.handle = id_;
        request.item = &item;
        park<kCall>(&request);
        if (request.status == Status::ok && request.link != 0) {
            ::new (request.peer()->item) T(static_cast<T&&>(item));
            park<&channel_complete>(&request);
        }
        return request.status;
    }
    template <ParkFunction kCall>
    [[gnu::always_inline]] void receive_frame(Result<T>& result) const noexcept {
        ChannelRequest request;
        request.handle = id_;
        request.item = &result.value_;
        park<kCall>(&request);
        if (request.status == Status::ok && request.link != 0) {
            ::new (&result.value_) T(static_cast<T&&>(*static_cast<T*>(request.peer()->item)));
            park<&channel_complete>(&request);
        }
        result.status_ = request.status;
    }

    HandleId id_ = 0;
};

template <typename T>
void destroy_node(void* node) {
    static_cast<ChannelNode<T>*>(node)->~ChannelNode<T>();
}
template <typename T>
ItemType item_type() {
    return {sizeof(T), std::is_trivially_copyable_v<T>,
            std::is_trivially_copyable_v<T> ? nullptr : &destroy_node<T>};
}

}  // namespace detail

// May send and close. Does not receive.
template <typename T>
class [[nodiscard]] Sender : public detail::Handle<T, detail::kMaySend> {
    using Base = detail::Handle<T, detail::kMaySend>;

public:
    Sender() noexcept = default;
    // The sending side of a channel that one holds both sides of.
    Sender(const Channel<T>& channel) noexcept;

    using Base::close;
    using Base::send;
    using Base::try_send;
};

// May receive. Does not send, does not close; the channel closes when the last receiver is gone.
template <typename T>
class [[nodiscard]] Receiver : public detail::Handle<T, detail::kMayReceive> {
    using Base = detail::Handle<T, detail::kMayReceive>;

public:
    Receiver() noexcept = default;
    Receiver(const Channel<T>& channel) noexcept;

    using Base::receive;
    using Base::try_receive;
};

// May do both, and is what a channel is made by. It counts as a sender and as a receiver: a coroutine that waits for the
// others to finish must not hold one.
template <typename T>
class [[nodiscard]] Channel : public detail::Handle<T, detail::kMaySend | detail::kMayReceive> {
    using Base = detail::Handle<T, detail::kMaySend | detail::kMayReceive>;

public:
    // A new channel. `name` is how Coroscope shows it ("" = by number); channels of one name share their totals. `capacity` in
    // items. Ends the program with a sentence when no Runtime lives.
    explicit Channel(std::string_view name = {}, std::uint32_t capacity = 0,
                     const Place& where = CPRIME_HERE) noexcept
        : Base(detail::make_channel_handle(name, capacity, detail::item_type<T>(), where)) {}

    Sender<T> sender() const noexcept { return Sender<T>(*this); }
    Receiver<T> receiver() const noexcept { return Receiver<T>(*this); }

    using Base::close;
    using Base::receive;
    using Base::send;
    using Base::try_receive;
    using Base::try_send;
};

template <typename T>
Sender<T>::Sender(const Channel<T>& channel) noexcept : Base(channel) {}
template <typename T>
Receiver<T>::Receiver(const Channel<T>& channel) noexcept : Base(channel) {}

template <typename T>
struct ChannelEnds {
    Sender<T> sender;
    Receiver<T> receiver;
};
// A new channel as its two ends: auto [sender, receiver] = make_channel<int>("name", 16).
template <typename T>
[[nodiscard]] ChannelEnds<T> make_channel(std::string_view name = {}, std::uint32_t capacity = 0,
                                          const Place& where = CPRIME_HERE) noexcept {
    const Channel<T> channel(name, capacity, where);
    return {channel.sender(), channel.receiver()};
}

}  // namespace cprime
