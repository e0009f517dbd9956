// Pools: where stacks come from. One pool a size class, and one for coroutines made by signals.
//
// A slot is found by its number alone: slab = slot / 512, and the slab's record in the segment says where its memory is. The
// bitmaps in those records are the only bookkeeping there is (wire/pool.h states their rules); what is private here is
// which slabs a worker owns and which of them have room.
//
//   micro   256 B          canary, no colour (a parked Micro coroutine costs 370 B all in)
//   small   2 KiB (+64)    canary
//   medium  16 KiB         in a window of 64 KiB: guarded below; the guard, but for its last page, is lifted when a frame wants more; 16 colours
//   large   8 MiB reserved guard page below, the kernel pages it in
//
// Invariants
//   S1  allocate() hands out a slot whose owned bit was clear and whose remote bit is clear; only the owner sets owned bits.
//   S2  A slot given back by another thread keeps its owned bit until the owner sweeps [pool.remote].
//   S3  Slabs are never unmapped while the runtime lives: a stale slot number is never a wild address.
//   S4  A slot is grown (its reserve usable) from the fault that wanted it until it is given back; then its reserve is guarded and
//       empty again before anybody else can get the slot.
//
// Thread: any; a worker passes itself, other threads nullptr (they share one set of slabs under a lock). allocate() enters
// the kernel when a slab is mapped, else it is 8-15 cycles. Tested in tests/unit/runtime/pools_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/base/result.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/worker.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/worker_slots.h"

namespace cprime::detail {

inline constexpr std::uint8_t kPoolMicro = 0;
inline constexpr std::uint8_t kPoolSmall = 1;
inline constexpr std::uint8_t kPoolMedium = 2;
inline constexpr std::uint8_t kPoolLarge = 3;
inline constexpr std::uint8_t kPoolSignal = 4;
inline constexpr std::uint8_t kPoolLocal = 5;  // memory of MicroPools: see local_pools.h
inline constexpr std::uint8_t kPoolsCount = 6;

inline constexpr std::uint32_t kCanaryBytes = 16;

// What every use of a pool's slots needs, beside its record.
struct alignas(32) PoolGeometry {
    std::uint64_t stride_bytes = 0;
    std::uint32_t slot_bytes = 0;   // usable, before colouring
    std::uint32_t guard_bytes = 0;  // 0: canaries instead
    std::uint32_t colour_steps = 1;
    std::uint32_t canary_bytes = 0;
    std::uint32_t reserve_bytes = 0;  // between guard and slot, guarded until the stack grows into it
};

class Pools {
public:
    ~Pools();

    // Makes the pool records. `workers`: array of `workers_count`, for the owners of slabs.
    coroscope::base::Status start(coroscope::emit::StateSegment& segment, Worker* workers,
                                  std::uint32_t workers_count);

    // A free slot of the pool, marked used; kNone when there is no memory for another slab.
    std::uint32_t allocate(Worker* worker, std::uint8_t pool);
    // Gives a slot back. Nothing may be on it any more.
    void free(Worker* worker, std::uint8_t pool, std::uint32_t slot);

