// WorkerSlots: the slabs one worker owns, by pool, and where it finds a free slot in them. Three levels:
//
//   word       the bitmap word that the next slot is taken from: the one that gave or got a slot last
//   room       a byte a slab: which of its eight words may have a free slot (SlabState, pools.h)
//   with_room  the owned slabs that may have one; the last is looked at first
//
// All three are hints about the bitmaps in the segment, which alone say what is free. A word left out is full for certain.
//
// Private to the worker (or, for the share of threads that are no workers, under a lock); only `remote_freed` is written
// by others.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"

namespace cprime::detail {

// Where `word` points when there is none: full, hence never written.
inline constinit std::atomic<std::uint64_t> g_full_word{~0ULL};

struct PoolShare {
    std::atomic<std::uint64_t>* word = &g_full_word;  // of SlabRecord::owned
    std::uint32_t word_slot = 0;                      // slot of its lowest bit
    std::uint32_t resident_words = 0;  // words of all slabs whose slots may hold memory (SlabState::resident)
    std::vector<std::uint32_t> slabs;  // all owned
    std::vector<std::uint32_t> with_room;  // as many elements reserved: giving back allocates nothing
    // About how many slots others gave back; a hint, relaxed. A line of its own: the owner's is not disturbed.
    alignas(64) std::atomic<std::uint64_t> remote_freed{0};
};

// How far the worker is with giving memory back by itself (trim.h). The worker's own.
struct TrimRound {
    std::uint64_t due_ticks = 0;   // when the next round begins; 0 = none is wanted
    std::uint32_t wait_shift = 0;  // fruitless rounds: each doubles the wait for the next
    std::uint8_t pool = 0;         // where the round stands
    std::uint32_t slab = 0;        // position in that pool's PoolShare::slabs
    bool under_way = false;
    bool fruitful = false;
};

struct WorkerSlots {
    std::array<PoolShare, coroscope::wire::kPoolsMax> pools;
    TrimRound trim;
};

}  // namespace cprime::detail
