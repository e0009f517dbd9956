// select: one of several sends and receives.
//
//   1  the locks of all its channels are taken, in the order of their indices
//   2  the arms that are ready are counted, and one of them is drawn and done, as by a send or a receive of its own
//   3  none is ready: the coroutine suspends, every arm is linked into its channel's list, the claim is opened, the locks are let go
//   4  whoever claims it first (arms.h) ends the wait
//
// Because all locks are held from 2 to 3, nobody comes between "no arm is ready" and "all arms are linked"; and because the caller stands in
// no list while it looks, it never meets itself. So a claim concerns one select at a time, and needs no order among them.
//
// Thread: on a worker's stack, or on a thread that is none, which blocks. Tested in tests/unit/runtime/select_test.cpp and tests/stress; every
// interleaving of small cases: tests/model/select_model.cpp.
#include <algorithm>
#include <array>
#include <mutex>

#include "instrumentation/base/tsc.h"
#include "runtime/channels/access.h"
#include "runtime/channels/channels.h"
#include "runtime/channels/select_counts.h"
#include "runtime/channels/transfer.h"
#include "runtime/scheduler/random.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {
namespace {

using wire::WaitReason;

// The channels of a select, in the order of their indices, each once. The only worker takes one section for all of their locks
// (scheduler/worker_bias.h).
class LockedChannels {
public:
    explicit LockedChannels(const SelectRequest& request)
        : biased_(worker_bias().possible() && on_worker() && worker_bias().enter()) {
        if (!biased_) lock_each(request);
    }
    void unlock() {
        if (biased_) return worker_bias().leave();
        for (std::uint32_t i = count_; i-- > 0;)
            g_channels.state(indices_[i]).lock.unlock();
    }

    // Of a thread's: there is no channel at all.
    bool none() const { return count_ == 0; }

private:
    void lock_each(const SelectRequest& request) {
        for (std::uint32_t n = 0; n < request.count; ++n) {
            if (request.arms[n] == nullptr || request.arms[n]->handle == 0) continue;
            indices_[count_++] = find_channel(request.arms[n]->handle, "select").index;
        }
        std::sort(indices_.begin(), indices_.begin() + count_);
        count_ = static_cast<std::uint32_t>(std::unique(indices_.begin(), indices_.begin() + count_) -
                                            indices_.begin());
        for (std::uint32_t i = 0; i < count_; ++i)
            g_channels.state(indices_[i]).lock.lock();
    }

