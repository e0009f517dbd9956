// Stack pools: size classes, slabs of 512 slots, and the bitmaps that are the heatmap.
//
// A pool is a run of slabs; a slab is 512 slots of one size, an owner, and two lines of bitmap:
//
//   owned  [8 words]  bit set = handed out by the owner; written by the owning worker only
//   remote [8 words]  bit set = given back by somebody else; set by anyone (fetch_or), cleared by the owner (fetch_and)
//   used = owned & ~remote
//
// The owner takes remote frees in by clearing `owned` first and `remote` second, so a reader never sees a freed slot
// flash up as used [pool.remote].
//
//   slot s of pool p: slab s / 512, position i = s % 512
//   low  = slab.stack_base + i * pool.stride_bytes + pool.guard_bytes       lowest usable byte
//   high = slab.stack_base + (i + 1) * pool.stride_bytes - colour(i)        one past the first byte pushed
//   colour(i) = (i % pool.colour_steps) * 64: tops of equal strides would fight for the same cache sets
//
// Tested in tests/unit/wire and tests/unit/runtime; the viewer's heatmap reads exactly these words.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

enum class SizeClass : std::uint8_t { kMicro = 0, kSmall = 1, kMedium = 2, kLarge = 3 };
inline constexpr std::uint8_t kSizeClassesCount = 4;

enum class PoolPurpose : std::uint8_t {
    kOrdinary = 0,
    kSignal = 1,     // coroutines made by the signal thread
    kEmergency = 2,  // for signals when their pool is full or memory is refused
    kLocal = 3,      // MicroPools, in static memory or on a stack
    kWide = 4,       // ordinary coroutines of sites whose stacks have grown: a wider window
};

struct PoolRecord {  // 64 bytes; constant after its publication but for the atomics
    SizeClass size_class;
    PoolPurpose purpose;
    std::uint16_t reserved0;
    std::uint32_t slot_bytes;                     // usable bytes of a slot before colouring
    std::uint64_t stride_bytes;                   // from slot to slot
    std::uint32_t guard_bytes;                    // unreadable bytes at the low end (0 = canaries instead)
    std::uint32_t colour_steps;                   // 1 = no colour
    std::uint32_t canary_bytes;                   // at the lowest usable address; 0 = none
    std::uint32_t name;                           // string
    std::atomic<std::uint64_t> high_water_slots;  // most used at once; writer: workers at slab claims and ends (max)
    std::atomic<std::uint64_t> spawns;            // reserved
    std::atomic<std::uint64_t> trimmed_bytes;  // given back to the kernel by trims so far; writers: fetch_add
    std::uint32_t reserve_bytes;  // between guard and slot; guarded, too, until a stack grows into it (kCoroutineGrown)
    std::uint32_t reserved1;
};
static_assert(sizeof(PoolRecord) == 64);

inline constexpr std::uint32_t kSlabOwnerOutside = 0xfffffffeU;  // shared by threads that are no workers, under a lock

// What stands below the slots of a slab. The first is what a pool with canary_bytes has.
enum class SlabGuards : std::uint32_t {
    kCanaries = 0,   // none: canaries, by plan or because the kernel refused guards
    kMarked = 1,     // MADV_GUARD_INSTALL
    kProtected = 2,  // mprotect
};

struct alignas(64) SlabRecord {  // 192 bytes: three lines, so that remote frees do not disturb the owner
    std::atomic<std::uint32_t> owner;  // worker index, kSlabOwnerOutside, or kNone = up for grabs
    std::uint32_t pool;
    std::uint64_t stack_base;        // address in the target of slot 0's stride
    std::uint64_t stack_bytes;       // mapped there
    std::atomic<SlabGuards> guards;  // writer: owner
    std::atomic<std::uint32_t>
        guarded_slots;  // have a guard page; the others have a canary, or were never used; writer: owner
    std::uint64_t reserved[4];
    alignas(64) std::atomic<std::uint64_t> owned[kSlabWords];  // writer: owner (release); readers: viewers, remote frees
    alignas(64) std::atomic<std::uint64_t> remote[kSlabWords];  // writers: anyone; [pool.remote]
};
static_assert(sizeof(SlabRecord) == 192);

struct StackBounds {
    std::uint64_t low = 0;   // lowest usable address (above guard)
    std::uint64_t high = 0;  // one past the highest
};

// Bounds of a slot's stack in the target's address space.
inline StackBounds stack_bounds(const PoolRecord& pool, std::uint64_t slab_stack_base, std::uint32_t slot) {
    const std::uint64_t position = slot % kSlotsPerSlab;
    const std::uint64_t low = slab_stack_base + position * pool.stride_bytes;
    const std::uint64_t colour = pool.colour_steps > 1 ? (position % pool.colour_steps) * kCacheLineBytes : 0;
    return {low + pool.guard_bytes, low + pool.stride_bytes - colour};
}

}  // namespace coroscope::wire
