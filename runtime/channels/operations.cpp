// Send, receive and close.
//
// One lock per channel, held for a few dozen instructions and one copy. The order of things in each operation:
//   1  under the lock: decide, copy the item or name the peer, change the record (RecordChange), emit the channel's events
//   2  to wait: suspend_current(), link into the wait list, unlock, and touch nothing of the coroutine any more
//   3  else unlock, then wake whoever was served
// Channel events are emitted under the lock, so that their order in time is that of their operation numbers. Their stamps are ordered
// ones (rdtscp): each operation acquires what the one before it left.
//
// Invariants (beside C1..C3 of channel_tables.h)
//   O1  Senders wait only while the buffer is full and receivers only while it is empty, so never both (frames in transit excepted).
//   O2  A request is written by its owner until it is linked, then by the lock's holder until it is taken out, then by whoever
//       took it out until the owner is woken.
//
// Thread: on a worker's stack, or on a thread that is none (worker == nullptr), which blocks on a futex instead of parking.
// Tested in tests/unit/runtime/channel_*_test.cpp, tests/model/channel_model_test.cpp, tests/stress/channel_stress_test.cpp.
#include <cstring>

#include "runtime/channels/access.h"
#include "runtime/channels/channels.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
using wire::WaitReason;

std::byte* cell(const Found& channel, std::uint64_t position) {
    return channel.state.buffer + position * channel.state.cell_bytes;
}

// Copies an item behind the others / takes the oldest out. `length` is the caller's to change.
void store_last(const Found& channel, const void* item) {
    const std::uint64_t capacity = channel.record.capacity;
    const std::uint64_t end = std::uint64_t{channel.state.head} + channel.record.length.load(kRelaxed);
    std::memcpy(cell(channel, end < capacity ? end : end - capacity), item, channel.state.cell_bytes);
}
void load_first(const Found& channel, void* item) {
    ChannelState& state = channel.state;
    std::memcpy(item, cell(channel, state.head), state.cell_bytes);
    state.head = state.head + 1 == channel.record.capacity ? 0 : state.head + 1;
}

// An item goes from one side to the other: one is the caller's doing, the other is done on behalf of whoever has waited longest in
// `list` and is returned, taken out. Counts and events of both.
Waiter hand_over(Worker* worker, const Found& channel, WaitList list, bool other_receives,
                 std::uint64_t stamp) {
    const RecordChange change(channel.record);
    const Waiter other = list.take_oldest();
    RecordChange::add(channel.record.sent, std::uint64_t{1});
    const std::uint32_t send = change.operation();
    RecordChange::add(channel.record.received, std::uint64_t{1});
    const std::uint32_t receive = change.operation();
    if (emit::listening(wire::kCategoryChannel)) {
        emit::RingWriter* ring = ring_for(worker);
        const std::uint64_t identity = other.identity();
        emit::probe::channel_send(ring, stamp, channel.index, send, true, other_receives ? 0 : identity);
        emit::probe::channel_receive(ring, stamp, channel.index, receive, true, other_receives ? identity : 0);
    }
    return other;
}

// The caller waits in `list` until somebody serves, closes or cancels it. The lock is held at the call and let go in it.
ResumePoint wait_in(Worker* worker, std::uint32_t me, ChannelRequest& request, const Found& channel,
                    WaitList list, bool receives, std::uint64_t stamp) {
    const bool cancelled = worker != nullptr ? cancel_requested(me) : g_channels.threads_cancelled();
    if (cancelled) {
        channel.state.lock.unlock();
        request.status = Status::cancelled;
        return go_on(worker);
    }
    {
        const RecordChange change(channel.record);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_block(ring_for(worker), stamp, channel.index, operation, receives);
    }
    if (worker == nullptr) {
        WaitingThread waiter;
        list.add_thread(waiter, request);
        channel.state.lock.unlock();
        waiter.wait();
        return nullptr;
    }
    record(me).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, me, receives ? WaitReason::kChannelReceive : WaitReason::kChannelSend,
                         channel.index)) {
        channel.state.lock.unlock();
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    {
        const RecordChange change(channel.record);
        list.add_coroutine(me, request);
    }
    channel.state.lock.unlock();  // published: nothing of `me` or `request` is touched from here on
    return pick_next(*worker);
}

