// Pools: where stacks come from. Which there are: pool_plan.h.
//
// A slot is found by its number alone: slab = slot / 512, and the slab's record in the segment says where its memory is. The
// bitmaps in those records are the only bookkeeping there is (wire/pool.h states their rules); what is private here is
// which slabs a worker owns and where it looks for room first (worker_slots.h).
//
// Invariants
//   S1  allocate() hands out a slot whose owned bit was clear and whose remote bit is clear; only the owner sets owned bits.
//   S2  A slot given back by another thread keeps its owned bit until the owner sweeps [pool.remote].
//   S3  Slabs are never unmapped while the runtime lives: a stale slot number is never a wild address.
//   S4  A slot is grown (its reserve usable) from the fault that wanted it until it is given back; then its reserve is guarded and
//       empty again before anybody else can get the slot.
//   S5  Each slot has either a guard below it or a canary at its low end; `guarded` and `canaries` of its slab say which.
//   S6  Only the owner gives the memory of a free slot back to the kernel (trim.h), and it hands out none of its slots meanwhile: so nobody can
//       be given a slot whose pages are about to go.
//
// How many slots may be in use, and who waits for one, is decided before (slot_gates.h).
//
// Thread: any; a worker passes itself, other threads nullptr (they share one set of slabs under a lock). allocate() enters
// the kernel when a slab is mapped, else allocate() and free() together take 8-15 cycles (`bench slot_lifo`). Tested in
// tests/unit/runtime/pools_test.cpp, guards_test.cpp and trim_test.cpp.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "instrumentation/base/result.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/worker.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/pool_plan.h"
#include "runtime/stacks/worker_slots.h"

namespace cprime::detail {

// Bit p: slots of pool p may end in a canary. What Pools::has_canaries() says, for the assembly; written with it.
extern "C" std::atomic<std::uint32_t> cprime_canary_pools;

struct TrimmedSlab {
    std::uint64_t bytes = 0;   // that were resident, and are not any more
    bool was_touched = false;  // slots were taken from it, or returned to it, since the last call
};

class Pools {
public:
    ~Pools();

    // Makes the pool records. `workers`: array of `workers_count`, for the owners of slabs.
    coroscope::base::Status start(coroscope::emit::StateSegment& segment, Worker* workers,
                                  std::uint32_t workers_count);
    // Before the workers run: at least `slots` slots of the pool, mapped, guarded and divided over the workers, in whole slabs. False:
    // no memory.
    bool map_ahead(std::uint8_t pool, std::uint64_t slots);
    // Before the workers run: the emergency pool's only slab, the lowest `slots` of it backed by memory. False: no memory.
    bool map_emergency(std::uint32_t slots);
    // The most slots that the pool's records can describe.
    std::uint64_t slots_max(std::uint8_t pool) const;

    // A free slot of the pool, marked used; kNone when there is no memory for another slab.
    std::uint32_t allocate(Worker* worker, std::uint8_t pool) {
        if (__builtin_expect(worker != nullptr, 1)) {
            PoolShare& share = worker->slots.pools[pool];
            const std::uint64_t owned = share.word->load(std::memory_order_relaxed);
            if (__builtin_expect(owned != ~0ULL, 1)) {
                // Release: a viewer that sees the bit sees the slab's record. Only the owner stores here.
                share.word->store(owned | (owned + 1), std::memory_order_release);
                count_used(*worker, pool, 1);
                return share.word_slot + static_cast<std::uint32_t>(std::countr_one(owned));
            }
        }
        return allocate_slowly(worker, pool);
    }
    // Gives a slot back. Nothing may be on it any more.
    void free(Worker* worker, std::uint8_t pool, std::uint32_t slot) {
        if (__builtin_expect(worker == nullptr || !free_quickly(*worker, pool, slot), 0)) {
            free_slowly(worker, pool, slot);
        }
    }
    // The first half of free(), early: the slot's reserve is guarded and empty again. Enters the kernel if it had grown.
    void shrink(std::uint8_t pool, std::uint32_t slot) {
        if (__builtin_expect(grown(pool, slot), 0)) shrink_grown(pool, slot);
    }

