// Bitmap pools: allocation from the owner's newest slab with room, frees by bit, slabs mapped 512 slots at a time.
#include "runtime/stacks/pools.h"

#include <sys/mman.h>

#include <bit>
#include <cstdio>
#include <mutex>
#include <new>

#include "instrumentation/base/check.h"
#include "instrumentation/emit/probes.h"
#include "runtime/stacks/guards.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::wire::kSlabWords;
using coroscope::wire::kSlotsPerSlab;
using coroscope::wire::SectionKind;
using coroscope::wire::SizeClass;
using coroscope::wire::SlabRecord;

namespace {

// Sweeping looks at every slab of the share: worth it once this many slots came back from other threads.
constexpr std::uint64_t kSweepWorthwhile = 64;
constexpr std::uint64_t kCanaryFirst = 0x43505249'4d45a55aULL;
constexpr std::uint64_t kCanarySecond = 0x5aa5c0de'f00dbeefULL;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Instrumented frames, and the annotations around each switch, need more room than the small classes have.
constexpr std::uint32_t kMicroBytes = 16U << 10, kSmallBytes = 32U << 10, kMediumBytes = 64U << 10;
#else
constexpr std::uint32_t kMicroBytes = 256, kSmallBytes = 2U << 10, kMediumBytes = 16U << 10;
#endif
constexpr std::uint32_t kMediumReserveBytes = 3 * kMediumBytes;
constexpr std::uint32_t kLargeBytes = 8U << 20;
constexpr std::uint32_t kGuardBytes = coroscope::wire::kPageBytes;
// An odd number of pages: at a power of two the hot ends of 1000 stacks fall into 16 sets of the L2 cache (a yield around them
// took 32 instead of 20 ns).
constexpr std::uint32_t kMediumStrideBytes = kMediumBytes + kMediumReserveBytes + kGuardBytes;

struct PoolPlan {
    const char* name;
    SizeClass size_class;
    coroscope::wire::PoolPurpose purpose;
    PoolGeometry geometry;
};

// Colours are taken from a slot's own top: 15 lines at most of a guarded pool. A Small slot has a line between it and the
// next instead, and 256-byte slots never aliased.
constexpr PoolPlan kPlans[kPoolsCount] = {
    {"micro",
     SizeClass::kMicro,
     coroscope::wire::PoolPurpose::kOrdinary,
     {kMicroBytes, kMicroBytes, 0, 1, kCanaryBytes}},
    {"small",
     SizeClass::kSmall,
     coroscope::wire::PoolPurpose::kOrdinary,
     {kSmallBytes + 64, kSmallBytes, 0, 1, kCanaryBytes}},
    {"medium",
     SizeClass::kMedium,
     coroscope::wire::PoolPurpose::kOrdinary,
     {kMediumStrideBytes, kMediumBytes, kGuardBytes, 16, 0, kMediumReserveBytes}},
    {"large",
     SizeClass::kLarge,
     coroscope::wire::PoolPurpose::kOrdinary,
     {kLargeBytes + kGuardBytes, kLargeBytes, kGuardBytes, 16, 0}},
    {"signal",
     SizeClass::kMedium,
     coroscope::wire::PoolPurpose::kSignal,
     {kMediumStrideBytes, kMediumBytes, kGuardBytes, 16, 0, kMediumReserveBytes}},
    {"local",
     SizeClass::kMicro,
     coroscope::wire::PoolPurpose::kLocal,
     {kMicroBytes, kMicroBytes, 0, 1, kCanaryBytes}},
};

void write_canary(std::uint64_t address) {
    auto* words = reinterpret_cast<std::uint64_t*>(address);
    words[0] = kCanaryFirst ^ address;
    words[1] = kCanarySecond ^ address;
}

[[gnu::no_sanitize("address")]] bool canary_whole(std::uint64_t address) {
    valgrind_readable(address, address + kCanaryBytes);
    const auto* words = reinterpret_cast<const std::uint64_t*>(address);
    return words[0] == (kCanaryFirst ^ address) && words[1] == (kCanarySecond ^ address);
}

// A guard costs a page of page table where no neighbour is near: Large slots get theirs at their first use.
bool has_guards_by_slot(const PoolGeometry& geometry) {
    return geometry.guard_bytes != 0 && geometry.stride_bytes >= (2U << 20);
}

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

template <typename T>
T* reserve_array(std::uint64_t count) {
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

}  // namespace

coroscope::base::Status Pools::start(coroscope::emit::StateSegment& segment, Worker* workers,
                                     std::uint32_t workers_count) {
    segment_ = &segment;
    workers_ = workers;
    workers_count_ = workers_count;
    if (!segment.ensure_records(SectionKind::kPools, kPoolsCount)) {
        return coroscope::base::error(ErrorCode::kRefused, "cprime has no memory for the pool records");
    }
    records_ = segment.records<coroscope::wire::PoolRecord>(SectionKind::kPools);
    for (std::uint8_t pool = 0; pool < kPoolsCount; ++pool) {
        const PoolPlan& plan = kPlans[pool];
        geometries_[pool] = plan.geometry;
        coroscope::wire::PoolRecord& record = records_[pool];
        record.size_class = plan.size_class;
        record.purpose = plan.purpose;
        record.slot_bytes = plan.geometry.slot_bytes;
        record.stride_bytes = plan.geometry.stride_bytes;
        record.guard_bytes = plan.geometry.guard_bytes;
        record.colour_steps = plan.geometry.colour_steps;
        record.canary_bytes = plan.geometry.canary_bytes;
        record.name = segment.intern(plan.name);
        const auto section = static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) +
                                                      pool);
        slabs_[pool] = segment.records<SlabRecord>(section);
        states_[pool] = reserve_array<SlabState>(segment.records_max(section));
        if (states_[pool] == nullptr) {
            return coroscope::base::error(ErrorCode::kRefused,
                                          "cprime has no address space for its stack pools");
        }
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
        const auto section = static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) +
                                                      pool);
        munmap(states_[pool], segment_->records_max(section) * sizeof(SlabState));
    }
}