// The caller goes on, with this answer. `peer`: the side that waits for the caller to move the item.
ResumePoint answer(Worker* worker, const Found& channel, ChannelRequest& request, Status status,
                   ChannelRequest* peer = nullptr) {
    channel.state.lock.unlock();
    request.status = status;
    request.link = reinterpret_cast<std::uint64_t>(peer);
    return go_on(worker);
}

// Serves who waited: its request says `ok` and that there is nothing left to move. It is woken by the caller.
void finish(ChannelRequest& waiting) {
    waiting.status = Status::ok;
    waiting.link = 0;
}

enum class Items { kBytes, kFrames };

template <Items kItems, bool kMayWait>
ResumePoint send(Worker* worker, std::uint32_t me, ChannelRequest& request) {
    const Found channel = find_channel(request.handle, "send");
    note_user(request.handle, worker, me);
    channel.state.lock.lock();
    if (channel.closed()) return answer(worker, channel, request, Status::closed);
    const std::uint64_t stamp = emit::stamp_ordered();
    WaitList receivers = channel.receivers();
    if (!receivers.empty()) {
        const Waiter receiver = hand_over(worker, channel, receivers, true, stamp);
        if constexpr (kItems == Items::kFrames)
            return answer(worker, channel, request, Status::ok, receiver.request);
        std::memcpy(receiver.request->item, request.item, channel.state.cell_bytes);
        finish(*receiver.request);
        const ResumePoint next = answer(worker, channel, request, Status::ok);
        wake(worker, receiver, waker_kind(worker), stamp);
        return next;
    }
    if (channel.record.length.load(kRelaxed) < channel.record.capacity) {
        store_last(channel, request.item);
        std::uint32_t operation = 0;
        {
            const RecordChange change(channel.record);
            RecordChange::add(channel.record.length, 1U);
            RecordChange::add(channel.record.sent, std::uint64_t{1});
            operation = change.operation();
        }
        emit::probe::channel_send(ring_for(worker), stamp, channel.index, operation);
        return answer(worker, channel, request, Status::ok);
    }
    if constexpr (!kMayWait) return answer(worker, channel, request, Status::would_block);
    return wait_in(worker, me, request, channel, channel.senders(), false, stamp);
}

// The oldest item of the buffer; then whoever waited to send it may put its item behind the others.
ResumePoint receive_buffered(Worker* worker, const Found& channel, ChannelRequest& request,
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
    if (senders.empty()) return answer(worker, channel, request, Status::ok);
    Waiter sender;
    {
        const RecordChange change(channel.record);
        sender = senders.take_oldest();
        store_last(channel, sender.request->item);
        RecordChange::add(channel.record.length, 1U);
        RecordChange::add(channel.record.sent, std::uint64_t{1});
        operation = change.operation();
    }
    emit::probe::channel_send(ring_for(worker), stamp, channel.index, operation, false, sender.identity());
    finish(*sender.request);
    const ResumePoint next = answer(worker, channel, request, Status::ok);
    wake(worker, sender, waker_kind(worker), stamp);
    return next;
}

template <Items kItems, bool kMayWait>
ResumePoint receive(Worker* worker, std::uint32_t me, ChannelRequest& request) {
    const Found channel = find_channel(request.handle, "receive");
    note_user(request.handle, worker, me);
    channel.state.lock.lock();
    const std::uint64_t stamp = emit::stamp_ordered();
    if (channel.record.length.load(kRelaxed) != 0) return receive_buffered(worker, channel, request, stamp);
    WaitList senders = channel.senders();
    if (!senders.empty()) {
        const Waiter sender = hand_over(worker, channel, senders, false, stamp);
        if constexpr (kItems == Items::kFrames)
            return answer(worker, channel, request, Status::ok, sender.request);
        std::memcpy(request.item, sender.request->item, channel.state.cell_bytes);
        finish(*sender.request);
        const ResumePoint next = answer(worker, channel, request, Status::ok);
        wake(worker, sender, waker_kind(worker), stamp);
        return next;
    }
    if (channel.closed()) return answer(worker, channel, request, Status::closed);
    if constexpr (!kMayWait) return answer(worker, channel, request, Status::would_block);
    return wait_in(worker, me, request, channel, channel.receivers(), true, stamp);
}