    const PoolGeometry& geometry(std::uint8_t pool) const { return geometries_[pool]; }
    coroscope::wire::SizeClass size_class(std::uint8_t pool) const { return records_[pool].size_class; }
    // Usable addresses of a slot as it stands, the canary included.
    coroscope::wire::StackBounds bounds(std::uint8_t pool, std::uint32_t slot) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint32_t position = slot % coroscope::wire::kSlotsPerSlab;
        const std::uint64_t low = slabs_[pool][slot / coroscope::wire::kSlotsPerSlab].stack_base +
                                  position * g.stride_bytes;
        const std::uint64_t colour = g.colour_steps > 1
                                         ? (position % g.colour_steps) * coroscope::wire::kCacheLineBytes
                                         : 0;
        const bool reserved = g.reserve_bytes != 0 && !grown(pool, slot);
        return {low + g.guard_bytes + (reserved ? g.reserve_bytes : 0), low + g.stride_bytes - colour};
    }
    // The most a slot can have: with its reserve, without its colour.
    coroscope::wire::StackBounds window(std::uint8_t pool, std::uint32_t slot) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint64_t low = slabs_[pool][slot / coroscope::wire::kSlotsPerSlab].stack_base +
                                  slot % coroscope::wire::kSlotsPerSlab * g.stride_bytes;
        return {low + g.guard_bytes, low + g.stride_bytes};
    }

    // Whether the slot's reserve is in use.
    bool grown(std::uint8_t pool, std::uint32_t slot) const {
        const std::uint32_t position = slot % coroscope::wire::kSlotsPerSlab;
        return (states_[pool][slot / coroscope::wire::kSlotsPerSlab].grown[position / 64].load(
                    std::memory_order_relaxed) &
                (1ULL << (position % 64))) != 0;
    }
    // Lifts the guard from the slot's reserve. Async-signal-safe; called by whoever runs on the slot. False: no reserve, grown
    // already, or the kernel would not.
    bool grow(std::uint8_t pool, std::uint32_t slot);

    // Whether a stack pointer lies within the slot's window, and quick.
    bool holds(std::uint8_t pool, std::uint32_t slot, std::uint64_t rsp) const {
        const PoolGeometry& g = geometries_[pool];
        const std::uint64_t base = slabs_[pool][slot / coroscope::wire::kSlotsPerSlab].stack_base;
        const std::uint64_t low = base + slot % coroscope::wire::kSlotsPerSlab * g.stride_bytes +
                                  g.guard_bytes;
        return rsp - low < g.stride_bytes - g.guard_bytes;
    }

    // Whether slots of this pool end in a canary: Micro and Small, and Medium or Large once the kernel refused guard pages.
    bool has_canaries(std::uint8_t pool) const {
        return geometries_[pool].canary_bytes != 0 || unguarded_[pool].load(std::memory_order_relaxed);
    }
    // Writes the slot's canary if it has none yet. Only where has_canaries().
    void arm_canary(std::uint8_t pool, std::uint32_t slot);
    // The slot's lower pages were given back to the kernel, and with them a canary, if there was one.
    void forget_canary(std::uint8_t pool, std::uint32_t slot);
    // Whether the slot's own canary, and that of the slot below it, are whole.
    bool canary_intact(std::uint8_t pool, std::uint32_t slot) const;

    // Finds the slot whose stride contains `address`. Async-signal-safe. False: no slot of ours.
    bool find_address(std::uint64_t address, std::uint8_t* pool, std::uint32_t* slot) const;

    // For LocalPools: a slab over memory that Pools neither maps nor unmaps, with all slots free; and its end, with all slots back.
    coroscope::wire::SlabRecord& slab(std::uint8_t pool, std::uint32_t slab) { return slabs_[pool][slab]; }
    void adopt_slab(std::uint8_t pool, std::uint32_t slab, std::uint64_t base, std::uint64_t bytes);
    void disown_slab(std::uint8_t pool, std::uint32_t slab);
    // A slot was handed out past allocate().
    void count_taken(Worker* worker, std::uint8_t pool);

    // Slots in use now (sum of the workers' counters), and the most ever seen at a sample.
    std::uint64_t used(std::uint8_t pool) const;
    // Takes a sample for high_water_slots and header.stack_bytes_peak.
    void sample_high_water();

private:
    struct SlabState {        // private side of a slab record
        bool listed = false;  // in its owner's with_room; the owner's
        std::atomic<std::uint64_t> armed[coroscope::wire::kSlabWords];  // canary written, or a Large slot's guard made
        // The reserve is usable. Writer: who runs on the slot, then who gives it back; read by the same, so relaxed.
        std::atomic<std::uint64_t> grown[coroscope::wire::kSlabWords];
    };

    PoolShare& share_of(Worker* worker, std::uint8_t pool) {
        return worker != nullptr ? worker->slots.pools[pool] : outside_slots_.pools[pool];
    }
    std::uint32_t take_slot(PoolShare& share, std::uint8_t pool);
    bool refill(Worker* worker, PoolShare& share, std::uint8_t pool);
    void sweep(PoolShare& share, std::uint8_t pool);
    bool claim_slab(Worker* worker, PoolShare& share, std::uint8_t pool);
    bool install_guards(std::uint8_t pool, std::uint64_t stack_base);
    void arm_guard(std::uint8_t pool, std::uint32_t slot);
    void shrink(std::uint8_t pool, std::uint32_t slot);
    std::uint64_t canary_address(std::uint8_t pool, std::uint32_t slot) const {
        return bounds(pool, slot).low;
    }

    coroscope::emit::StateSegment* segment_ = nullptr;
    Worker* workers_ = nullptr;
    std::uint32_t workers_count_ = 0;
    PoolGeometry geometries_[kPoolsCount];
    coroscope::wire::PoolRecord* records_ = nullptr;
    coroscope::wire::SlabRecord* slabs_[kPoolsCount] = {};
    SlabState* states_[kPoolsCount] = {};
    std::atomic<std::uint32_t> slabs_count_[kPoolsCount] = {};  // published ones [segment.publish]
    std::atomic<bool> unguarded_[kPoolsCount] = {};  // a slab has canaries because it could have no guard pages
    SpinLock outside_lock_;                          // guards outside_slots_
    WorkerSlots outside_slots_;
    std::atomic<std::int64_t> outside_used_[kPoolsCount] =
        {};  // taken minus given back by threads that are no workers
};

}  // namespace cprime::detail
