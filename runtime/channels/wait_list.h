// Who waits on one side of a channel: coroutines, linked through their control blocks, and threads, beside them.
//
// Both lists are in order of arrival, and a ticket says who was first over both. A waiting request's `link` says whose it is:
//
//   coroutine   ticket:32 | index:31 | 1
//   thread      address of its WaitingThread (even)
//
//  All functions are called under
// the channel's lock; whoever has taken a waiter out has the sole right to wake it (scheduler/parking.h).
//
// The mark [channel.unlinked]: a coroutine that was taken out has itself as `previous`. Between that and make_ready() its record
// still says "parked here", and a canceller that comes in between must not take it out a second time.
#pragma once

#include <cstdint>

#include "runtime/channels/channel_tables.h"

namespace cprime::detail {

// A thread that is no worker, in a wait list; on its own stack.
struct WaitingThread : ThreadWaiter {
    std::uint32_t ticket = 0;
};

// A coroutine (thread == nullptr) or a thread that was taken out of a wait list.
struct Waiter {
    ChannelRequest* request = nullptr;  // in its frame
    ThreadWaiter* thread = nullptr;
    std::uint32_t coroutine = wire::kNone;

    // Whose request this is; it was taken out of a wait list, and not yet woken.
    static Waiter of(ChannelRequest& request) {
        if ((request.link & 1) == 0)
            return {&request, reinterpret_cast<WaitingThread*>(request.link), wire::kNone};
        return {&request, nullptr, static_cast<std::uint32_t>(request.link) >> 1};
    }

    // Identity of the coroutine; 0 for a thread.
    std::uint64_t identity() const {
        return thread != nullptr ? 0 : detail(coroutine).identity.load(std::memory_order_relaxed);
    }
};

// One side of a channel's wait lists.
class WaitList {
public:
    static WaitList senders(wire::ChannelRecord& record, ChannelState& state) {
        return {record.first_sender, record.last_sender, record.senders_waiting, state.sending,
                state.next_ticket};
    }
    static WaitList receivers(wire::ChannelRecord& record, ChannelState& state) {
        return {record.first_receiver, record.last_receiver, record.receivers_waiting, state.receiving,
                state.next_ticket};
    }

    bool empty() const {
        return first_.load(std::memory_order_relaxed) == wire::kNone && threads_.first == nullptr;
    }
    // Links at the end. A coroutine must have been suspended, with its request as `transfer`.
    void add_coroutine(std::uint32_t index, ChannelRequest& request);
    void add_thread(WaitingThread& waiter, ChannelRequest& request);
    // Takes out who has waited longest; not when empty. `waiting` is counted down: bracket it with a RecordChange.
    Waiter take_oldest();
    void remove_coroutine(std::uint32_t index);
    bool no_threads() const { return threads_.first == nullptr; }
    Waiter take_oldest_thread();

private:
    WaitList(std::atomic<std::uint32_t>& first, std::atomic<std::uint32_t>& last,
             std::atomic<std::uint32_t>& waiting, ThreadList& threads, std::uint32_t& next_ticket)
        : first_(first), last_(last), waiting_(waiting), threads_(threads), next_ticket_(next_ticket) {}

    std::atomic<std::uint32_t>& first_;
    std::atomic<std::uint32_t>& last_;
    std::atomic<std::uint32_t>& waiting_;
    ThreadList& threads_;
    std::uint32_t& next_ticket_;
};

// Whether a coroutine that seems to wait was taken out already. Before still_parked(): the acquire orders what that reads.
inline bool is_unlinked(std::uint32_t index) {
    return record(index).previous.load(std::memory_order_acquire) == index;  // [channel.unlinked]
}

}  // namespace cprime::detail
