// The bitmaps: where a free slot is found, how it comes back, and what all of it adds up to.
#include "runtime/stacks/pools.h"

#include <sys/mman.h>

#include <mutex>

#include "instrumentation/base/check.h"
#include "runtime/stacks/guards.h"
#include "runtime/stacks/slab_place.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::wire::kSlabWords;
using coroscope::wire::kSlotsPerSlab;
using coroscope::wire::SectionKind;
using coroscope::wire::SlabRecord;

namespace {

// Sweeping looks at every slab of the share: worth it once this many slots came back from other threads.
constexpr std::uint64_t kSweepWorthwhile = 64;

}  // namespace

extern "C" {
constinit std::atomic<std::uint32_t> cprime_canary_pools{0};
}

coroscope::base::Status Pools::start(coroscope::emit::StateSegment& segment, Worker* workers,
                                     std::uint32_t workers_count) {
    segment_ = &segment;
    workers_ = workers;
    workers_count_ = workers_count;
    if (!segment.ensure_records(SectionKind::kPools, kPoolsCount)) {
        return coroscope::base::error(ErrorCode::kRefused, "cprime has no memory for the pool records");
    }
    records_ = segment.records<coroscope::wire::PoolRecord>(SectionKind::kPools);
    std::uint32_t with_canaries = 0;
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        const PoolPlan& plan = kPoolPlans[pool];
        if (plan.geometry.canary_bytes != 0) with_canaries |= 1U << pool;
        geometries_[pool] = plan.geometry;
        if (plan.geometry.canary_bytes != 0) {
            geometries_[pool].keeps_word = valgrind_spaces() == 0;
            geometries_[pool].quick_canaries = valgrind_spaces() == 0;
        }
        coroscope::wire::PoolRecord& record = records_[pool];
        record.size_class = plan.size_class;
        record.purpose = plan.purpose;
        record.slot_bytes = plan.geometry.slot_bytes;
        record.stride_bytes = plan.geometry.stride_bytes;
        record.guard_bytes = plan.geometry.guard_bytes;
        record.reserve_bytes = plan.geometry.reserve_bytes;
        record.colour_steps = plan.geometry.colour_steps;
        record.canary_bytes = plan.geometry.canary_bytes;
        record.name = segment.intern(plan.name);
        slabs_[pool] = segment.records<SlabRecord>(section_of(pool));
        void* states = mmap(nullptr, segment.records_max(section_of(pool)) * sizeof(SlabState),
                            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (states == MAP_FAILED) {
            return coroscope::base::error(ErrorCode::kRefused,
                                          "cprime has no address space for its stack pools");
        }
        states_[pool] = static_cast<SlabState*>(states);  // zeroed: nothing has room, no canary, no guard
        cprime_canary_pools.store(with_canaries, std::memory_order_relaxed);
    }
    return coroscope::base::ok_status();
}

Pools::~Pools() {
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        if (states_[pool] == nullptr) continue;
        const std::uint32_t count = slabs_count_[pool].load(std::memory_order_relaxed);
        for (std::uint32_t slab = 0; slab < count; ++slab) {
            const std::uint64_t base = slabs_[pool][slab].stack_base;
            munmap(reinterpret_cast<void*>(base - kGuardBytes), slabs_[pool][slab].stack_bytes + kGuardBytes);
        }
        munmap(states_[pool], segment_->records_max(section_of(pool)) * sizeof(SlabState));
    }
    forget_guards();
}

std::uint64_t Pools::slots_max(std::uint8_t pool) const {
    return std::uint64_t{segment_->records_max(section_of(pool))} * kSlotsPerSlab;
}

std::uint32_t Pools::allocate_slowly(Worker* worker, std::uint8_t pool) {
    std::unique_lock<SpinLock> outside(outside_lock_, std::defer_lock);
    if (worker == nullptr) outside.lock();
    PoolShare& share = share_of(worker, pool);
    std::uint32_t slot = take_slot(share, pool);
    while (slot == coroscope::wire::kNone) {
        if (!refill(worker, share, pool)) return coroscope::wire::kNone;
        slot = take_slot(share, pool);
    }
    if (geometries_[pool].lazy_guards) arm_guard(pool, slot);
    count_taken(worker, pool);
    return slot;
}

