// Slabs: 512 slots at a time, mapped with their guards; and what happens to a slot's guards when its stack grows.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <new>

#include "instrumentation/emit/probes.h"
#include "runtime/stacks/guards.h"
#include "runtime/stacks/pools.h"
#include "runtime/stacks/slab_place.h"

namespace cprime::detail {

using coroscope::wire::kNone;
using coroscope::wire::kPageBytes;
using coroscope::wire::kSlabWords;
using coroscope::wire::kSlotsPerSlab;
using coroscope::wire::SlabGuards;
using coroscope::wire::SlabRecord;

namespace {

void say_guards_are_refused(const char* pool) {
    static std::atomic<bool> said{false};
    if (said.exchange(true, std::memory_order_relaxed)) return;
    std::fprintf(stderr,
                 "cprime: the kernel refuses more guard pages below stacks (it lacks MADV_GUARD_INSTALL, and "
                 "mprotect ended at "
                 "vm.max_map_count): further %s stacks have a canary instead; raise vm.max_map_count to "
                 "twice the number of stacks\n",
                 pool);
}

SlabGuards shown(GuardKind kind) {
    return kind == GuardKind::kMarked ? SlabGuards::kMarked : SlabGuards::kProtected;
}

// Room for one more element, so that the push_back() later cannot fail. Doubling: the vectors grow in step.
bool make_room(PoolShare& share) {
    if (share.slabs.size() < share.slabs.capacity() && share.with_room.capacity() >= share.slabs.capacity())
        return true;
    try {
        const std::size_t wanted = std::max<std::size_t>(8, 2 * share.slabs.size());
        share.with_room.reserve(wanted);
        share.slabs.reserve(wanted);
    } catch (const std::bad_alloc&) {
        return false;
    }
    share.with_room.reserve(share.slabs.capacity());
    return true;
}

}  // namespace

bool Pools::claim_slab(Worker* worker, PoolShare& share, std::uint8_t pool) {
    if (!make_room(share)) return false;
    const PoolGeometry& geometry = geometries_[pool];
    const std::uint64_t bytes = geometry.stride_bytes * kSlotsPerSlab;
    // One guard page below the lowest slot, whatever the class.
    void* memory = mmap(nullptr, bytes + kGuardBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return false;
    const std::uint64_t base = reinterpret_cast<std::uint64_t>(memory) + kGuardBytes;
    madvise(memory, bytes + kGuardBytes, MADV_NOHUGEPAGE);  // a huge page would be resident for one frame
    const std::uint32_t slab = segment_->allocate_records(section_of(pool), 1);
    if (slab == kNone) {
        munmap(memory, bytes + kGuardBytes);
        return false;
    }
    SlabRecord& record = slabs_[pool][slab];
    record.pool = pool;
    place_slab(record, base, bytes);
    install_guards(pool, slab, base);
    // Release: whoever sees an owner sees where the memory is.
    record.owner.store(worker != nullptr ? worker->index : coroscope::wire::kSlabOwnerOutside,
                       std::memory_order_release);
    std::uint32_t count = slabs_count_[pool].load(std::memory_order_relaxed);
    while (count < slab + 1 &&
           !slabs_count_[pool].compare_exchange_weak(count, slab + 1, std::memory_order_release)) {
    }
    states_[pool][slab].room = 0xff;
    share.slabs.push_back(slab);
    share.with_room.push_back(slab);
    sample_high_water();
    if (emit::listening(coroscope::wire::kCategoryPool)) {
        emit::probe::pool_grow(worker != nullptr ? worker->ring : emit::thread_writer(), 0, slab, pool);
    }
    return true;
}

bool Pools::map_ahead(std::uint8_t pool, std::uint64_t slots) {
    const std::uint64_t each = (slots + workers_count_ - 1) / workers_count_;
    for (std::uint32_t i = 0; i < workers_count_; ++i) {
        PoolShare& share = workers_[i].slots.pools[pool];
        while (share.slabs.size() * kSlotsPerSlab < each) {
            if (!claim_slab(&workers_[i], share, pool)) return false;
            if (!geometries_[pool].lazy_guards) continue;
            const std::uint64_t before = (share.slabs.size() - 1) * kSlotsPerSlab;
            const auto wanted = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(each - before, kSlotsPerSlab));
            for (std::uint32_t position = 0; position < wanted; ++position)
                arm_guard(pool, share.slabs.back() * kSlotsPerSlab + position);
        }
        std::reverse(share.with_room.begin(), share.with_room.end());  // the first slab first, as on demand
    }
    return true;
}

bool Pools::map_emergency(std::uint32_t slots) {
    PoolShare& share = outside_slots_.pools[kPoolEmergency];
    if (!claim_slab(nullptr, share, kPoolEmergency)) return false;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        const coroscope::wire::StackBounds usable = bounds(kPoolEmergency, slot);
        for (std::uint64_t page = usable.low; page < usable.high; page += kPageBytes)
            *reinterpret_cast<volatile char*>(page) = 0;
    }
    return true;
}

