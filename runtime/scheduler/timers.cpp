// A wheel a worker: arming, cancelling from anywhere, firing in batches.
#include "runtime/scheduler/timers.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {

void Timers::start(Worker* workers, std::uint32_t count, std::uint32_t granule_shift) {
    shards_ = std::make_unique<Shard[]>(count);
    shards_count_ = count;
    for (std::uint32_t i = 0; i < count; ++i) {
        shards_[i].wheel.start(nodes_, i, granule_shift, now_ticks());
        shards_[i].record = workers[i].record;
        shards_[i].publish();
    }
}

void Timers::Shard::publish() {
    const std::uint64_t next = wheel.next();
    if (next != next_ticks.load(std::memory_order_relaxed)) {
        next_ticks.store(next, std::memory_order_relaxed);
        record->timers_next_ticks.store(next == kNoDeadline ? 0 : next, std::memory_order_relaxed);
    }
    record->timers_armed.store(wheel.armed(), std::memory_order_relaxed);
}

void timer_arm(Worker& worker, std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline_ticks) {
    emit::probe::timer_set(worker.ring, worker.switch_stamp, index, deadline_ticks);
    Timers::Shard& shard = g_runtime->timers.shards_[worker.index];
    bool earlier = false;
    {
        const std::lock_guard<SpinLock> hold(shard.lock);
        const std::uint64_t before = shard.next_ticks.load(std::memory_order_relaxed);
        shard.wheel.arm(index, sequence, deadline_ticks, before == kNoDeadline ? now_ticks() : 0);
        shard.publish();
        earlier = shard.next_ticks.load(std::memory_order_relaxed) < before;
    }
    // A worker that has other things to run may come late to this deadline; somebody who sleeps can watch it instead.
    if (earlier && !worker.queue.empty() && g_runtime->scheduler.anybody_idle() &&
        timers_next() == shard.next_ticks.load(std::memory_order_relaxed)) {
        g_runtime->scheduler.wake_one();
    }
}

void timer_cancel(std::uint32_t index) {
    Timers& timers = g_runtime->timers;
    const TimerNode* node = timers.nodes_.find(index);
    if (node == nullptr) return;
    const std::uint32_t place = node->place.load(std::memory_order_relaxed);
    if (place == 0) return;  // it was taken out to fire; its hook will find that it comes too late
    Timers::Shard& shard = timers.shards_[TimingWheel::wheel_of(place)];
    const std::lock_guard<SpinLock> hold(shard.lock);
    if (shard.wheel.cancel(index)) shard.publish();
}

std::uint32_t Timers::fire(Worker& worker, Shard& shard, std::uint64_t now_ticks, std::uint32_t room) {
    std::array<TimingWheel::Due, kBatch> due;
    std::uint32_t count = 0;
    {
        const std::lock_guard<SpinLock> hold(shard.lock);
        count = shard.wheel.collect(now_ticks, due.data(), room);
        shard.publish();
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        emit::probe::timer_fire(worker.ring, 0, due[i].index, due[i].deadline);
        unlink_parked(&worker, due[i].index, due[i].sequence, wire::WakeCause::kTimer);
    }
    return count;
}

void timers_fire(Worker& worker, std::uint64_t now_ticks) {
    // While a batch of coroutines waits to run fewer are woken than run until the next look, but some always are.
    constexpr std::uint32_t kBatchWhenLong = 8;
    std::uint32_t room = worker.queue.length() < Timers::kBatch ? Timers::kBatch : kBatchWhenLong;
    if (g_chaos.on()) room = g_chaos.fires(worker, room);
    // A round may do nothing but move entries down. With nobody to run meanwhile it is worth another, but others may have been injected.
    constexpr std::uint32_t kRoundsMost = 16;
    Timers& timers = g_runtime->timers;
    std::uint32_t rounds = 0;
    do {
        for (std::uint32_t i = 0; i < timers.shards_count_ && room > 0; ++i) {
            // Its own first: that one is likely to be in its cache.
            Timers::Shard& shard = timers.shards_[(worker.index + i) % timers.shards_count_];
            if (shard.next_ticks.load(std::memory_order_relaxed) <= now_ticks)
                room -= timers.fire(worker, shard, now_ticks, room);
        }
    } while (worker.queue.empty() && room > 0 && ++rounds < kRoundsMost && timers_next() <= now_ticks);
}

std::uint64_t timers_next() {
    const Timers& timers = g_runtime->timers;
    std::uint64_t next = kNoDeadline;
    for (std::uint32_t i = 0; i < timers.shards_count_; ++i)
        next = std::min(next, timers.shards_[i].next_ticks.load(std::memory_order_relaxed));
    return next;
}

std::uint64_t Timers::armed() const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < shards_count_; ++i) {
        const std::lock_guard<SpinLock> hold(shards_[i].lock);
        sum += shards_[i].wheel.armed();
    }
    return sum;
}

std::uint64_t Timers::trim() {
    std::uint64_t bytes = 0;
    for (std::uint32_t chunk = 0; chunk < TimerNodes::kChunksMax; ++chunk) {
        if (nodes_.find(chunk << TimerNodes::kChunkShift) == nullptr) continue;
        // All wheels at once, in one order for everybody, for as long as it takes the kernel to take 24 pages: nobody arms meanwhile.
        for (std::uint32_t i = 0; i < shards_count_; ++i)
            shards_[i].lock.lock();
        std::uint32_t armed = 0;
        bool touched = false;
        for (std::uint32_t i = 0; i < shards_count_; ++i)
            armed += shards_[i].wheel.armed_in_chunk(chunk);
        for (std::uint32_t i = 0; armed == 0 && i < shards_count_; ++i)
            touched |= shards_[i].wheel.take_touched(chunk);
        if (touched) {
            nodes_.forget(chunk);
            bytes += TimerNodes::kChunkBytes;
        }
        for (std::uint32_t i = shards_count_; i-- > 0;)
            shards_[i].lock.unlock();
    }
    return bytes;
}

}  // namespace cprime::detail