void Pools::count_taken(Worker* worker, std::uint8_t pool) {
    if (worker != nullptr) {
        count_used(*worker, pool, 1);
    } else {
        outside_used_[pool].fetch_add(1, std::memory_order_relaxed);
    }
}

void Pools::adopt_slab(std::uint8_t pool, std::uint32_t slab, std::uint64_t base, std::uint64_t bytes) {
    new (&states_[pool][slab]) SlabState;  // no canary is armed there yet
    SlabRecord& record = slabs_[pool][slab];
    record.pool = pool;
    place_slab(record, base, bytes);
    // Release: whoever sees an owner sees where the memory is.
    record.owner.store(coroscope::wire::kSlabOwnerOutside, std::memory_order_release);
}

void Pools::disown_slab(std::uint8_t pool, std::uint32_t slab) {
    SlabRecord& record = slabs_[pool][slab];
    for (std::uint32_t word = 0; word < kSlabWords; ++word) {
        record.owned[word].store(0, std::memory_order_relaxed);
        record.remote[word].store(0, std::memory_order_relaxed);
    }
    record.owner.store(coroscope::wire::kNone, std::memory_order_release);
    unplace_slab(record);
}

void Pools::touch(PoolShare& share, SlabState& state, std::uint32_t word) {
    const auto bit = static_cast<std::uint8_t>(1U << word);
    if ((state.resident & bit) == 0) ++share.resident_words;
    state.resident |= bit;
    state.touched |= bit;
    state.fresh = state.room & state.touched;
}

void Pools::note_room(PoolShare& share, SlabState& state, std::uint32_t slab, std::uint32_t word) {
    if (state.room == 0) share.with_room.push_back(slab);
    state.room |= static_cast<std::uint8_t>(1U << word);
    touch(share, state, word);
}

void Pools::note_full(SlabState& state, std::uint32_t word) {
    state.room &= static_cast<std::uint8_t>(~(1U << word));
    state.fresh = state.room & state.touched;
}

// The lowest free slot of the newest slab with room, whose word is the next ones' too; what is found full leaves the hints.
std::uint32_t Pools::take_slot(PoolShare& share, std::uint8_t pool) {
    const std::uint64_t left_free = geometries_[pool].canary_bytes != 0 ? valgrind_spaces() : 0;
    while (!share.with_room.empty()) {
        const std::uint32_t slab = share.with_room.back();
        SlabState& state = states_[pool][slab];
        while (state.room != 0) {
            const auto word = static_cast<std::uint32_t>(std::countr_zero(state.room));
            std::atomic<std::uint64_t>& bits = slabs_[pool][slab].owned[word];
            const std::uint64_t owned = bits.load(std::memory_order_relaxed);
            if ((owned | left_free) == ~0ULL) {
                note_full(state, word);
                continue;
            }
            touch(share, state, word);
            const auto bit = static_cast<std::uint32_t>(std::countr_one(owned | left_free));
            bits.store(owned | (1ULL << bit), std::memory_order_release);  // as in allocate()
            const std::uint32_t word_slot = slab * kSlotsPerSlab + word * 64;
            if (geometries_[pool].keeps_word) {
                share.word = &bits;
                share.word_slot = word_slot;
            }
            return word_slot + bit;
        }
        share.with_room.pop_back();
    }
    return coroscope::wire::kNone;
}

bool Pools::refill(Worker* worker, PoolShare& share, std::uint8_t pool) {
    const bool fixed = pool == kPoolEmergency;  // whatever it has was mapped at the start
    if (fixed || share.remote_freed.load(std::memory_order_relaxed) >= kSweepWorthwhile) sweep(share, pool);
    if (!share.with_room.empty()) return true;
    if (!fixed && claim_slab(worker, share, pool)) return true;
    sweep(share, pool);  // no memory: whatever came back will do
    return !share.with_room.empty();
}

