// Requests and rounds.
#include "runtime/stacks/trim.h"

#include <algorithm>

#include "cprime/pools.h"
#include "instrumentation/base/tsc.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {

namespace {

constexpr std::uint64_t kWorthwhileBytes = 1U << 20;
constexpr std::uint32_t kSlabsPerStep = 64;  // or one with something to give back
constexpr std::uint32_t kWaitShiftMost = 6;

}  // namespace

std::uint64_t Trimmer::trim_share(Worker* worker) {
    std::uint64_t bytes = 0;
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        if (pool == kPoolEmergency) continue;
        PoolShare& share = pools_->share_of(worker, pool);
        if (share.slabs.empty()) continue;
        pools_->sweep(share, pool);
        for (const std::uint32_t slab : share.slabs)
            bytes += pools_->trim_slab(worker, pool, slab, true).bytes;
    }
    return bytes;
}

std::uint64_t Trimmer::trim(Worker* caller) {
    const std::lock_guard<std::mutex> hold(one_at_a_time_);
    std::uint64_t bytes = caller != nullptr ? trim_share(caller) : 0;
    {
        const std::lock_guard<SpinLock> outside(pools_->outside_lock());
        bytes += trim_share(nullptr);
    }
    static_cast<void>(g_runtime->timers.trim());  // bytes are those of stacks
    const std::uint32_t wanted = wanted_.load(std::memory_order_relaxed) + 1;
    if (caller != nullptr) caller->trim_served.store(wanted, std::memory_order_relaxed);
    wanted_.store(wanted, std::memory_order_release);  // [trim.request]
    for (Worker* sleeper : g_runtime->scheduler.wake_all()) {
        for (std::uint32_t seen = 0; (seen = sleeper->trim_served.load(std::memory_order_acquire)) != wanted;)
            futex_wait(sleeper->trim_served, seen);
        bytes += sleeper->trim_bytes;
    }
    return bytes;
}

void Trimmer::serve(Worker& worker, std::uint32_t wanted) {
    worker.trim_bytes = trim_share(&worker);
    worker.trim_served.store(wanted, std::memory_order_release);  // with trim_bytes [trim.request]
    futex_wake(worker.trim_served, 1);
}

bool Trimmer::worthwhile(Worker& worker) const {
    std::uint64_t bytes = 0;
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        // At least a page of each slot that is one or more.
        const std::uint64_t each = std::min<std::uint64_t>(pools_->geometry(pool).slot_bytes,
                                                           coroscope::wire::kPageBytes);
        bytes += worker.slots.pools[pool].resident_words * 64 * each;
    }
    return bytes >= kWorthwhileBytes;
}

std::uint64_t Trimmer::due(Worker& worker, std::uint64_t now) const {
    if (period_ticks_ == 0) return kNever;
    TrimRound& round = worker.slots.trim;
    if (round.under_way) return now;
    if (!worthwhile(worker)) return kNever;
    if (round.due_ticks == 0) round.due_ticks = now + (period_ticks_ << round.wait_shift);
    return round.due_ticks;
}

void Trimmer::step(Worker& worker, std::uint64_t now) {
    TrimRound& round = worker.slots.trim;
    if (!round.under_way) round = {.wait_shift = round.wait_shift, .under_way = true};
    std::uint32_t left = kSlabsPerStep;
    for (; round.pool < kPoolsCount; ++round.pool, round.slab = 0) {
        PoolShare& share = worker.slots.pools[round.pool];
        if (round.slab == 0 && !share.slabs.empty()) pools_->sweep(share, round.pool);
        while (round.slab < share.slabs.size()) {
            const TrimmedSlab trimmed = pools_->trim_slab(&worker, round.pool, share.slabs[round.slab++],
                                                          false);
            round.fruitful |= trimmed.bytes != 0 || trimmed.was_touched;
            if (trimmed.bytes != 0 || --left == 0) return;
        }
    }
    static_cast<void>(g_runtime->timers.trim());
    round = {.wait_shift = round.fruitful ? 0 : std::min(round.wait_shift + 1, kWaitShiftMost)};
    round.due_ticks = now + (period_ticks_ << round.wait_shift);
}

namespace {

ResumePoint trim_now(Worker* worker, std::uint32_t, void* bytes) noexcept {
    RuntimeState& state = worker != nullptr ? *g_runtime : runtime("trim");
    *static_cast<std::uint64_t*>(bytes) = state.trimmer.trim(worker);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

struct StatisticsRequest {
    std::uint8_t size_class;
    PoolStatistics sum;
};

// On the worker's stack: the caller's may be a Micro one.
ResumePoint add_up(Worker* worker, std::uint32_t, void* argument) noexcept {
    const RuntimeState& state = worker != nullptr ? *g_runtime : runtime("pool_statistics");
    auto& [size_class, sum] = *static_cast<StatisticsRequest*>(argument);
    for (const std::uint8_t pool : {size_class, kPoolWide}) {
        if (pool == kPoolWide && size_class != kPoolMedium) continue;
        sum.slots += state.pools.mapped(pool);
        sum.used += state.pools.used(pool);
        sum.guarded += state.pools.guarded(pool);
        sum.trimmed_bytes += state.pools.trimmed_bytes(pool);
    }
    sum.spawns_waiting = state.gates.waiting(size_class);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace
}  // namespace cprime::detail

namespace cprime {

std::uint64_t trim() noexcept {
    std::uint64_t bytes = 0;
    detail::park(&detail::trim_now, &bytes);
    return bytes;
}

PoolStatistics pool_statistics(::cprime::size_class of) noexcept {
    detail::StatisticsRequest request{static_cast<std::uint8_t>(static_cast<std::uint8_t>(of) - 1), {}};
    detail::park(&detail::add_up, &request);
    return request.sum;
}

}  // namespace cprime
