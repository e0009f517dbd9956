// Close, and what wakes everybody who waits.
#include <mutex>

#include "runtime/channels/access.h"
#include "runtime/channels/channels.h"
#include "runtime/channels/select_counts.h"

namespace cprime::detail {
namespace {

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
                while (count < kBatch) {
                    const Waiter waiter = threads_only ? list.take_oldest_thread() : list.take_oldest();
                    if (waiter.request == nullptr) break;
                    tell(waiter, status);
                    batch[count++] = waiter;
                }
            }
        }
        const std::uint64_t stamp = emit::stamp_ordered();
        for (int i = 0; i < count; ++i)
            wake(worker, batch[i], cause, stamp);
    } while (count == kBatch);
}

}  // namespace

void close_and_unlock(Worker* worker, const Found& channel) {
    if (channel.closed()) {
        channel.state.lock.unlock();
        return;
    }
    {
        const RecordChange change(channel.record);
        channel.record.flags.store(channel.record.flags.load(std::memory_order_relaxed) | wire::kChannelClosed,
                                   std::memory_order_relaxed);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_close(ring_for(worker), emit::stamp_ordered(), channel.index, operation);
    }
    channel.state.lock.unlock();
    wake_all(worker, channel, Status::closed, wire::WakeCause::kClose, false);
}

void cancel_channel_threads() {
    g_channels.cancel_threads();
    for (std::uint32_t i = 0; i < g_channels.channels_count(); ++i) {
        wake_all(nullptr, {i, g_channels.channel(i), g_channels.state(i)}, Status::cancelled,
                 wire::WakeCause::kCancel, true);
    }
}

void retire_select(Worker* worker, std::uint32_t first_arm, wire::WakeCause cause, std::uint64_t stamp) {
    for (std::uint32_t arm = first_arm; arm != wire::kNone;) {
        wire::SelectArmRecord& record = g_arms.record(arm);
        const std::uint32_t index = record.channel.load(std::memory_order_relaxed);
        if (index != wire::kNone) {
            const Found channel{index, g_channels.channel(index), g_channels.state(index)};
            const std::lock_guard<SpinLock> hold(channel.state.lock);
            if (!is_arm_unlinked(arm)) {
                const RecordChange change(channel.record);
                (record.receives.load(std::memory_order_relaxed) != 0 ? channel.receivers()
                                                                      : channel.senders())
                    .remove(kArmBit | arm);
            }
        }
        arm = record.next_arm.load(std::memory_order_relaxed);
    }
    const std::uint32_t coroutine = g_arms.record(first_arm).coroutine.load(std::memory_order_relaxed);
    ThreadWaiter* const thread = g_arms.state(first_arm).thread;
    const SelectRequest& request = *g_arms.state(first_arm).select;
    if (coroutine != wire::kNone) {
        g_selects.count_waited(record(coroutine).rip.load(std::memory_order_relaxed), request.count,
                               request.fired, request.status == Status::timed_out);
    }
    if (request.fired != kNoArmFired)
        emit::probe::select_fire(ring_for(worker), stamp, coroutine, request.fired, request.count, true);
    g_arms.give(first_arm);
    if (thread != nullptr) {
        thread->wake();
    } else {
        make_ready(worker, coroutine, cause, stamp);
    }
}

void wake_arm(Worker* worker, std::uint32_t arm, wire::WakeCause cause, std::uint64_t stamp) {
    const ArmState& state = g_arms.state(arm);
    if (state.select == nullptr) {
        state.thread->wake();  // the arm is given back by the thread
    } else {
        retire_select(worker, state.first, cause, stamp);
    }
}

}  // namespace cprime::detail