// A canceller or a timer wants a coroutine out of the wait list (scheduler/parking.h).
template <WaitReason kReason>
bool unlink_waiting(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                    wire::WakeCause cause) {
    ChannelState* state = g_channels.find_state(object);
    if (state == nullptr) return false;
    {
        const std::lock_guard<SpinLock> hold(state->lock);
        if (is_unlinked(index) || !still_parked(index, kReason, object, sequence)) return false;
        wire::ChannelRecord& channel = g_channels.channel(object);
        const RecordChange change(channel);
        (kReason == WaitReason::kChannelSend ? WaitList::senders(channel, *state)
                                             : WaitList::receivers(channel, *state))
            .remove_coroutine(index);
        reinterpret_cast<ChannelRequest*>(record(index).transfer)->status = Status::cancelled;
    }
    make_ready(worker, index, cause);
    return true;
}

// Takes everybody out of both wait lists, a few at a time, and wakes them. No lock is held.
void wake_all(Worker* worker, const Found& channel, Status status, wire::WakeCause cause, bool threads_only) {
    constexpr int kBatch = 32;
    Waiter batch[kBatch];
    int count = 0;
    do {
        count = 0;
        {
            const std::lock_guard<SpinLock> hold(channel.state.lock);
            const RecordChange change(channel.record);
            for (WaitList list : {channel.senders(), channel.receivers()}) {
                while (count < kBatch && !(threads_only ? list.no_threads() : list.empty())) {
                    batch[count] = threads_only ? list.take_oldest_thread() : list.take_oldest();
                    batch[count++].request->status = status;
                }
            }
        }
        const std::uint64_t stamp = emit::stamp_ordered();
        for (int i = 0; i < count; ++i)
            wake(worker, batch[i], cause, stamp);
    } while (count == kBatch);
}

}  // namespace

ResumePoint channel_send_bytes(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return send<Items::kBytes, true>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_send_frame(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return send<Items::kFrames, true>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_try_send_bytes(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return send<Items::kBytes, false>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_try_send_frame(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return send<Items::kFrames, false>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_receive_bytes(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return receive<Items::kBytes, true>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_receive_frame(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return receive<Items::kFrames, true>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_try_receive_bytes(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return receive<Items::kBytes, false>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}
ResumePoint channel_try_receive_frame(Worker* worker, std::uint32_t coroutine, void* request) noexcept {
    return receive<Items::kFrames, false>(worker, coroutine, *static_cast<ChannelRequest*>(request));
}

ResumePoint channel_complete(Worker* worker, std::uint32_t, void* argument) noexcept {
    ChannelRequest& peer = *static_cast<ChannelRequest*>(argument)->peer();
    const Waiter waiter = Waiter::of(peer);
    finish(peer);
    wake(worker, waiter, waker_kind(worker), 0);
    return go_on(worker);
}

void close_and_unlock(Worker* worker, const Found& channel) {
    if (channel.closed()) {
        channel.state.lock.unlock();
        return;
    }
    {
        const RecordChange change(channel.record);
        channel.record.flags.store(channel.record.flags.load(kRelaxed) | wire::kChannelClosed, kRelaxed);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_close(ring_for(worker), emit::stamp_ordered(), channel.index, operation);
    }
    channel.state.lock.unlock();
    wake_all(worker, channel, Status::closed, wire::WakeCause::kClose, false);
}

void install_channel_hooks() {
    set_unlink_hook(WaitReason::kChannelSend, &unlink_waiting<WaitReason::kChannelSend>);
    set_unlink_hook(WaitReason::kChannelReceive, &unlink_waiting<WaitReason::kChannelReceive>);
}

void cancel_channel_threads() {
    g_channels.cancel_threads();
    for (std::uint32_t i = 0; i < g_channels.channels_count(); ++i) {
        wake_all(nullptr, {i, g_channels.channel(i), g_channels.state(i)}, Status::cancelled,
                 wire::WakeCause::kCancel, true);
    }
}

}  // namespace cprime::detail