    std::array<std::uint32_t, kSelectArmsMax> indices_;
    std::uint32_t count_ = 0;
    const bool biased_;
};

bool receives(const SelectRequest& request, std::uint32_t arm) {
    return (request.receives >> arm & 1) != 0;
}

Found channel_of_arm(const ChannelRequest& arm) {
    const std::uint32_t index = channel_of(arm.handle);
    return {index, g_channels.channel(index), g_channels.state(index)};
}

bool anybody_in(WaitList list, const Found& channel) {
    if (list.empty()) return false;
    const RecordChange change(channel.record);
    return list.anybody();
}

// Whether the arm could be done at once. May take arms out of the list whose selects were claimed elsewhere.
bool is_ready(const SelectRequest& request, std::uint32_t arm) {
    const Found channel = find_channel(request.arms[arm]->handle, "select");
    const wire::ChannelRecord& record = channel.record;
    if (channel.closed()) return true;
    const std::uint32_t length = record.length.load(std::memory_order_relaxed);
    if (receives(request, arm)) return length != 0 || anybody_in(channel.senders(), channel);
    return length < record.capacity || anybody_in(channel.receivers(), channel);
}

std::uint32_t draw(Worker* worker, std::uint32_t below) {
    thread_local std::uint64_t outside = coroscope::base::read_tsc() | 1;
    return draw_below(worker != nullptr ? worker->random : outside, below);
}

Moved do_arm(Worker* worker, const SelectRequest& request, std::uint32_t arm, std::uint64_t stamp) {
    ChannelRequest& it = *request.arms[arm];
    const Found channel = channel_of_arm(it);
    const bool frames = (request.frames >> arm & 1) != 0;
    if (receives(request, arm)) {
        return frames ? try_receive<Items::frames>(worker, channel, it, stamp)
                      : try_receive<Items::bytes>(worker, channel, it, stamp);
    }
    return frames ? try_send<Items::frames>(worker, channel, it, stamp)
                  : try_send<Items::bytes>(worker, channel, it, stamp);
}

// One of the arms in the mask, each as likely as the others.
std::uint32_t draw_arm(Worker* worker, std::uint32_t mask) {
    if ((mask & (mask - 1)) != 0) {
        for (auto skip = draw(worker, static_cast<std::uint32_t>(__builtin_popcount(mask))); skip > 0; --skip)
            mask &= mask - 1;
    }
    return static_cast<std::uint32_t>(__builtin_ctz(mask));
}

// One of the ready arms has happened. The locks are held at the call and let go in it.
ResumePoint fired_at_once(Worker* worker, std::uint32_t me, SelectRequest& request, LockedChannels& locked,
                          std::uint32_t fired, const Moved& moved, std::uint32_t ready,
                          wire::SelectRecord* counts, std::uint64_t stamp) {
    locked.unlock();
    for (std::uint32_t mask = counts != nullptr ? ready : 0; mask != 0; mask &= mask - 1) {
        const auto arm = static_cast<std::uint32_t>(__builtin_ctz(mask));
        SelectCounts::count((arm == fired ? counts->fired : counts->passed_over)[SelectCounts::column(arm)]);
    }
    emit::probe::select_fire(ring_for(worker), stamp, worker != nullptr ? me : wire::kNone, fired,
                             request.count, false);
    ChannelRequest& arm = *request.arms[fired];
    const bool frames = (request.frames >> fired & 1) != 0;
    arm.status = moved.status;
    arm.link = frames ? reinterpret_cast<std::uint64_t>(moved.other.request) : 0;
    request.status = moved.status;
    request.fired = static_cast<std::uint8_t>(fired);
    if (moved.other.request == nullptr) return go_on(worker);
    if (frames) return go_on_at_once(worker);
    wake(worker, moved.other, waker_kind(worker), stamp);
    return go_on(worker);
}

ResumePoint give_up(Worker* worker, SelectRequest& request, LockedChannels& locked, Status status) {
    locked.unlock();
    request.status = status;
    return go_on(worker);
}

// Fills a chain of arms for all that have a channel; at least one arm, by which the claim is found. They stand in line in the order of their
// positions from `start` on: of two on one channel the first is served.
std::uint32_t make_arms(SelectRequest& request, std::uint32_t coroutine, ThreadWaiter* thread,
                        std::uint32_t start) {
    std::uint32_t count = 0;
    for (std::uint32_t n = 0; n < request.count; ++n)
        count += request.arms[n] != nullptr && request.arms[n]->handle != 0 ? 1 : 0;
    const std::uint32_t first = g_arms.take(std::max(count, 1U));
    if (first == wire::kNone) no_room("arm of a waiting select");
    std::uint32_t arm = first;
    const bool anchor = count == 0;
    for (std::uint32_t i = 0; i < (anchor ? 1 : request.count); ++i) {
        const std::uint32_t n = start + i < request.count ? start + i : start + i - request.count;
        if (!anchor && (request.arms[n] == nullptr || request.arms[n]->handle == 0)) continue;
        wire::SelectArmRecord& record = g_arms.record(arm);
        ArmState& state = g_arms.state(arm);
        state.request = anchor ? nullptr : request.arms[n];
        state.select = &request;
        state.thread = thread;
        record.coroutine.store(coroutine, std::memory_order_relaxed);
        record.position.store(static_cast<std::uint8_t>(n), std::memory_order_relaxed);
        record.receives.store(receives(request, n) ? 1 : 0, std::memory_order_relaxed);
        record.channel.store(anchor ? wire::kNone : channel_of(request.arms[n]->handle),
                             std::memory_order_relaxed);
        arm = record.next_arm.load(std::memory_order_relaxed);
    }
    return first;
}

// Under all locks, after the caller was suspended: it can be met from here on, and claimed once the claim is open.
void link_arms(std::uint32_t first) {
    for (std::uint32_t arm = first; arm != wire::kNone;
         arm = g_arms.record(arm).next_arm.load(std::memory_order_relaxed)) {
        const wire::SelectArmRecord& record = g_arms.record(arm);
        const std::uint32_t index = record.channel.load(std::memory_order_relaxed);
        if (index == wire::kNone) continue;
        const Found channel{index, g_channels.channel(index), g_channels.state(index)};
        const RecordChange change(channel.record);
        (record.receives.load(std::memory_order_relaxed) != 0 ? channel.receivers() : channel.senders())
            .add(kArmBit | arm, *g_arms.state(arm).request);
    }
}

// Each arm is an operation of its channel, as a block is.
void tell_arms(Worker* worker, std::uint32_t first, std::uint64_t stamp) {
    for (std::uint32_t arm = first; arm != wire::kNone;
         arm = g_arms.record(arm).next_arm.load(std::memory_order_relaxed)) {
        const wire::SelectArmRecord& record = g_arms.record(arm);
        const std::uint32_t index = record.channel.load(std::memory_order_relaxed);
        if (index == wire::kNone) continue;
        const RecordChange change(g_channels.channel(index));
        emit::probe::select_arm(ring_for(worker), stamp, index, change.operation(),
                                record.position.load(std::memory_order_relaxed),
                                record.receives.load(std::memory_order_relaxed) != 0);
    }
}

void wait_as_thread(SelectRequest& request, LockedChannels& locked) {
    ThreadWaiter waiter;
    if (locked.none()) {  // for the time alone, which needs no runtime
        request.status = Status::timed_out;
        static_cast<void>(waiter.wait_for(request.timeout_ns));
        return;
    }
    g_channels.thread_waits();
    const std::uint32_t first = make_arms(request, wire::kNone, &waiter, draw(nullptr, request.count));
    const std::uint32_t sequence = g_arms.next_thread_sequence();
    link_arms(first);
    g_arms.state(first).claim.store(claim_of(wire::kNone, sequence) | kClaimOpen, std::memory_order_release);
    locked.unlock();
    if (!waiter.wait_for(request.timeout_ns)) {
        std::uint64_t open = claim_of(wire::kNone, sequence) | kClaimOpen;
        if (g_arms.state(first).claim.compare_exchange_strong(open, open & ~kClaimOpen,
                                                              std::memory_order_acq_rel)) {
            request.status = Status::timed_out;
            retire_select(nullptr, first, wire::WakeCause::kTimer, 0);
        }
        waiter.wait();
    }
    g_channels.thread_goes_on();
}

ResumePoint wait_for_any(Worker* worker, std::uint32_t me, SelectRequest& request, LockedChannels& locked,
                         wire::SelectRecord* counts, std::uint64_t stamp) {
    const std::uint64_t deadline = request.timeout_ns >= 0 ? deadline_after_ns(request.timeout_ns) : 0;
    const std::uint32_t first = make_arms(request, me, nullptr, draw(worker, request.count));
    tell_arms(worker, first, stamp);
    record(me).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, me, WaitReason::kSelect, first, deadline)) {
        g_arms.give(first);
        return give_up(worker, request, locked, Status::cancelled);
    }
    if (counts != nullptr) SelectCounts::count(counts->parked);
    const std::uint32_t sequence = record(me).sequence.load(std::memory_order_relaxed);
    link_arms(first);
    if (deadline != 0) timer_arm(*worker, me, sequence, deadline);
    g_arms.state(first).claim.store(claim_of(me, sequence) | kClaimOpen, std::memory_order_release);
    locked.unlock();  // published: nothing of `me` or `request` is touched from here on
    return pick_next(*worker);
}

