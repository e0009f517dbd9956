// What each arm of a select puts into its caller's frame, how it tells the runtime of it, and what it does once the select has ended.
//
// Items cross in the three ways of channel_calls.h. Objects are assigned, moved and put back here, on the caller's own stack: those of a
// buffered channel travel in a node, which must be filled before it is known whether it will be sent; from there an item that was not sent
// goes back.
//
// Thread: any that may call the runtime. Not part of the public interface; what arms promise is said in select.h. Tested in
// tests/unit/runtime/select_items_test.cpp.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/channel_handle.h"
#include "cprime/detail/park.h"

namespace cprime::detail {

enum class ArmKind : std::uint8_t { send, receive, timeout, otherwise };

// Receives T by assigning to `into`. Other items than bytes arrive in the arm and are assigned from there.
template <typename T, bool kBytes = std::is_trivially_copyable_v<T>>
struct ReceiveArm {
    static constexpr ArmKind kKind = ArmKind::receive;
    static constexpr bool kFrames = false;
    ChannelRequest request;
    [[gnu::always_inline]] ReceiveArm(HandleId handle, T& into) noexcept {
        request.handle = handle;
        request.item = &into;
    }
    [[gnu::always_inline]] bool frames() const noexcept { return false; }
    [[gnu::always_inline]] void finish(bool) noexcept {}
};
template <typename T>
struct ReceiveArm<T, false> {
    static constexpr ArmKind kKind = ArmKind::receive;
    ChannelRequest request;
    T* into;
    union {
        T arrived;
        ChannelNode<T>* node;
    };
    bool buffered;
    ReceiveArm(HandleId handle, T& target) noexcept : into(&target), node(nullptr) {
        request.handle = handle;
        buffered = (handle & kBufferedBit) != 0;
        if (buffered) {
            request.item = &node;
        } else {
            request.item = &arrived;
        }
    }
    ReceiveArm(const ReceiveArm&) = delete;
    ReceiveArm& operator=(const ReceiveArm&) = delete;
    ~ReceiveArm() {}
    bool frames() const noexcept { return !buffered; }
    void finish(bool fired) noexcept {
        if (!fired) return;
        if (buffered) {
            *into = static_cast<T&&>(node->item);
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
            return;
        }
        if (request.link != 0) {
            *into = static_cast<T&&>(*static_cast<T*>(request.peer()->item));
            park<&channel_complete>(&request);
        } else {
            *into = static_cast<T&&>(arrived);
            arrived.~T();
        }
    }
};

template <typename T, bool kBytes = std::is_trivially_copyable_v<T>>
struct SendArm {
    static constexpr ArmKind kKind = ArmKind::send;
    ChannelRequest request;
    [[gnu::always_inline]] SendArm(HandleId handle, const T& item) noexcept {
        request.handle = handle;
        request.item = const_cast<T*>(&item);
    }
    [[gnu::always_inline]] bool frames() const noexcept { return false; }
    [[gnu::always_inline]] void finish(bool) noexcept {}
};
template <typename T>
struct SendArm<T, false> {
    static constexpr ArmKind kKind = ArmKind::send;
    enum class Outcome : std::uint8_t { kept, item_gone, node_gone };
    ChannelRequest request;
    T* item;                         // the caller's
    ChannelNode<T>* node = nullptr;  // where it is meanwhile, if any arm that sends it needs a node
    SendArm* keeper = nullptr;       // the arm that made the node, and takes it apart
    bool buffered;
    bool prepared = false;
    Outcome outcome = Outcome::kept;  // of the keeper
    SendArm(HandleId handle, T& what) noexcept : item(&what), buffered((handle & kBufferedBit) != 0) {
        request.handle = handle;
        request.item = item;
    }
    SendArm(const SendArm&) = delete;
    SendArm& operator=(const SendArm&) = delete;
    bool frames() const noexcept { return !buffered; }

