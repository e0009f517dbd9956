// What can be asked of a Coroutine<In, Out> whatever its types are: the public base of all of them.
//
// Thread: whoever may resume it; from inside its body as well.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cprime/detail/by_hand.h"
#include "cprime/priority.h"
#include "cprime/schedulable.h"
#include "cprime/size_class.h"

namespace cprime::detail {

class HandFacts {
public:
    // Whether its function has ended, by return or by an exception. True for an empty one.
    bool is_complete() const noexcept { return hand_ == nullptr; }
    // Of its stack; `unspecified` when complete, since it has none any more.
    ::cprime::size_class size_class() const noexcept {
        return hand_ == nullptr ? ::cprime::size_class::unspecified
                                : static_cast<::cprime::size_class>(hand_->size_class);
    }
    // As given when it was made; "" when complete.
    std::string_view name() const noexcept { return hand_ == nullptr ? std::string_view{} : hand_->name; }

    // Its own among those that are alive; 0 when complete.
    std::uint64_t id() const noexcept { return reinterpret_cast<std::uint64_t>(hand_); }
    // As given when it was made.
    ::cprime::priority priority() const noexcept {
        return hand_ == nullptr ? ::cprime::priority::normal
                                : static_cast<::cprime::priority>(hand_->priority);
    }
    coroutine_state state() const noexcept {
        if (hand_ == nullptr) return coroutine_state::complete;
        return hand_->state == HandState::kRunning ? coroutine_state::running : coroutine_state::resumable;
    }
    // Bytes from where it stands to its stack's end, what it captured included; 0 while it runs and when complete.
    std::size_t stack_used() const noexcept {
        return state() == coroutine_state::resumable
                   ? hand_->high - reinterpret_cast<std::uint64_t>(hand_->rsp)
                   : 0;
    }
    // Bytes; 0 when complete.
    std::size_t stack_size() const noexcept { return hand_ == nullptr ? 0 : hand_->high - hand_->low; }
    // Address at which it goes on; 0 while it runs and when complete.
    std::uint64_t resume_point() const noexcept {
        return state() == coroutine_state::resumable ? by_hand_resume_point(*hand_) : 0;
    }
    // When it was resumed last by somebody who keeps time: a HandScheduler, or whoever calls note_activity(). resume() itself, which
    // takes less time than a clock, does not. The epoch: nobody has.
    std::chrono::steady_clock::time_point last_activity() const noexcept {
        return std::chrono::steady_clock::time_point(
            std::chrono::nanoseconds(hand_ == nullptr ? 0 : hand_->last_activity_ns));
    }
    void note_activity(std::chrono::steady_clock::time_point when) noexcept {
        if (hand_ != nullptr) hand_->last_activity_ns = when.time_since_epoch().count();
    }

protected:
    ByHand* hand_ = nullptr;
};

}  // namespace cprime::detail