    const PoolGeometry& geometry(std::uint8_t pool) const { return geometries_[pool]; }
    coroscope::wire::SizeClass size_class(std::uint8_t pool) const { return records_[pool].size_class; }
    // Usable addresses of a slot as it stands, the canary included.
    coroscope::wire::StackBounds bounds(std::uint8_t pool, std::uint32_t slot) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint32_t position = slot % coroscope::wire::kSlotsPerSlab;
        const std::uint64_t low = base_of(pool, slot) + position * g.stride_bytes;
        const std::uint64_t colour = (position & (g.colour_steps - 1U)) * coroscope::wire::kCacheLineBytes;
        const std::uint64_t closed = g.reserve_bytes != 0 ? closed_bytes(pool, slot) : 0;
        return {low + g.guard_bytes + closed, low + g.stride_bytes - colour};
    }
    // The most a slot can have: with its reserve, without its colour.
    coroscope::wire::StackBounds window(std::uint8_t pool, std::uint32_t slot) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint64_t low = base_of(pool, slot) + slot % coroscope::wire::kSlotsPerSlab * g.stride_bytes;
        return {low + g.guard_bytes, low + g.stride_bytes};
    }

    // Whether the slot's reserve is in use, and whether its deep part is, too.
    bool grown(std::uint8_t pool, std::uint32_t slot) const {
        return is_set(state_of(pool, slot).grown, slot);
    }
    bool deep(std::uint8_t pool, std::uint32_t slot) const { return is_set(state_of(pool, slot).deep, slot); }
    // Lifts the guard from the slot's reserve, as far as `address`, which faulted, wants it. Async-signal-safe; called by whoever runs on the
    // slot. False: no such reserve, or the kernel would not.
    bool grow(std::uint8_t pool, std::uint32_t slot, std::uint64_t address);

    // Whether a stack pointer lies within the slot's window, and quick.
    bool holds(std::uint8_t pool, std::uint32_t slot, std::uint64_t rsp) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint64_t low = base_of(pool, slot) +
                                  slot % coroscope::wire::kSlotsPerSlab * g.stride_bytes + g.guard_bytes;
        return rsp - low < g.stride_bytes - g.guard_bytes;
    }

    // Whether slots of this pool may end in a canary: Micro and Small, and the others once the kernel refused guard pages.
    bool has_canaries(std::uint8_t pool) const {
        return (cprime_canary_pools.load(std::memory_order_relaxed) >> pool & 1) != 0;
    }
    // Writes the slot's canary if it has none yet and no guard either. Only where has_canaries().
    void arm_canary(std::uint8_t pool, std::uint32_t slot);
    bool has_canary(std::uint8_t pool, std::uint32_t slot) const {
        return is_set(state_of(pool, slot).canaries, slot);
    }
    // The slot's lower pages were given back to the kernel, and with them a canary, if there was one.
    void forget_canary(std::uint8_t pool, std::uint32_t slot);
    // Whether the slot's own canary, and that of the slot below it, are whole.
    bool canary_intact(std::uint8_t pool, std::uint32_t slot) const {
        return canaries_stand(pool, slot) || canary_intact_slowly(pool, slot);
    }

    // Finds the slot whose stride contains `address`. Async-signal-safe. False: no slot of ours.
    bool find_address(std::uint64_t address, std::uint8_t* pool, std::uint32_t* slot) const;

    // For LocalPools: a slab over memory that Pools neither maps nor unmaps, with all slots free; and its end, with all slots back.
    coroscope::wire::SlabRecord& slab(std::uint8_t pool, std::uint32_t slab) { return slabs_[pool][slab]; }
    void adopt_slab(std::uint8_t pool, std::uint32_t slab, std::uint64_t base, std::uint64_t bytes);
    void disown_slab(std::uint8_t pool, std::uint32_t slab);
    // A slot was handed out past allocate().
    void count_taken(Worker* worker, std::uint8_t pool);

    // Gives the memory of the slab's free slots back to the kernel (S6); `touched_too`: also of words that were used since the last call.
    // The slab's owner only; nullptr: a holder of outside_lock().
    TrimmedSlab trim_slab(Worker* worker, std::uint8_t pool, std::uint32_t slab, bool touched_too);
    PoolShare& share_of(Worker* worker, std::uint8_t pool) {
        return worker != nullptr ? worker->slots.pools[pool] : outside_slots_.pools[pool];
    }
    // Takes in what others gave back. The share's owner.
    void sweep(PoolShare& share, std::uint8_t pool);
    SpinLock& outside_lock() { return outside_lock_; }

    // Slots in use now (sum of the workers' counters), mapped, and with a guard page below them.
    std::uint64_t used(std::uint8_t pool) const;
    std::uint64_t mapped(std::uint8_t pool) const;
    std::uint64_t guarded(std::uint8_t pool) const;
    // Bytes that trims gave back so far.
    std::uint64_t trimmed_bytes(std::uint8_t pool) const;
    // Takes a sample for high_water_slots and header.stack_bytes_peak.
    void sample_high_water();

