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
// What an on_send arm did not send is still its owner's, and may stand in several arms: one of them takes it. What on_receive did not
// receive is untouched.
//
// Which arms of a select fire, and which are ready and passed over, is counted by its place in the source; Coroscope shows it.
//
// Stack: about 40 bytes an arm beside what each call takes, so that a Micro coroutine has room for two in optimised code.
// Thread: any; one that is no worker is blocked, and answered `cancelled` where nothing could ever fire. Tested in tests/unit/runtime/select_test.cpp, tests/model and tests/stress.
#pragma once

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "cprime/channel.h"
#include "cprime/detail/select_arms.h"

namespace cprime {

inline constexpr std::uint8_t kNoArm = detail::kNoArmFired;

// What a select did.
struct Selected {
    std::uint8_t arm;  // position of the arm; kNoArm when cancelled
    Status status;
    [[gnu::always_inline]] explicit operator bool() const noexcept { return status == Status::ok; }
};

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
    (detail::describe_arm(request, list, arms, position++, arms...), ...);
    detail::park<&detail::channel_select>(&request);
    position = 0;
    (detail::finish_arm(request, arms, position++), ...);
    (detail::settle_arm(arms), ...);
    return {request.fired, request.status};
}

}  // namespace cprime