std::uint32_t Pools::allocate(Worker* worker, std::uint8_t pool) {
    std::unique_lock<SpinLock> outside(outside_lock_, std::defer_lock);
    if (worker == nullptr) outside.lock();
    PoolShare& share = share_of(worker, pool);
    std::uint32_t slot = take_slot(share, pool);
    while (slot == coroscope::wire::kNone) {
        if (!refill(worker, share, pool)) return coroscope::wire::kNone;
        slot = take_slot(share, pool);
    }
    if (has_guards_by_slot(geometries_[pool])) arm_guard(pool, slot);
    count_taken(worker, pool);
    return slot;
}

void Pools::count_taken(Worker* worker, std::uint8_t pool) {
    if (worker != nullptr) {
        auto& used = worker->record->used[pool];
        used.store(used.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
        outside_used_[pool].fetch_add(1, std::memory_order_relaxed);
    }
}

void Pools::adopt_slab(std::uint8_t pool, std::uint32_t slab, std::uint64_t base, std::uint64_t bytes) {
    new (&states_[pool][slab]) SlabState;  // no canary is armed there yet
    SlabRecord& record = slabs_[pool][slab];
    record.pool = pool;
    record.stack_base = base;
    record.stack_bytes = bytes;
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
    record.stack_base = 0;
    record.stack_bytes = 0;
}

// From the newest slab with room; slabs found full leave the list.
std::uint32_t Pools::take_slot(PoolShare& share, std::uint8_t pool) {
    const std::uint64_t left_free = geometries_[pool].canary_bytes != 0 ? valgrind_spaces() : 0;
    while (!share.with_room.empty()) {
        const std::uint32_t slab = share.with_room.back();
        SlabRecord& record = slabs_[pool][slab];
        for (std::uint32_t word = 0; word < kSlabWords; ++word) {
            const std::uint64_t owned = record.owned[word].load(std::memory_order_relaxed);
            if (~(owned | left_free) == 0) continue;
            const auto bit = static_cast<std::uint32_t>(std::countr_one(owned | left_free));
            // Release: a viewer that sees the bit sees the slab's record. Only the owner stores here.
            record.owned[word].store(owned | (1ULL << bit), std::memory_order_release);
            return slab * kSlotsPerSlab + word * 64 + bit;
        }
        states_[pool][slab].listed = false;
        share.with_room.pop_back();
    }
    return coroscope::wire::kNone;
}

bool Pools::refill(Worker* worker, PoolShare& share, std::uint8_t pool) {
    if (share.remote_freed.load(std::memory_order_relaxed) >= kSweepWorthwhile) sweep(share, pool);
    if (!share.with_room.empty()) return true;
    if (claim_slab(worker, share, pool)) return true;
    sweep(share, pool);  // no memory: whatever came back will do
    return !share.with_room.empty();
}

void Pools::sweep(PoolShare& share, std::uint8_t pool) {
    share.remote_freed.store(0, std::memory_order_relaxed);
    for (const std::uint32_t slab : share.slabs) {
        SlabRecord& record = slabs_[pool][slab];
        bool found = false;
        for (std::uint32_t word = 0; word < kSlabWords; ++word) {
            // [pool.remote] acquire: what the last coroutine did on the stack is over before the slot is used again.
            const std::uint64_t back = record.remote[word].load(std::memory_order_acquire);
            if (back == 0) continue;
            // First owned, then remote: used = owned & ~remote never shows a freed slot.
            record.owned[word].store(record.owned[word].load(std::memory_order_relaxed) & ~back,
                                     std::memory_order_release);
            record.remote[word].fetch_and(~back, std::memory_order_release);
            found = true;
        }
        if (found && !states_[pool][slab].listed) {
            states_[pool][slab].listed = true;
            share.with_room.push_back(slab);
        }
    }
}

bool Pools::claim_slab(Worker* worker, PoolShare& share, std::uint8_t pool) {
    const PoolGeometry& geometry = geometries_[pool];
    const std::uint64_t bytes = geometry.stride_bytes * kSlotsPerSlab;
    // One guard page below the lowest slot, whatever the class.
    void* memory = mmap(nullptr, bytes + kGuardBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return false;
    const std::uint64_t base = reinterpret_cast<std::uint64_t>(memory) + kGuardBytes;
    madvise(memory, bytes + kGuardBytes, MADV_NOHUGEPAGE);  // a huge page would be resident for one frame
    if (!install_guards(pool, base)) unguarded_[pool].store(true, std::memory_order_relaxed);
    const auto section = static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + pool);
    const std::uint32_t slab = segment_->allocate_records(section, 1);
    if (slab == coroscope::wire::kNone) {
        munmap(memory, bytes + kGuardBytes);
        return false;
    }
    SlabRecord& record = slabs_[pool][slab];
    record.pool = pool;
    record.stack_base = base;
    record.stack_bytes = bytes;
    // Release: whoever sees an owner sees where the memory is.
    record.owner.store(worker != nullptr ? worker->index : coroscope::wire::kSlabOwnerOutside,
                       std::memory_order_release);
    std::uint32_t count = slabs_count_[pool].load(std::memory_order_relaxed);
    while (count < slab + 1 &&
           !slabs_count_[pool].compare_exchange_weak(count, slab + 1, std::memory_order_release)) {
    }
    new (&states_[pool][slab]) SlabState;
    states_[pool][slab].listed = true;
    share.slabs.push_back(slab);
    share.with_room.push_back(slab);
    sample_high_water();
    if (emit::listening(coroscope::wire::kCategoryPool)) {
        emit::probe::pool_grow(worker != nullptr ? worker->ring : emit::thread_writer(), 0, slab, pool);
    }
    return true;
}

bool Pools::install_guards(std::uint8_t pool, std::uint64_t stack_base) {
    const PoolGeometry& geometry = geometries_[pool];
    if (detail::install_guards(stack_base - kGuardBytes, geometry.stride_bytes, 1, kGuardBytes) ==
        GuardKind::kRefused)
        return false;
    if (geometry.guard_bytes == 0 || has_guards_by_slot(geometry)) return true;
    if (detail::install_guards(stack_base, geometry.stride_bytes, kSlotsPerSlab,
                               geometry.guard_bytes + geometry.reserve_bytes) != GuardKind::kRefused)
        return true;
    say_guards_are_refused(kPlans[pool].name);
    return false;
}

void Pools::arm_guard(std::uint8_t pool, std::uint32_t slot) {
    auto& armed = states_[pool][slot / kSlotsPerSlab].armed[(slot % kSlotsPerSlab) / 64];
    const std::uint64_t bit = 1ULL << (slot % 64);
    if ((armed.load(std::memory_order_relaxed) & bit) != 0 || unguarded_[pool].load(std::memory_order_relaxed))
        return;
    const std::uint64_t guard = bounds(pool, slot).low - geometries_[pool].guard_bytes;
    if (detail::install_guards(guard, geometries_[pool].stride_bytes, 1, geometries_[pool].guard_bytes) ==
        GuardKind::kRefused) {
        say_guards_are_refused(kPlans[pool].name);
        unguarded_[pool].store(true, std::memory_order_relaxed);
        return;
    }
    armed.fetch_or(bit, std::memory_order_relaxed);
}

bool Pools::grow(std::uint8_t pool, std::uint32_t slot) {
    const PoolGeometry& geometry = geometries_[pool];
    if (geometry.reserve_bytes == 0 || grown(pool, slot)) return false;
    if (!remove_guards(window(pool, slot).low, geometry.reserve_bytes)) return false;
    const std::uint32_t position = slot % kSlotsPerSlab;
    states_[pool][slot / kSlotsPerSlab].grown[position / 64].fetch_or(1ULL << (position % 64),
                                                                      std::memory_order_relaxed);
    return true;
}

// The reserve's pages go back to the kernel. Where it will not guard them anew the slot stays grown.
void Pools::shrink(std::uint8_t pool, std::uint32_t slot) {
    const PoolGeometry& geometry = geometries_[pool];
    const std::uint64_t low = window(pool, slot).low;
    madvise(reinterpret_cast<void*>(low), geometry.reserve_bytes, MADV_DONTNEED);
    if (detail::install_guards(low, geometry.stride_bytes, 1, geometry.reserve_bytes) == GuardKind::kRefused) {
        say_guards_are_refused(kPlans[pool].name);
        return;
    }
    const std::uint32_t position = slot % kSlotsPerSlab;
    states_[pool][slot / kSlotsPerSlab].grown[position / 64].fetch_and(~(1ULL << (position % 64)),
                                                                       std::memory_order_relaxed);
}

void Pools::free(Worker* worker, std::uint8_t pool, std::uint32_t slot) {
    if (geometries_[pool].reserve_bytes != 0 && __builtin_expect(grown(pool, slot), 0)) shrink(pool, slot);
    const std::uint32_t slab = slot / kSlotsPerSlab;
    SlabRecord& record = slabs_[pool][slab];
    const std::uint32_t word = (slot % kSlotsPerSlab) / 64;
    const std::uint64_t bit = 1ULL << (slot % 64);
    const std::uint32_t owner = record.owner.load(std::memory_order_relaxed);
    if (worker != nullptr && owner == worker->index) {
        PoolShare& share = worker->slots.pools[pool];
        const std::uint64_t owned = record.owned[word].load(std::memory_order_relaxed);
        DCHECK((owned & bit) != 0);
        record.owned[word].store(owned & ~bit, std::memory_order_release);
        if (!states_[pool][slab].listed) {
            states_[pool][slab].listed = true;
            share.with_room.push_back(slab);
        }
    } else {
        // [pool.remote] release: the owner that takes the slot back sees everything done on this stack.
        const std::uint64_t before = record.remote[word].fetch_or(bit, std::memory_order_release);
        CHECK((before & bit) == 0);
        PoolShare& share = owner == coroscope::wire::kSlabOwnerOutside ? outside_slots_.pools[pool]
                                                                       : workers_[owner].slots.pools[pool];
        share.remote_freed.fetch_add(1, std::memory_order_relaxed);
    }
    if (worker != nullptr) {
        auto& used = worker->record->used[pool];
        used.store(used.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    } else {
        outside_used_[pool].fetch_sub(1, std::memory_order_relaxed);
    }
}

void Pools::arm_canary(std::uint8_t pool, std::uint32_t slot) {
    SlabState& state = states_[pool][slot / kSlotsPerSlab];
    auto& armed = state.armed[(slot % kSlotsPerSlab) / 64];
    const std::uint64_t bit = 1ULL << (slot % 64);
    if ((armed.load(std::memory_order_relaxed) & bit) != 0) return;
    write_canary(canary_address(pool, slot));
    // Release: who sees the bit sees the canary. fetch_or: only the slab's owner spawns here, but checks come from all sides.
    armed.fetch_or(bit, std::memory_order_release);
}

void Pools::forget_canary(std::uint8_t pool, std::uint32_t slot) {
    if (!has_canaries(pool)) return;
    SlabState& state = states_[pool][slot / kSlotsPerSlab];
    state.armed[(slot % kSlotsPerSlab) / 64].fetch_and(~(1ULL << (slot % 64)), std::memory_order_relaxed);
    arm_canary(pool, slot);
}

bool Pools::canary_intact(std::uint8_t pool, std::uint32_t slot) const {
    const SlabState& state = states_[pool][slot / kSlotsPerSlab];
    const std::uint32_t position = slot % kSlotsPerSlab;
    const auto whole = [&](std::uint32_t at) {
        const std::uint64_t armed = state.armed[at / 64].load(std::memory_order_acquire);
        return (armed & (1ULL << (at % 64))) == 0 || canary_whole(canary_address(pool, slot - position + at));
    };
    return whole(position) && (position == 0 || whole(position - 1));
}

bool Pools::find_address(std::uint64_t address, std::uint8_t* pool, std::uint32_t* slot) const {
    for (std::uint8_t p = 0; p < kPoolsCount; ++p) {
        const std::uint32_t count = slabs_count_[p].load(std::memory_order_acquire);
        for (std::uint32_t slab = 0; slab < count; ++slab) {
            const SlabRecord& record = slabs_[p][slab];
            if (address < record.stack_base - kGuardBytes || address >= record.stack_base + record.stack_bytes)
                continue;
            *pool = p;
            *slot = slab * kSlotsPerSlab + (address < record.stack_base
                                                ? 0
                                                : static_cast<std::uint32_t>((address - record.stack_base) /
                                                                             geometries_[p].stride_bytes));
            return true;
        }
    }
    return false;
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
