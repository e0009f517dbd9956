// Send and receive on one channel.
//
// One lock per channel, held for a few dozen instructions and one copy. The order of things in each operation:
//   1  under the lock: decide, copy the item or name the peer, change the record (RecordChange), emit the channel's events
//   2  to wait: suspend_current(), link into the wait list, unlock, and touch nothing of the coroutine any more
//   3  else unlock, then wake whoever was served
// Channel events are emitted under the lock, so that their order in time is that of their operation numbers. Their stamps are ordered
// ones (rdtscp): each operation acquires what the one before it left.
//
// Invariants (beside C1..C3 of channel_tables.h)
//   O1  Senders wait only while the buffer is full and receivers only while it is empty, so never both (frames in transit, and arms whose
//       select was claimed elsewhere, excepted).
//   O2  A request is written by its owner until it is linked, then by the lock's holder until it is taken out, then by whoever
//       took it out until the owner is woken.
//
// Thread: on a worker's stack, or on a thread that is none (worker == nullptr), which blocks on a futex instead of parking.
// Tested in tests/unit/runtime/channel_*_test.cpp, tests/model/channel_model.cpp, tests/stress/channel_stress.cpp; every
// interleaving of small cases: tests/model/channel_protocol_model.cpp.
#include "runtime/channels/access.h"
#include "runtime/channels/transfer.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {
namespace {

using wire::WaitReason;

// A thread that is no worker waits in the list by an arm. The lock is held at the call and let go in it.
void wait_as_thread(ChannelRequest& request, const Found& channel, WaitList list, bool receives,
                    std::int64_t timeout_ns) {
    g_channels.thread_waits();
    const std::uint32_t arm = g_arms.take(1);
    if (arm == wire::kNone) no_room("waiting thread");
    ThreadWaiter waiter;
    ArmState& state = g_arms.state(arm);
    state.request = &request;
    state.select = nullptr;
    state.thread = &waiter;
    wire::SelectArmRecord& record = g_arms.record(arm);
    record.coroutine.store(wire::kNone, std::memory_order_relaxed);
    record.position.store(0, std::memory_order_relaxed);
    record.receives.store(receives ? 1 : 0, std::memory_order_relaxed);
    record.channel.store(channel.index, std::memory_order_relaxed);
    list.add(kArmBit | arm, request);
    channel.state.lock.unlock();
    if (!waiter.wait_for(timeout_ns)) {
        channel.state.lock.lock();
        const bool still_waits = !is_arm_unlinked(arm);
        if (still_waits) list.remove(kArmBit | arm);
        channel.state.lock.unlock();
        if (still_waits) {
            request.status = Status::timed_out;
        } else {
            waiter.wait();  // somebody has taken it out and is about to wake it
        }
    }
    g_arms.give(arm);
    g_channels.thread_goes_on();
}

// The caller waits in `list` until somebody serves, closes or cancels it, or the time is over. The lock is held at the call and let go in it.
ResumePoint wait_in(Worker* worker, std::uint32_t me, ChannelRequest& request, const Found& channel,
                    WaitList list, bool receives, std::uint64_t stamp, std::int64_t timeout_ns) {
    const bool cancelled = worker != nullptr ? cancel_requested(me) : g_channels.threads_cancelled();
    if (cancelled || timeout_ns == 0) {
        channel.state.lock.unlock();
        request.status = cancelled ? Status::cancelled : Status::timed_out;
        return go_on(worker);
    }
    {
        const RecordChange change(channel.record);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_block(ring_for(worker), stamp, channel.index, operation, receives);
    }
    if (worker == nullptr) {
        wait_as_thread(request, channel, list, receives, timeout_ns);
        return nullptr;
    }
    const std::uint64_t deadline = timeout_ns > 0 ? deadline_after_ns(timeout_ns) : 0;
    record(me).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, me, receives ? WaitReason::kChannelReceive : WaitReason::kChannelSend,
                         channel.index, deadline)) {
        channel.state.lock.unlock();
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    {
        const RecordChange change(channel.record);
        list.add(me, request);
    }
    if (deadline != 0) timer_arm(*worker, me, record(me).sequence.load(std::memory_order_relaxed), deadline);
    channel.state.lock.unlock();  // published: nothing of `me` or `request` is touched from here on
    return pick_next(*worker);
}

template <Waits kWaits>
std::int64_t timeout_of(const ChannelRequest& request) {
    if constexpr (kWaits == Waits::until) {
        return static_cast<const TimedChannelRequest&>(request).timeout_ns;
    } else {
        return kWaitForEver;
    }
}