void Pools::sweep(PoolShare& share, std::uint8_t pool) {
    share.remote_freed.store(0, std::memory_order_relaxed);
    for (const std::uint32_t slab : share.slabs) {
        SlabRecord& record = slabs_[pool][slab];
        for (std::uint32_t word = 0; word < kSlabWords; ++word) {
            // [pool.remote] acquire: what the last coroutine did on the stack is over before the slot is used again.
            const std::uint64_t back = record.remote[word].load(std::memory_order_acquire);
            if (back == 0) continue;
            // First owned, then remote: used = owned & ~remote never shows a freed slot.
            record.owned[word].store(record.owned[word].load(std::memory_order_relaxed) & ~back,
                                     std::memory_order_release);
            record.remote[word].fetch_and(~back, std::memory_order_release);
            note_room(share, states_[pool][slab], slab, word);
        }
    }
}

void Pools::free_slowly(Worker* worker, std::uint8_t pool, std::uint32_t slot) {
    shrink(pool, slot);
    if (worker != nullptr) {
        if (free_quickly(*worker, pool, slot)) return;
        count_used(*worker, pool, -1);
    } else {
        outside_used_[pool].fetch_sub(1, std::memory_order_relaxed);
    }
    SlabRecord& record = slabs_[pool][slot / kSlotsPerSlab];
    // [pool.remote] release: the owner that takes the slot back sees everything done on this stack.
    const std::uint64_t before = record.remote[word_of(slot)].fetch_or(bit_of(slot),
                                                                       std::memory_order_release);
    CHECK((before & bit_of(slot)) == 0);
    const std::uint32_t owner = record.owner.load(std::memory_order_relaxed);
    PoolShare& share = owner == coroscope::wire::kSlabOwnerOutside ? outside_slots_.pools[pool]
                                                                   : workers_[owner].slots.pools[pool];
    share.remote_freed.fetch_add(1, std::memory_order_relaxed);
}

bool Pools::find_address(std::uint64_t address, std::uint8_t* pool, std::uint32_t* slot) const {
    for (std::uint8_t p = 0; p < kPoolsCount; ++p) {
        const std::uint32_t count = slabs_count_[p].load(std::memory_order_acquire);
        for (std::uint32_t slab = 0; slab < count; ++slab) {
            const SlabPlace place = place_of_slab(slabs_[p][slab]);
            if (place.bytes == 0 || address < place.base - kGuardBytes || address >= place.base + place.bytes) continue;
            *pool = p;
            *slot = slab * kSlotsPerSlab +
                    (address < place.base
                         ? 0
                         : static_cast<std::uint32_t>((address - place.base) / geometries_[p].stride_bytes));
            return true;
        }
    }
    return false;
}

std::uint64_t Pools::mapped(std::uint8_t pool) const {
    return std::uint64_t{slabs_count_[pool].load(std::memory_order_relaxed)} * kSlotsPerSlab;
}

std::uint64_t Pools::guarded(std::uint8_t pool) const {
    std::uint64_t sum = 0;
    const std::uint32_t count = slabs_count_[pool].load(std::memory_order_acquire);
    for (std::uint32_t slab = 0; slab < count; ++slab)
        sum += slabs_[pool][slab].guarded_slots.load(std::memory_order_relaxed);
    return sum;
}

std::uint64_t Pools::trimmed_bytes(std::uint8_t pool) const {
    return records_[pool].trimmed_bytes.load(std::memory_order_relaxed);
}

std::uint64_t Pools::used(std::uint8_t pool) const {
    std::int64_t sum = outside_used_[pool].load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < workers_count_; ++i) {
        sum += workers_[i].record->used[pool].load(std::memory_order_relaxed);
    }
    return sum > 0 ? static_cast<std::uint64_t>(sum)
                   : 0;  // read one by one: may be off by what moves meanwhile
}

void Pools::sample_high_water() {
    const auto raise = [](std::atomic<std::uint64_t>& peak, std::uint64_t value) {
        std::uint64_t seen = peak.load(std::memory_order_relaxed);
        while (value > seen && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
        }
    };
    std::uint64_t bytes = 0;
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        const std::uint64_t now = used(pool);
        raise(records_[pool].high_water_slots, now);
        bytes += now * geometries_[pool].slot_bytes;
    }
    raise(segment_->header().stack_bytes_peak, bytes);
}

}  // namespace cprime::detail