// Guards below all slots, or as far as the kernel goes. The one below slot 0 is beside the point of S5: it is there even where
// canaries do the work, and nobody is told when it is not.
void Pools::install_guards(std::uint8_t pool, std::uint32_t slab, std::uint64_t stack_base) {
    const PoolGeometry& geometry = geometries_[pool];
    detail::install_guards(stack_base - kGuardBytes, geometry.stride_bytes, 1, kGuardBytes);
    if (geometry.guard_bytes == 0 || geometry.lazy_guards) return;
    const GuardsMade made = detail::install_guards(stack_base, geometry.stride_bytes, kSlotsPerSlab,
                                                   geometry.guard_bytes + geometry.reserve_bytes);
    SlabState& state = states_[pool][slab];
    for (std::uint32_t word = 0; word < kSlabWords; ++word) {
        const std::uint32_t in_word = std::min(made.count - std::min(made.count, word * 64), 64U);
        state.guarded[word].store(in_word == 64 ? ~0ULL : (1ULL << in_word) - 1, std::memory_order_relaxed);
    }
    if (made.count != 0) slabs_[pool][slab].guards.store(shown(made.kind), std::memory_order_relaxed);
    slabs_[pool][slab].guarded_slots.store(made.count, std::memory_order_relaxed);
    if (made.count == kSlotsPerSlab) return;
    cprime_canary_pools.fetch_or(1U << pool, std::memory_order_relaxed);
    say_guards_are_refused(kPoolPlans[pool].name);
}

void Pools::arm_guard(std::uint8_t pool, std::uint32_t slot) {
    SlabState& state = state_of(pool, slot);
    if (is_set(state.guarded, slot) || is_set(state.canaries, slot)) return;
    const std::uint64_t guard = window(pool, slot).low - geometries_[pool].guard_bytes;
    const GuardsMade made = detail::install_guards(guard, geometries_[pool].stride_bytes, 1,
                                                   geometries_[pool].guard_bytes);
    if (made.count == 0) {
        cprime_canary_pools.fetch_or(1U << pool, std::memory_order_relaxed);
        say_guards_are_refused(kPoolPlans[pool].name);
        return;
    }
    state.guarded[word_of(slot)].fetch_or(bit_of(slot), std::memory_order_relaxed);
    SlabRecord& record = slabs_[pool][slot / kSlotsPerSlab];
    record.guards.store(shown(made.kind), std::memory_order_relaxed);
    record.guarded_slots.store(record.guarded_slots.load(std::memory_order_relaxed) + 1,
                               std::memory_order_relaxed);
}

bool Pools::grow(std::uint8_t pool, std::uint32_t slot, std::uint64_t address) {
    const PoolGeometry& geometry = geometries_[pool];
    const std::uint64_t closed = geometry.reserve_bytes != 0 ? closed_bytes(pool, slot) : 0;
    const std::uint64_t low = window(pool, slot).low;
    if (address < low || address >= low + closed) return false;
    const bool all = address < low + geometry.deep_bytes || geometry.deep_bytes == 0;
    const std::uint64_t stays_closed = all ? 0 : geometry.deep_bytes;
    if (!remove_guards(low + stays_closed, closed - stays_closed)) return false;
    SlabState& state = state_of(pool, slot);
    if (all) state.deep[word_of(slot)].fetch_or(bit_of(slot), std::memory_order_relaxed);
    state.grown[word_of(slot)].fetch_or(bit_of(slot), std::memory_order_relaxed);
    return true;
}

// The reserve's pages go back to the kernel. Where it will not guard them anew the slot stays grown.
void Pools::shrink_grown(std::uint8_t pool, std::uint32_t slot) {
    const std::uint64_t low = window(pool, slot).low;
    const std::uint64_t bytes = geometries_[pool].reserve_bytes;
    madvise(reinterpret_cast<void*>(low), bytes, MADV_DONTNEED);
    if (!restore_guards(low, bytes)) {
        say_guards_are_refused(kPoolPlans[pool].name);
        return;
    }
    SlabState& state = state_of(pool, slot);
    state.deep[word_of(slot)].fetch_and(~bit_of(slot), std::memory_order_relaxed);
    state.grown[word_of(slot)].fetch_and(~bit_of(slot), std::memory_order_relaxed);
}

}  // namespace cprime::detail