// A canceller or a timer wants a coroutine out of the wait list (scheduler/parking.h).
template <WaitReason kReason>
bool unlink_waiting(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                    wire::WakeCause cause) {
    ChannelState* state = g_channels.find_state(object);
    if (state == nullptr) return false;
    {
        const std::lock_guard<SpinLock> hold(state->lock);
        const bool is_taken = is_unlinked(index);
        if (!still_parked(index, kReason, object, sequence)) return false;
        if (is_taken) return true;  // by somebody who wakes it, as soon as its item is moved: that is not waited for
        wire::ChannelRecord& channel = g_channels.channel(object);
        const RecordChange change(channel);
        (kReason == WaitReason::kChannelSend ? WaitList::senders(channel) : WaitList::receivers(channel))
            .remove(index);
        reinterpret_cast<ChannelRequest*>(record(index).transfer)->status = status_of(cause);
    }
    make_ready(worker, index, cause);
    return true;
}

}  // namespace

template <Side kSide, Items kItems, Waits kWaits>
ResumePoint channel_call(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<ChannelRequest*>(argument);
    constexpr bool kReceives = kSide == Side::receive;
    const Found channel = find_channel(request.handle, kReceives ? "receive" : "send");
    note_user(request.handle, worker, me);
    channel.state.lock.lock();
    const std::uint64_t stamp = emit::stamp_ordered();
    const Moved moved = kReceives ? try_receive<kItems>(worker, channel, request, stamp)
                                  : try_send<kItems>(worker, channel, request, stamp);
    if (kWaits != Waits::never && moved.status == Status::would_block) {
        return wait_in(worker, me, request, channel, kReceives ? channel.receivers() : channel.senders(),
                       kReceives, stamp, timeout_of<kWaits>(request));
    }
    channel.state.lock.unlock();
    request.status = moved.status;
    // Frames: the caller moves the item, and then calls channel_complete. A buffer's items are bytes.
    const bool complete_later = kItems == Items::frames;
    request.link = complete_later ? reinterpret_cast<std::uint64_t>(moved.other.request) : 0;
    if (moved.other.request == nullptr) return go_on(worker);
    if (complete_later) return go_on_at_once(worker);
    wake(worker, moved.other, waker_kind(worker), stamp);
    return go_on(worker);
}

template ResumePoint channel_call<Side::send, Items::bytes, Waits::forever>(Worker*, std::uint32_t,
                                                                            void*) noexcept;
template ResumePoint channel_call<Side::send, Items::bytes, Waits::never>(Worker*, std::uint32_t,
                                                                          void*) noexcept;
template ResumePoint channel_call<Side::send, Items::bytes, Waits::until>(Worker*, std::uint32_t,
                                                                          void*) noexcept;
template ResumePoint channel_call<Side::send, Items::frames, Waits::forever>(Worker*, std::uint32_t,
                                                                             void*) noexcept;
template ResumePoint channel_call<Side::send, Items::frames, Waits::never>(Worker*, std::uint32_t,
                                                                           void*) noexcept;
template ResumePoint channel_call<Side::send, Items::frames, Waits::until>(Worker*, std::uint32_t,
                                                                           void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::bytes, Waits::forever>(Worker*, std::uint32_t,
                                                                               void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::bytes, Waits::never>(Worker*, std::uint32_t,
                                                                             void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::bytes, Waits::until>(Worker*, std::uint32_t,
                                                                             void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::frames, Waits::forever>(Worker*, std::uint32_t,
                                                                                void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::frames, Waits::never>(Worker*, std::uint32_t,
                                                                              void*) noexcept;
template ResumePoint channel_call<Side::receive, Items::frames, Waits::until>(Worker*, std::uint32_t,
                                                                              void*) noexcept;

ResumePoint channel_complete(Worker* worker, std::uint32_t, void* argument) noexcept {
    ChannelRequest& peer = *static_cast<ChannelRequest*>(argument)->peer();
    const Waiter waiter = Waiter::of(peer);
    tell(waiter, Status::ok);
    wake(worker, waiter, waker_kind(worker), 0);
    return go_on(worker);
}

void install_channel_hooks() {
    set_unlink_hook(WaitReason::kChannelSend, &unlink_waiting<WaitReason::kChannelSend>);
    set_unlink_hook(WaitReason::kChannelReceive, &unlink_waiting<WaitReason::kChannelReceive>);
}

}  // namespace cprime::detail
