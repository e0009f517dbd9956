// Close, and what wakes everybody who waits.
#include <mutex>

#include "runtime/channels/access.h"
#include "runtime/channels/channels.h"
#include "runtime/channels/select_counts.h"

namespace cprime::detail {
namespace {

constexpr std::uint64_t kAnyIdentity = 0;

// Takes everybody out of both wait lists, a few at a time, and wakes them. No lock is held. Whoever waits in a channel of another identity
// than that is left alone: between two locks the channel may have gone, and its record may be another one's.
void wake_all(Worker* worker, const Found& channel, std::uint64_t identity, Status status,
              wire::WakeCause cause, bool threads_only) {
    constexpr int kBatch = 32;
    Waiter batch[kBatch];
    int count = 0;
    do {
        count = 0;
        {
            const std::lock_guard<SpinLock> hold(channel.state.lock);
            if (identity != kAnyIdentity &&
                channel.record.identity.load(std::memory_order_relaxed) != identity) {
                return;
            }
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
    if (!channel.closed()) {
        const RecordChange change(channel.record);
        channel.record.flags.store(channel.record.flags.load(std::memory_order_relaxed) | wire::kChannelClosed,
                                   std::memory_order_relaxed);
        const std::uint32_t operation = change.operation();
        emit::probe::channel_close(ring_for(worker), emit::stamp_ordered(), channel.index, operation);
    }
    const bool anybody = !channel.senders().empty() || !channel.receivers().empty();
    const std::uint64_t identity = channel.record.identity.load(std::memory_order_relaxed);
    channel.state.lock.unlock();
    if (anybody) wake_all(worker, channel, identity, Status::closed, wire::WakeCause::kClose, false);
}

void cancel_channel_threads() {
    g_channels.cancel_threads();
    for (std::uint32_t i = 0; i < g_channels.channels_count(); ++i) {
        wake_all(nullptr, {i, g_channels.channel(i), g_channels.state(i)}, kAnyIdentity, Status::cancelled,
                 wire::WakeCause::kCancel, true);
    }
    // Those who were woken, or whose time was over just now, still give their arms back.
    while (g_channels.threads_waiting() != 0)
        sync::yield_thread();
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
        g_selects.count_waited(record(coroutine).rip.load(std::memory_order_relaxed), request, request.fired,
                               request.status == Status::timed_out);
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
