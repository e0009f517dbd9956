// Slabs over memory of the program's: handing out by bit, and the end of a MicroPool.
#include "runtime/stacks/local_pools.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "cprime/detail/spawn_request.h"
#include "cprime/this_coroutine.h"
#include "instrumentation/base/check.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cprime::detail {

using coroscope::wire::kSlabWords;
using coroscope::wire::kSlotsPerSlab;
using coroscope::wire::SlabRecord;

namespace {

constexpr auto kSlabs = static_cast<wire::SectionKind>(
    static_cast<std::uint32_t>(wire::SectionKind::kSlabsFirst) + kPoolLocal);

// Of the word's 64 slots, those that the MicroPool has.
std::uint64_t word_mask(const LocalPool& pool, std::uint32_t word) {
    const std::uint32_t first = word * 64;
    if (pool.slots <= first) return 0;
    const std::uint32_t count = std::min<std::uint32_t>(pool.slots - first, 64);
    return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

[[noreturn]] void die(const char* sentence) {
    std::fprintf(stderr, "cprime: %s\n", sentence);
    std::abort();
}

}  // namespace

void LocalPools::start(coroscope::emit::StateSegment& segment, Pools& pools) {
    static std::atomic<std::uint64_t> made{0};  // writer: who makes a Runtime
    segment_ = &segment;
    pools_ = &pools;
    generation_ = made.fetch_add(1, std::memory_order_relaxed) + 1;
    CHECK(pools.geometry(kPoolLocal).slot_bytes == kMicroSlotBytes);
}

bool LocalPools::claim(LocalPool& pool) {
    if (pool.slot_bytes != pools_->geometry(kPoolLocal).slot_bytes) {
        die("a MicroPool has slots of another size than the runtime: compile program and library both with "
            "the "
            "same sanitizers, or both without");
    }
    std::uint32_t slab = coroscope::wire::kNone;
    if (!free_slabs_.empty()) {
        slab = free_slabs_.back();
        free_slabs_.pop_back();
    } else {
        slab = segment_->allocate_records(kSlabs, 1);
        if (slab == coroscope::wire::kNone) return false;
    }
    pools_->adopt_slab(kPoolLocal, slab, reinterpret_cast<std::uint64_t>(pool.memory),
                       std::uint64_t{pool.slots} * pool.slot_bytes);
    pool.slab = slab;
    pool.generation = generation_;
    return true;
}

std::uint32_t LocalPools::allocate(Worker* worker, LocalPool& pool) {
    const std::lock_guard<std::mutex> hold(lock_);
    if (pool.closed) return coroscope::wire::kNone;
    if (!knows(pool)) {
        if (!claim(pool)) return coroscope::wire::kNone;
        if (emit::listening(wire::kCategoryPool))
            emit::probe::pool_grow(ring_of(worker), 0, pool.slab, kPoolLocal);
    }
    SlabRecord& record = pools_->slab(kPoolLocal, pool.slab);
    for (std::uint32_t word = 0; word < kSlabWords; ++word) {
        std::uint64_t owned = record.owned[word].load(std::memory_order_relaxed);
        // [pool.remote] acquire: what the last coroutine did on the stack is over before the slot is used again.
        const std::uint64_t back = record.remote[word].load(std::memory_order_acquire);
        if (back != 0) {
            // First owned, then remote: used = owned & ~remote never shows a freed slot.
            owned &= ~back;
            record.owned[word].store(owned, std::memory_order_release);
            record.remote[word].fetch_and(~back, std::memory_order_release);
        }
        const std::uint64_t free = ~owned & word_mask(pool, word);
        if (free == 0) continue;
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(free));
        // Release: a viewer that sees the bit sees the slab's record.
        record.owned[word].store(owned | (std::uint64_t{1} << bit), std::memory_order_release);
        pools_->count_taken(worker, kPoolLocal);
        return pool.slab * kSlotsPerSlab + word * 64 + bit;
    }
    return coroscope::wire::kNone;
}

void LocalPools::close(LocalPool& pool) {
    const std::lock_guard<std::mutex> hold(lock_);
    pool.closed = true;
}

std::uint32_t LocalPools::next_used(const LocalPool& pool, std::uint32_t position) const {
    const SlabRecord& record = pools_->slab(kPoolLocal, pool.slab);
    for (; position < pool.slots; ++position) {
        const std::uint64_t bit = std::uint64_t{1} << (position % 64);
        if ((record.owned[position / 64].load(std::memory_order_relaxed) &
             ~record.remote[position / 64].load(std::memory_order_acquire) & bit) != 0)
            return position;
    }
    return pool.slots;
}

void LocalPools::release(LocalPool& pool) {
#if defined(__SANITIZE_ADDRESS__)
    // What frames of ended coroutines left poisoned is the program's again.
    __asan_unpoison_memory_region(pool.memory, std::size_t{pool.slots} * pool.slot_bytes);
#endif
    const std::lock_guard<std::mutex> hold(lock_);
    pools_->disown_slab(kPoolLocal, pool.slab);
    free_slabs_.push_back(pool.slab);
    pool.generation = 0;
}

namespace {

struct EndRequest {
    LocalPool* pool;
    std::uint32_t position = 0;  // of a slot in use; pool->slots: there was none from here on
};

ResumePoint back_to_caller(Worker* worker) {
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

ResumePoint close_local(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const auto& request = *static_cast<EndRequest*>(argument);
    if (worker != nullptr && record(index).pool == kPoolLocal &&
        record(index).slot / kSlotsPerSlab == request.pool->slab) {
        die("a MicroPool was destroyed by a coroutine that lives in it, which would wait for itself; let its "
            "owner "
            "destroy it");
    }
    g_runtime->local_pools.close(*request.pool);
    return back_to_caller(worker);
}

ResumePoint find_used(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<EndRequest*>(argument);
    request.position = g_runtime->local_pools.next_used(*request.pool, request.position);
    return back_to_caller(worker);
}

ResumePoint release_local(Worker* worker, std::uint32_t, void* argument) noexcept {
    g_runtime->local_pools.release(*static_cast<EndRequest*>(argument)->pool);
    return back_to_caller(worker);
}

}  // namespace

void end_local_pool(LocalPool& pool) noexcept {
    // A Runtime that ends waits for everybody first; a forked child has none of the parent's coroutines.
    if (pool.generation == 0 || g_runtime == nullptr || emit::forked_child() ||
        !g_runtime->local_pools.knows(pool))
        return;
    EndRequest request{&pool};
    park(&close_local, &request);
    // Everybody first, so that they end together.
    for (;; ++request.position) {
        park(&find_used, &request);
        if (request.position == pool.slots) break;
        const LocalEntry& entry = pool.entries[request.position];
        HandleRequest cancel{entry.coroutine, entry.identity, false};
        park(&cancel_coroutine, &cancel);
    }
    for (request.position = 0;;) {
        park(&find_used, &request);
        if (request.position == pool.slots) break;
        const LocalEntry& entry = pool.entries[request.position];
        JoinRequest join{entry.coroutine, entry.identity, Status::ok, false, nullptr};
        park(&join_coroutine, &join);
        // It may have a few instructions left before its slot is back; and who is cancelled itself is not let wait by join.
        YieldRequest others_first;
        park(&cprime_yield_coroutine, &others_first);
    }
    park(&release_local, &request);
}

}  // namespace cprime::detail
