// Pool plans: which pools there are, and how the slots of each are laid out.
//
//   micro      256 B           canary, no colour (a parked Micro coroutine costs 370 B all in)
//   small      2 KiB (+64)     canary
//   medium     16 KiB          top of a window of 64 KiB: the rest is guarded, and lifted when a frame wants more; 16 colours
//   large      8 MiB reserved  guard page below, the kernel pages it in
//   signal     as medium       for coroutines that the signal thread makes
//   wide       as medium       top of a window of 256 KiB, for sites whose stacks have grown once. It is lifted in two steps: who needs the
//                              second one has used half of the window, and its site is better off in Large
//   local      as micro        in memory of the program: MicroPool
//   signal-small  as small     the same, for handlers that say they need no more
//   emergency  as medium       for signals when the signal pool is full or memory is refused
//
//   one slot of a window, low addresses on the left; deep_bytes is 0 where the reserve is lifted at once
//   | guard | reserve: deep part | reserve: the rest | slot_bytes ... colour |
//
// Strides of guarded pools are an odd number of pages: at a power of two the hot ends of 1000 stacks fall into 16 sets of the L2 cache
// (a yield around them took 32 instead of 20 ns).
//
// Thread: constants. Tested in tests/unit/runtime/pools_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"
#include "runtime/stacks/canary.h"

namespace cprime::detail {

// The first four are the pools of the size classes, by number.
inline constexpr std::uint8_t kPoolMicro = 0;
inline constexpr std::uint8_t kPoolSmall = 1;
inline constexpr std::uint8_t kPoolMedium = 2;
inline constexpr std::uint8_t kPoolLarge = 3;
inline constexpr std::uint8_t kPoolSignal = 4;
inline constexpr std::uint8_t kPoolWide = 5;
inline constexpr std::uint8_t kPoolEmergency = 6;
inline constexpr std::uint8_t kPoolLocal = 7;  // memory of MicroPools: see local_pools.h
inline constexpr std::uint8_t kPoolSignalSmall = 8;
inline constexpr std::uint8_t kPoolsCount = 9;

inline constexpr std::uint32_t kGuardBytes = coroscope::wire::kPageBytes;

// What every use of a pool's slots needs, beside its record.
struct alignas(32) PoolGeometry {
    std::uint64_t stride_bytes = 0;
    std::uint32_t slot_bytes = 0;     // usable, before colouring
    std::uint32_t guard_bytes = 0;    // 0: canaries instead
    std::uint32_t reserve_bytes = 0;  // between guard and slot, guarded until the stack grows into it
    std::uint32_t deep_bytes = 0;     // of the reserve: what only a second step lifts
    std::uint16_t colour_steps = 1;  // a power of two
    std::uint16_t canary_bytes = 0;
    // Each guard costs a page of page table, since no neighbour is near: made at the slot's first use.
    bool lazy_guards = false;
    bool keeps_word = true;  // where the last slot was found is where the next one is taken from
    bool quick_canaries = false;  // no guard, no reserve, no valgrind: a canary is at the low end of each stride
};
static_assert(sizeof(PoolGeometry) == 32);

struct PoolPlan {
    const char* name;
    coroscope::wire::SizeClass size_class;
    coroscope::wire::PoolPurpose purpose;
    PoolGeometry geometry;
};

extern const PoolPlan kPoolPlans[kPoolsCount];

// The class as users know it: 0..3.
inline constexpr std::uint8_t class_of(std::uint8_t pool) {
    if (pool == kPoolLocal) return kPoolMicro;
    if (pool == kPoolSignalSmall) return kPoolSmall;
    return pool <= kPoolLarge ? pool : kPoolMedium;
}

}  // namespace cprime::detail
