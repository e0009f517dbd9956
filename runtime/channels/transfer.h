// How an item goes from one side of a channel to the other, once it is decided that it does. Under the channel's lock, all of it.
//
// Place: operations.cpp (one channel) and select.cpp (several) decide; nobody else includes this.
// Thread: on a worker's stack, or on a thread that is none.
#pragma once

#include <cstring>

#include "runtime/channels/access.h"

namespace cprime::detail {

// Copies an item behind the others / takes the oldest out. `length` is the caller's to change.
inline std::byte* cell(const Found& channel, std::uint64_t position) {
    return channel.state.buffer + position * channel.state.cell_bytes;
}
inline void copy_item(void* to, const void* from, std::uint32_t bytes) {
    if (__builtin_expect(bytes == sizeof(std::uint64_t), 1)) {
        std::memcpy(to, from, sizeof(std::uint64_t));
    } else {
        std::memcpy(to, from, bytes);
    }
}
inline void store_last(const Found& channel, const void* item) {
    const std::uint64_t capacity = channel.record.capacity;
    const std::uint64_t end = std::uint64_t{channel.state.head} +
                              channel.record.length.load(std::memory_order_relaxed);
    copy_item(cell(channel, end < capacity ? end : end - capacity), item, channel.state.cell_bytes);
}
inline void load_first(const Found& channel, void* item) {
    ChannelState& state = channel.state;
    copy_item(item, cell(channel, state.head), state.cell_bytes);
    state.head = state.head + 1 == channel.record.capacity ? 0 : state.head + 1;
}

// A call ended without a word to anybody else, or the item was copied to `other`, who must be woken once the lock is let go: frames leave that to
// the caller's wrapper, which moves the item first.
struct Moved {
    Status status = Status::would_block;
    Waiter other = {};
};

// Straight from one side to the other: one is the caller's doing, the other is done on behalf of whoever has waited longest in `list`, and is
// returned, taken out; without a request when there is nobody. Counts and events of both.
inline Waiter hand_over(Worker* worker, const Found& channel, WaitList list, bool other_receives,
                        std::uint64_t stamp) {
    const RecordChange change(channel.record);
    const Waiter other = list.take_oldest();
    if (other.request == nullptr) return other;
    RecordChange::add(channel.record.sent, std::uint64_t{1});
    const std::uint32_t send = change.operation();
    RecordChange::add(channel.record.received, std::uint64_t{1});
    const std::uint32_t receive = change.operation();
    if (emit::listening(wire::kCategoryChannel)) {
        emit::RingWriter* ring = ring_for(worker);
        const std::uint64_t identity = other.identity();
        const std::uint32_t index = other.coroutine();
        emit::probe::channel_send(ring, stamp, channel.index, send, true, other_receives ? 0 : identity, index);
        emit::probe::channel_receive(ring, stamp, channel.index, receive, true, other_receives ? identity : 0, index);
    }
    return other;
}

// Sends the request's item if that can be done at once; else would_block.
template <Items kItems>
Moved try_send(Worker* worker, const Found& channel, ChannelRequest& request, std::uint64_t stamp) {
    if (channel.closed()) return {Status::closed};
    if (WaitList receivers = channel.receivers(); !receivers.empty()) {
        const Waiter receiver = hand_over(worker, channel, receivers, true, stamp);
        if (receiver.request != nullptr) {
            if constexpr (kItems == Items::bytes) {
                copy_item(receiver.request->item, request.item, channel.state.cell_bytes);
                tell(receiver, Status::ok);
            }
            return {Status::ok, receiver};
        }
    }
    if (channel.record.length.load(std::memory_order_relaxed) >= channel.record.capacity) return {};
    store_last(channel, request.item);
    std::uint32_t operation = 0;
    {
        const RecordChange change(channel.record);
        RecordChange::add(channel.record.length, 1U);
        RecordChange::add(channel.record.sent, std::uint64_t{1});
        operation = change.operation();
    }
    emit::probe::channel_send(ring_for(worker), stamp, channel.index, operation);
    return {Status::ok};
}

// The oldest item of the buffer; then whoever waited to send it may put its item behind the others.
inline Moved receive_buffered(Worker* worker, const Found& channel, ChannelRequest& request,
                              std::uint64_t stamp) {
    load_first(channel, request.item);
    std::uint32_t operation = 0;
    {
        const RecordChange change(channel.record);
        RecordChange::add(channel.record.length, ~0U);
        RecordChange::add(channel.record.received, std::uint64_t{1});
        operation = change.operation();
    }
    emit::probe::channel_receive(ring_for(worker), stamp, channel.index, operation);
    WaitList senders = channel.senders();
    if (senders.empty()) return {Status::ok};
    Waiter sender;
    {
        const RecordChange change(channel.record);
        sender = senders.take_oldest();
        if (sender.request == nullptr) return {Status::ok};
        store_last(channel, sender.request->item);
        RecordChange::add(channel.record.length, 1U);
        RecordChange::add(channel.record.sent, std::uint64_t{1});
        operation = change.operation();
    }
    emit::probe::channel_send(ring_for(worker), stamp, channel.index, operation, false, sender.identity(),
                              sender.coroutine());
    tell(sender, Status::ok);
    return {Status::ok, sender};
}

// Receives into the request's item if that can be done at once; else would_block.
template <Items kItems>
Moved try_receive(Worker* worker, const Found& channel, ChannelRequest& request, std::uint64_t stamp) {
    if (channel.record.length.load(std::memory_order_relaxed) != 0)
        return receive_buffered(worker, channel, request, stamp);
    if (WaitList senders = channel.senders(); !senders.empty()) {
        const Waiter sender = hand_over(worker, channel, senders, false, stamp);
        if (sender.request != nullptr) {
            if constexpr (kItems == Items::bytes) {
                copy_item(request.item, sender.request->item, channel.state.cell_bytes);
                tell(sender, Status::ok);
            }
            return {Status::ok, sender};
        }
    }
    return {channel.closed() ? Status::closed : Status::would_block};
}

}  // namespace cprime::detail