private:
    using Bits = std::atomic<std::uint64_t>[coroscope::wire::kSlabWords];  // one a slot

    struct alignas(64) SlabState {  // private side of a slab record
        // The owner's, one bit a word of the bitmap. A slab is in its owner's with_room while room != 0.
        std::uint8_t room = 0;      // may have a free slot; clear: is full
        std::uint8_t touched = 0;   // gave or got a slot since the last round of trimming
        std::uint8_t fresh = 0;     // room & touched: what free() looks at
        std::uint8_t resident = 0;  // its slots may hold memory
        // Odd while a trim takes canaries away [pool.trim]. Writer: the owner; readers: checks of canaries.
        std::atomic<std::uint32_t> trims{0};
        // Canary written. Writers: the owner; whoever runs on the slot. Readers: checks from all sides.
        Bits canaries;
        // Has its guard. Writer: the owner, before the slot is first handed out.
        Bits guarded;
        // The reserve, its deep part, is usable. Writer: who runs on the slot, then who gives it back; read by the same, so relaxed.
        Bits grown;
        Bits deep;
    };

    static constexpr std::uint32_t word_of(std::uint32_t slot) {
        return slot % coroscope::wire::kSlotsPerSlab / 64;
    }
    static constexpr std::uint64_t bit_of(std::uint32_t slot) { return 1ULL << (slot % 64); }
    static bool is_set(const Bits& bits, std::uint32_t slot) {
        return (bits[word_of(slot)].load(std::memory_order_relaxed) & bit_of(slot)) != 0;
    }
    static coroscope::wire::SectionKind section_of(std::uint8_t pool) {
        return static_cast<coroscope::wire::SectionKind>(
            static_cast<std::uint32_t>(coroscope::wire::SectionKind::kSlabsFirst) + pool);
    }
    const SlabState& state_of(std::uint8_t pool, std::uint32_t slot) const {
        return states_[pool][slot / coroscope::wire::kSlotsPerSlab];
    }
    SlabState& state_of(std::uint8_t pool, std::uint32_t slot) {
        return states_[pool][slot / coroscope::wire::kSlotsPerSlab];
    }
    std::uint64_t base_of(std::uint8_t pool, std::uint32_t slot) const {
        return slabs_[pool][slot / coroscope::wire::kSlotsPerSlab].stack_base;
    }
    // Bytes of the slot's reserve that are guarded now.
    std::uint32_t closed_bytes(std::uint8_t pool, std::uint32_t slot) const {
        if (!grown(pool, slot)) return geometries_[pool].reserve_bytes;
        return deep(pool, slot) ? 0 : geometries_[pool].deep_bytes;
    }
    std::uint64_t canary_address(std::uint8_t pool, std::uint32_t slot) const {
        return bounds(pool, slot).low;
    }
    // Whether both canaries are armed and whole, for slots that are nothing but a canary and a stack. False says nothing; never true under
    // sanitizers and valgrind, which want to be told first.
    bool canaries_stand([[maybe_unused]] std::uint8_t pool, [[maybe_unused]] std::uint32_t slot) const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        return false;
