// select: wait for one of several sends, receives, and a time limit; exactly one of them happens.
//
//   int number; std::string line;
//   switch (auto fired = cprime::select(cprime::on_receive(numbers, number),      // 0
//                                       cprime::on_send(outbox, std::move(line)),  // 1
//                                       cprime::on_timeout(20ms));                 // 2
//           fired.arm) {
//       case 0: if (fired) use(number); else numbers.reset(); break;               // not ok: that channel is closed
//       case 1: ...
//       case 2: ...                                                                // nothing happened in time
//   }
//
// Arms are numbered by their position. Of several that are ready one is drawn, each as likely as the others. When none is ready the
// coroutine parks on all of them at once; with the one that fires the others are taken back. `otherwise()` as an arm: nothing is
// waited for, and it fires when no other is ready.
//
//   fired.status   ok         the item of fired.arm was received, or sent
//                  closed     the channel of fired.arm is closed (and empty, for a receive)
//                  timed_out  fired.arm is the timeout's
//                  would_block  fired.arm is that of otherwise()
//                  cancelled  fired.arm is kNoArm: nothing was ready, and this coroutine has been asked to end
//
// An arm with an empty handle is never ready: reset() a handle to take its arm out of a loop. At most 32 arms.
// What an on_send arm did not send is still its owner's. What on_receive did not receive is untouched.
//
// Which arms of a select fire, and which are ready and passed over, is counted by its place in the source; Coroscope shows it.
//
// Stack: about 40 bytes an arm beside what each call takes, so that a Micro coroutine has room for two in optimised code.
// Thread: any; one that is no worker is blocked, and answered `cancelled` where nothing could ever fire. Tested in tests/unit/runtime/select_test.cpp, tests/model and tests/stress.
#pragma once

#include <chrono>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "cprime/channel.h"

namespace cprime {

inline constexpr std::uint8_t kNoArm = detail::kNoArmFired;

// What a select did.
struct Selected {
    std::uint8_t arm;  // position of the arm; kNoArm when cancelled
    Status status;
    [[gnu::always_inline]] explicit operator bool() const noexcept { return status == Status::ok; }
};

namespace detail {

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
    [[gnu::always_inline]] void prepare() noexcept {}
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
    void prepare() noexcept {}
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
    [[gnu::always_inline]] void prepare() noexcept {}
    [[gnu::always_inline]] void finish(bool) noexcept {}
};
template <typename T>
struct SendArm<T, false> {
    static constexpr ArmKind kKind = ArmKind::send;
    ChannelRequest request;
    T* item;
    ChannelNode<T>* node = nullptr;
    bool buffered;
    SendArm(HandleId handle, T& what) noexcept : item(&what), buffered((handle & kBufferedBit) != 0) {
        request.handle = handle;
        request.item = item;
    }
    SendArm(const SendArm&) = delete;
    SendArm& operator=(const SendArm&) = delete;
    bool frames() const noexcept { return !buffered; }
    void prepare() noexcept {
        if (!buffered) return;
        NodeRequest memory{sizeof(ChannelNode<T>), alignof(ChannelNode<T>), nullptr};
        park<&channel_take_node>(&memory);
        node = ::new (memory.node) ChannelNode<T>{static_cast<T&&>(*item)};
        request.item = &node;
    }
    void finish(bool fired) noexcept {
        if (!buffered) {
            if (fired && request.link != 0) {
                ::new (request.peer()->item) T(static_cast<T&&>(*item));
                park<&channel_complete>(&request);
            }
        } else if (!fired) {
            item->~T();
            ::new (item) T(static_cast<T&&>(node->item));
            node->~ChannelNode<T>();
            park<&channel_give_node>(node);
        }
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
[[gnu::always_inline]] inline void describe_arm(SelectRequest& request, ChannelRequest** list, Arm& arm,
                                                std::uint8_t position) noexcept {
    if constexpr (Arm::kKind == ArmKind::timeout) {
        list[position] = nullptr;
        request.timeout_ns = arm.timeout_ns;
    } else if constexpr (Arm::kKind == ArmKind::otherwise) {
        list[position] = nullptr;
        request.timeout_ns = kDoNotWait;
    } else {
        arm.prepare();
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

}  // namespace detail

// An arm that receives the oldest item of a channel into `into`, which must be nothrow-move-assignable.
template <typename T, std::uint32_t kRights>
requires((kRights & detail::kMayReceive) != 0)
    [[gnu::always_inline]] inline auto on_receive(const detail::Handle<T, kRights>& from, T& into) noexcept {
    static_assert(std::is_nothrow_move_assignable_v<T>,
                  "what a select receives is assigned without throwing");
    return detail::ReceiveArm<T>(detail::HandleAccess::id(from), into);
}
// An arm that sends an item, which stays where it is, and untouched, unless the arm fires with ok.
template <typename T, std::uint32_t kRights>
requires((kRights & detail::kMaySend) != 0 && std::is_trivially_copyable_v<T>)
    [[gnu::always_inline]] inline auto on_send(const detail::Handle<T, kRights>& to,
                                               const std::type_identity_t<T>& item) noexcept {
    return detail::SendArm<T>(detail::HandleAccess::id(to), item);
}
template <typename T, std::uint32_t kRights>
requires((kRights & detail::kMaySend) != 0 && !std::is_trivially_copyable_v<T>)
    [[gnu::always_inline]] inline auto on_send(const detail::Handle<T, kRights>& to,
                                               std::type_identity_t<T>&& item) noexcept {
    return detail::SendArm<T>(detail::HandleAccess::id(to), item);
}
// An arm that fires when none has for so long. At most one, and not beside otherwise().
template <typename Rep, typename Period>
[[gnu::always_inline]] inline detail::TimeoutArm on_timeout(std::chrono::duration<Rep, Period> most) noexcept {
    return {detail::timeout_in_ns(most)};
}
// An arm that fires at once when no other is ready.
[[gnu::always_inline]] inline detail::OtherwiseArm otherwise() noexcept {
    return {};
}

// Waits until one of the arms happens; see the top of this file.
template <typename... Arms>
requires(sizeof...(Arms) > 0 && (requires { std::remove_reference_t<Arms>::kKind; } && ...))
    [[gnu::always_inline]] inline Selected select(Arms&&... arms) noexcept {
    static_assert(sizeof...(Arms) <= detail::kSelectArmsMax, "a select has at most 32 arms");
    static_assert((0 + ... + (detail::kOnChannel<Arms> ? 0 : 1)) <= 1,
                  "a select has at most one of on_timeout() and otherwise()");
    detail::ChannelRequest* list[sizeof...(Arms)];
    detail::SelectRequest request;
    request.arms = list;
    request.receives = request.frames = 0;
    request.timeout_ns = detail::kWaitForEver;
    request.count = sizeof...(Arms);
    std::uint8_t position = 0;
    (detail::describe_arm(request, list, arms, position++), ...);
    detail::park<&detail::channel_select>(&request);
    position = 0;
    (detail::finish_arm(request, arms, position++), ...);
    return {request.fired, request.status};
}

}  // namespace cprime
