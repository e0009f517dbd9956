// Who waits on one side of a channel, in order of arrival.
//
// A waiter is a coroutine, linked through its control block, or an arm (arms.h), linked through its record. One number names either:
//
//   coroutine   its index
//   arm         kArmBit | its index
//
// and a request that waits carries it as `link`: number << 1 | 1.
//
// All functions are called under the channel's lock. Whoever has taken a coroutine, or the arm of a thread, out has the sole right to wake
// it; an arm of a select must be claimed besides (take_oldest does both). An arm whose select was claimed elsewhere stays in the list until its
// claimer takes it out, or until it is met here.
//
// The mark [channel.unlinked]: who stands in no list has itself as `previous`. For a coroutine, between that and make_ready() its record
// still says "parked here", and a canceller that comes in between must not take it out a second time.
#pragma once

#include <cstdint>

#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"

namespace cprime::detail {

// Somebody who was taken out of a wait list, and not yet woken.
struct Waiter {
    ChannelRequest* request = nullptr;  // in its frame
    std::uint32_t number = wire::kNone;

    static Waiter of(ChannelRequest& request) {
        return {&request, static_cast<std::uint32_t>(request.link >> 1)};
    }
    bool is_arm() const { return (number & kArmBit) != 0; }
    std::uint32_t arm() const { return number & ~kArmBit; }
    // Index of the coroutine; kNone for a thread.
    std::uint32_t coroutine() const {
        return is_arm() ? g_arms.record(arm()).coroutine.load(std::memory_order_relaxed) : number;
    }
    // Its identity; 0 for a thread.
    std::uint64_t identity() const {
        const std::uint32_t index = coroutine();
        return index == wire::kNone ? 0 : detail(index).identity.load(std::memory_order_relaxed);
    }
};

// One side of a channel's wait lists.
class WaitList {
public:
    static WaitList senders(wire::ChannelRecord& record) {
        return {record.first_sender, record.last_sender, record.senders_waiting};
    }
    static WaitList receivers(wire::ChannelRecord& record) {
        return {record.first_receiver, record.last_receiver, record.receivers_waiting};
    }

    // Nobody stands here, not even an arm that was claimed elsewhere.
    bool empty() const { return first_.load(std::memory_order_relaxed) == wire::kNone; }
    // Whether somebody can be taken out: takes out what was claimed elsewhere and stands before. A change of the record.
    bool anybody();
    // Links at the end. A coroutine must have been suspended, with its request as `transfer`. `waiting` counts coroutines: bracket
    // it with a RecordChange, here and below.
    void add(std::uint32_t number, ChannelRequest& request);
    // The same for a coroutine, whose record that is; without a call where nobody stands here.
    [[gnu::always_inline]] void add_coroutine(std::uint32_t index, wire::CoroutineRecord& self,
                                              ChannelRequest& request) {
        if (__builtin_expect(!empty(), 0)) return add(index, request);
        request.link = std::uint64_t{index} << 1 | 1;
        self.next.store(wire::kNone, std::memory_order_relaxed);
        self.previous.store(wire::kNone, std::memory_order_release);  // [channel.unlinked]
        first_.store(index, std::memory_order_relaxed);
        last_.store(index, std::memory_order_relaxed);
        RecordChange::add(waiting_, 1U);
    }
    // Takes out who has waited longest, claimed if it is an arm of a select; `request` is null when there is nobody.
    Waiter take_oldest();
    // The same for the oldest thread that waits for this channel only.
    Waiter take_oldest_thread();
    void remove(std::uint32_t number);

private:
    WaitList(wire::shown<std::uint32_t>& first, wire::shown<std::uint32_t>& last,
             wire::shown<std::uint32_t>& waiting)
        : first_(first), last_(last), waiting_(waiting) {}

    wire::shown<std::uint32_t>& first_;
    wire::shown<std::uint32_t>& last_;
    wire::shown<std::uint32_t>& waiting_;
};

// Whether a coroutine that seems to wait was taken out already. Before still_parked(): the acquire orders what that reads.
inline bool is_unlinked(std::uint32_t index) {
    return record(index).previous.load(std::memory_order_acquire) == index;  // [channel.unlinked]
}
inline bool is_arm_unlinked(std::uint32_t arm) {
    return g_arms.record(arm).previous.load(std::memory_order_relaxed) == (kArmBit | arm);
}

}  // namespace cprime::detail
