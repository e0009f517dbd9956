// Handle: what Sender, Receiver and Channel have in common; each of them shows what its right allows.
//
// Written out member by member, without helpers and temporaries: without optimisation each would take its place in the frame of whoever
// calls, and that frame may have 100 bytes. The three ways in which items cross are described in channel_calls.h.
//
// Thread: any that may call the runtime. Not part of the public interface; what its functions promise is said in channel.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/park.h"
#include "cprime/result.h"

namespace cprime::detail {

template <typename T>
struct ChannelNode {
    T item;
};

template <typename Rep, typename Period>
[[gnu::always_inline]] inline std::int64_t timeout_in_ns(std::chrono::duration<Rep, Period> duration) noexcept {
    const std::int64_t ns = std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
    return ns < 0 ? 0 : ns;
}

template <typename T, std::uint32_t kRights>
class Handle {
    static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries objects");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "cprime channels: T must be movable and destructible without throwing");
    static constexpr bool kBytes = std::is_trivially_copyable_v<T>;

public:
    using value_type = T;

    // An empty handle, to be assigned to. Sending to or receiving from it ends the program; in a select it is never ready.
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
            release_bytes_handle(id_);
        } else if (id_ != 0) {
            release_object_handle(id_);
        }
    }

    // Gives the handle back before its time. With the last sender's or receiver's the channel closes. Never waits.
    void reset() noexcept {
        if constexpr (kBytes) {
            release_bytes_handle(id_);
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
    template <typename, std::uint32_t>
    friend class Handle;
    friend struct HandleAccess;
    template <std::uint32_t kOtherRights>
    explicit Handle(const Handle<T, kOtherRights>& other) noexcept : id_(copy_handle(other.id_, kRights)) {}

    [[gnu::always_inline]] Result<void> send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<Waits::forever>(item);
    }
    [[gnu::always_inline]] Result<void> send(T&& item) const noexcept requires(!kBytes) {
        if ((id_ & kBufferedBit) != 0) return send_node<Waits::forever>(item);
        return send_frame<Waits::forever>(item);
    }
    [[gnu::always_inline]] Result<void> send(const T& item) const
        requires(!kBytes && std::is_copy_constructible_v<T>) {
        T copy(item);
        return send(static_cast<T&&>(copy));
    }
    [[gnu::always_inline]] Result<void> try_send(const T& item) const noexcept requires(kBytes) {
        return send_bytes<Waits::never>(item);
    }
    [[gnu::always_inline]] Result<void> try_send(T&& item) const noexcept requires(!kBytes) {
        if ((id_ & kBufferedBit) != 0) return send_node<Waits::never>(item);
        return send_frame<Waits::never>(item);
    }
    template <typename Rep, typename Period>
    [[gnu::always_inline]] Result<void> send_for(const T& item,
                                                 std::chrono::duration<Rep, Period> most) const noexcept
        requires(kBytes) {
        return send_bytes<Waits::until>(item, timeout_in_ns(most));
    }
    template <typename Rep, typename Period>
    [[gnu::always_inline]] Result<void> send_for(T&& item,
                                                 std::chrono::duration<Rep, Period> most) const noexcept
        requires(!kBytes) {
        if ((id_ & kBufferedBit) != 0) return send_node<Waits::until>(item, timeout_in_ns(most));
        return send_frame<Waits::until>(item, timeout_in_ns(most));
    }

    [[gnu::always_inline]] Result<T> receive() const noexcept {
        Result<T> result;
        if constexpr (kBytes) {
            receive_bytes<Waits::forever>(result);
        } else if ((id_ & kBufferedBit) != 0) {
            receive_node<Waits::forever>(result);
        } else {
            receive_frame<Waits::forever>(result);
        }
        return result;
    }
    [[gnu::always_inline]] Result<T> try_receive() const noexcept {
        Result<T> result;
        if constexpr (kBytes) {
            receive_bytes<Waits::never>(result);
        } else if ((id_ & kBufferedBit) != 0) {
            receive_node<Waits::never>(result);
        } else {
            receive_frame<Waits::never>(result);
        }
        return result;
    }
    template <typename Rep, typename Period>
    [[gnu::always_inline]] Result<T> receive_for(std::chrono::duration<Rep, Period> most) const noexcept {
        Result<T> result;
        if constexpr (kBytes) {
            receive_bytes<Waits::until>(result, timeout_in_ns(most));
        } else if ((id_ & kBufferedBit) != 0) {
            receive_node<Waits::until>(result, timeout_in_ns(most));
        } else {
            receive_frame<Waits::until>(result, timeout_in_ns(most));
        }
        return result;
    }

    void close() const noexcept { close_channel(id_); }

private:
    // Timeout...: a number of nanoseconds with Waits::until, else nothing, which takes no room either.
    template <Waits kWaits>
    using Request = std::conditional_t<kWaits == Waits::until, TimedChannelRequest, ChannelRequest>;

    // At once on the caller's own stack where that is possible.
    template <Side kSide, Waits kWaits>
    [[gnu::always_inline]] static void move_bytes(ChannelRequest& request) noexcept {
        if constexpr (kWaits == Waits::forever) {
            kSide == Side::send ? cprime_send(&request) : cprime_receive(&request);
            asm volatile("" ::: "memory");  // no jump, which would drop the caller's frame
        } else if (!(kSide == Side::send ? cprime_send_shortly(&request) : cprime_receive_shortly(&request))) {
            park<&channel_call<kSide, Items::bytes, kWaits>>(&request);
        }
    }

    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] Result<void> send_bytes(const T& item, Timeout... timeout_ns) const noexcept {
        Request<kWaits> request;
        request.handle = id_;
        request.item = const_cast<T*>(&item);
        ((request.timeout_ns = timeout_ns), ...);
        move_bytes<Side::send, kWaits>(request);
        Result<void> result;
        result.status_ = request.status;
        return result;
    }

    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] void receive_bytes(Result<T>& result, Timeout... timeout_ns) const noexcept {
        Request<kWaits> request;
        request.handle = id_;
        request.item = &result.value_;
        ((request.timeout_ns = timeout_ns), ...);
        move_bytes<Side::receive, kWaits>(request);
        result.status_ = request.status;
    }

    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] Result<void> send_node(T& item, Timeout... timeout_ns) const noexcept {
        NodeRequest memory{sizeof(ChannelNode<T>), alignof(ChannelNode<T>), nullptr};
        park<&channel_take_node>(&memory);
        auto* node = ::new (memory.node) ChannelNode<T>{static_cast<T&&>(item)};
        Request<kWaits> request;
        request.handle = id_;
        request.item = &node;
        ((request.timeout_ns = timeout_ns), ...);
        move_bytes<Side::send, kWaits>(request);
        if (request.status != Status::ok) {  // the caller keeps what was not sent
            item.~T();
            ::new (&item) T(static_cast<T&&>(node->item));
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
        }
        return request.status;
    }
    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] void receive_node(Result<T>& result, Timeout... timeout_ns) const noexcept {
        ChannelNode<T>* node = nullptr;
        Request<kWaits> request;
        request.handle = id_;
        request.item = &node;
        ((request.timeout_ns = timeout_ns), ...);
        move_bytes<Side::receive, kWaits>(request);
        if (request.status == Status::ok) {
            ::new (&result.value_) T(static_cast<T&&>(node->item));
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
        }
        result.status_ = request.status;
    }

    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] Result<void> send_frame(T& item, Timeout... timeout_ns) const noexcept {
        Request<kWaits> request;
        request.handle = id_;
        request.item = &item;
        ((request.timeout_ns = timeout_ns), ...);
        park<&channel_call<Side::send, Items::frames, kWaits>>(&request);
        if (request.status == Status::ok && request.link != 0) {
            ::new (request.peer()->item) T(static_cast<T&&>(item));
            park<&channel_complete>(&request);
        }
        return request.status;
    }
    template <Waits kWaits, typename... Timeout>
    [[gnu::always_inline]] void receive_frame(Result<T>& result, Timeout... timeout_ns) const noexcept {
        Request<kWaits> request;
        request.handle = id_;
        request.item = &result.value_;
        ((request.timeout_ns = timeout_ns), ...);
        park<&channel_call<Side::receive, Items::frames, kWaits>>(&request);
        if (request.status == Status::ok && request.link != 0) {
            ::new (&result.value_) T(static_cast<T&&>(*static_cast<T*>(request.peer()->item)));
            park<&channel_complete>(&request);
        }
        result.status_ = request.status;
    }

    HandleId id_ = 0;
};

// For select.h, which asks handles of every type for their channel.
struct HandleAccess {
    template <typename T, std::uint32_t kRights>
    [[gnu::always_inline]] static HandleId id(const Handle<T, kRights>& handle) noexcept {
        return handle.id_;
    }
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

}  // namespace cprime::detail