    // One after the other in the order of the arms; `all` are those of the select. Where several send one object, the first that needs
    // a node makes it for all of them.
    template <typename... Arms>
    void prepare(Arms&... all) noexcept {
        (borrow_from(all), ...);
        if (buffered && keeper == nullptr) {
            NodeRequest memory{sizeof(ChannelNode<T>), alignof(ChannelNode<T>), nullptr};
            park<&channel_take_node>(&memory);
            node = ::new (memory.node) ChannelNode<T>{static_cast<T&&>(*item)};
            keeper = this;
            (lend_to(all), ...);
        }
        if (keeper != nullptr) request.item = buffered ? static_cast<void*>(&node) : &node->item;
        prepared = true;
    }
    template <typename Other>
    void borrow_from(Other& other) noexcept {
        if constexpr (std::is_same_v<Other, SendArm>) {
            if (!other.prepared || other.item != item || other.keeper == nullptr) return;
            keeper = other.keeper;
            node = keeper->node;
        }
    }
    template <typename Other>
    void lend_to(Other& other) noexcept {
        if constexpr (std::is_same_v<Other, SendArm>) {
            if (!other.prepared || other.item != item) return;
            other.keeper = this;
            other.node = node;
            other.request.item = &node->item;
        }
    }

    void finish(bool fired) noexcept {
        if (!fired) return;
        if (!buffered && request.link != 0) {
            ::new (request.peer()->item) T(static_cast<T&&>(*static_cast<T*>(request.item)));
            park<&channel_complete>(&request);
        }
        if (keeper != nullptr) keeper->outcome = buffered ? Outcome::node_gone : Outcome::item_gone;
    }
    // After finish() of all arms: what was not sent goes back to where it came from.
    void settle() noexcept {
        if (keeper != this || outcome == Outcome::node_gone) return;
        if (outcome == Outcome::kept) {
            item->~T();
            ::new (item) T(static_cast<T&&>(node->item));
        }
        node->~ChannelNode<T>();
        park<&channel_give_node>(node);
    }
};

struct TimeoutArm {
    static constexpr ArmKind kKind = ArmKind::timeout;
    std::int64_t timeout_ns;
};
struct OtherwiseArm {
    static constexpr ArmKind kKind = ArmKind::otherwise;
};

template <typename Arm>
inline constexpr bool kOnChannel = std::remove_reference_t<Arm>::kKind <= ArmKind::receive;

template <typename Arm>
inline constexpr bool kSendsObject = requires(Arm& arm) {
    arm.settle();
};

template <typename Arm, typename... Arms>
[[gnu::always_inline]] inline void describe_arm(SelectRequest& request, ChannelRequest** list, Arm& arm,
                                                std::uint8_t position, [[maybe_unused]] Arms&... all) noexcept {
    if constexpr (Arm::kKind == ArmKind::timeout) {
        list[position] = nullptr;
        request.timeout_ns = arm.timeout_ns;
    } else if constexpr (Arm::kKind == ArmKind::otherwise) {
        list[position] = nullptr;
        request.timeout_ns = kDoNotWait;
    } else {
        if constexpr (kSendsObject<Arm>) arm.prepare(all...);
        list[position] = &arm.request;
        if (Arm::kKind == ArmKind::receive) request.receives |= 1U << position;
        if (arm.frames()) request.frames |= 1U << position;
    }
}
template <typename Arm>
[[gnu::always_inline]] inline void finish_arm(SelectRequest& request, Arm& arm,
                                              std::uint8_t position) noexcept {
    if constexpr (Arm::kKind == ArmKind::timeout) {
        if (request.status == Status::timed_out) request.fired = position;
    } else if constexpr (Arm::kKind == ArmKind::otherwise) {
        if (request.status == Status::would_block) request.fired = position;
    } else {
        arm.finish(request.fired == position && request.status == Status::ok);
    }
}
template <typename Arm>
[[gnu::always_inline]] inline void settle_arm([[maybe_unused]] Arm& arm) noexcept {
    if constexpr (kSendsObject<Arm>) arm.settle();
}

}  // namespace cprime::detail