#else
        const PoolGeometry& g = geometries_[pool];
        const std::uint32_t position = slot % coroscope::wire::kSlotsPerSlab;
        if (!g.quick_canaries || position % 64 == 0) return false;
        const std::uint64_t both = 3ULL << (position - 1) % 64;
        // Acquire: who sees a bit sees the canary that was written before.
        if ((state_of(pool, slot).canaries[position / 64].load(std::memory_order_acquire) & both) != both)
            return false;
        const std::uint64_t low = base_of(pool, slot) + position * g.stride_bytes;
        return canary_stands(low) && canary_stands(low - g.stride_bytes);
#endif
    }
    bool canary_intact_slowly(std::uint8_t pool, std::uint32_t slot) const;
    static void count_used(Worker& worker, std::uint8_t pool, std::int64_t amount) {
        auto& used = worker.record->used[pool];
        used.store(used.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    // The owner gives back a slot that has not grown. False: somebody else's slab, or a reserve to be closed first.
    bool free_quickly(Worker& worker, std::uint8_t pool, std::uint32_t slot) {
        const std::uint32_t slab = slot / coroscope::wire::kSlotsPerSlab;
        coroscope::wire::SlabRecord& record = slabs_[pool][slab];
        if (record.owner.load(std::memory_order_relaxed) != worker.index) return false;
        SlabState& state = states_[pool][slab];
        const PoolGeometry& geometry = geometries_[pool];
        if (geometry.reserve_bytes != 0 && is_set(state.grown, slot)) return false;
        const std::uint32_t word = word_of(slot);
        std::atomic<std::uint64_t>& owned = record.owned[word];
        // Release: a viewer that sees the slot free sees what was done on it before as done.
        owned.store(owned.load(std::memory_order_relaxed) & ~bit_of(slot), std::memory_order_release);
        PoolShare& share = worker.slots.pools[pool];
        if (__builtin_expect((state.fresh >> word & 1) == 0, 0)) note_room(share, state, slab, word);
        // Stored only when it changes: the next allocate() need not wait for it then.
        if (share.word != &owned && geometry.keeps_word) {
            share.word = &owned;
            share.word_slot = slot & ~63U;
        }
        count_used(worker, pool, -1);
        return true;
    }
    std::uint32_t allocate_slowly(Worker* worker, std::uint8_t pool);
    void free_slowly(Worker* worker, std::uint8_t pool, std::uint32_t slot);
    void note_room(PoolShare& share, SlabState& state, std::uint32_t slab, std::uint32_t word);
    void note_full(SlabState& state, std::uint32_t word);
    void touch(PoolShare& share, SlabState& state, std::uint32_t word);
    std::uint32_t take_slot(PoolShare& share, std::uint8_t pool);
    bool refill(Worker* worker, PoolShare& share, std::uint8_t pool);
    bool claim_slab(Worker* worker, PoolShare& share, std::uint8_t pool);
    void install_guards(std::uint8_t pool, std::uint32_t slab, std::uint64_t stack_base);
    void arm_guard(std::uint8_t pool, std::uint32_t slot);
    void shrink_grown(std::uint8_t pool, std::uint32_t slot);
    bool canary_whole_at(std::uint8_t pool, std::uint32_t slot) const;
    std::uint64_t give_back(std::uint8_t pool, std::uint32_t slab, std::uint32_t first, std::uint32_t count);

    coroscope::emit::StateSegment* segment_ = nullptr;
    Worker* workers_ = nullptr;
    std::uint32_t workers_count_ = 0;
    PoolGeometry geometries_[kPoolsCount];
    coroscope::wire::PoolRecord* records_ = nullptr;
    coroscope::wire::SlabRecord* slabs_[kPoolsCount] = {};
    SlabState* states_[kPoolsCount] = {};
    std::atomic<std::uint32_t> slabs_count_[kPoolsCount] = {};  // published ones [segment.publish]
    SpinLock outside_lock_;                          // guards outside_slots_
    WorkerSlots outside_slots_;
    std::atomic<std::int64_t> outside_used_[kPoolsCount] =
        {};  // taken minus given back by threads that are no workers
};

}  // namespace cprime::detail