// A canceller or a timer wants a coroutine out of its select (scheduler/parking.h).
bool unlink_selecting(Worker* worker, std::uint32_t index, std::uint32_t first_arm, std::uint32_t sequence,
                      wire::WakeCause cause) {
    if (!g_arms.claim_for(first_arm, index, sequence))  // by somebody else, who wakes it: that is not waited for
        return still_parked(index, WaitReason::kSelect, first_arm, sequence);
    auto& request = *reinterpret_cast<SelectRequest*>(record(index).transfer);
    request.status = status_of(cause);
    retire_select(worker, first_arm, cause, 0);
    return true;
}

}  // namespace

ResumePoint channel_select(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<SelectRequest*>(argument);
    request.fired = kNoArmFired;
    LockedChannels locked(request);
    const std::uint64_t stamp = emit::stamp_ordered();
    std::uint32_t ready = 0;
    for (std::uint32_t n = 0; n < request.count; ++n) {
        if (request.arms[n] == nullptr || request.arms[n]->handle == 0) continue;
        note_user(request.arms[n]->handle, worker, me);
        if (is_ready(request, n)) ready |= 1U << n;
    }
    wire::SelectRecord* counts = worker == nullptr
                                     ? nullptr
                                     : g_selects.find(record(me).rip.load(std::memory_order_relaxed), request);
    for (std::uint32_t left = ready; left != 0;) {
        const std::uint32_t arm = draw_arm(worker, left);
        const Moved moved = do_arm(worker, request, arm, stamp);
        if (moved.status != Status::would_block)
            return fired_at_once(worker, me, request, locked, arm, moved, ready, counts, stamp);
        left &= ~(1U << arm);  // its peer's select was claimed on another channel since we looked
    }
    if (request.timeout_ns == kDoNotWait) {
        if (counts != nullptr) SelectCounts::count(counts->declined);
        return give_up(worker, request, locked, Status::would_block);
    }
    if (worker != nullptr ? cancel_requested(me) : g_channels.threads_cancelled())
        return give_up(worker, request, locked, Status::cancelled);
    if (request.timeout_ns == 0) {
        if (counts != nullptr) SelectCounts::count(counts->timed_out);
        return give_up(worker, request, locked, Status::timed_out);
    }
    if (worker != nullptr) return wait_for_any(worker, me, request, locked, counts, stamp);
    if (request.timeout_ns == kWaitForEver && locked.none())
        return give_up(worker, request, locked, Status::cancelled);
    wait_as_thread(request, locked);
    return nullptr;
}

void install_select_hook() {
    set_unlink_hook(WaitReason::kSelect, &unlink_selecting);
}

}  // namespace cprime::detail
