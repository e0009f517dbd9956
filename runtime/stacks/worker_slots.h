// WorkerSlots: the slabs one worker owns, by pool, and which of them have a free slot.
//
// Private to the worker (or, for the share of threads that are no workers, under a lock); only `remote_freed` is written
// by others. The bitmaps themselves are the slab records in the segment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"

namespace cprime::detail {

struct PoolShare {
    std::vector<std::uint32_t> slabs;      // all owned
    std::vector<std::uint32_t> with_room;  // of those: may have a free slot; the last one is allocated from
    std::atomic<std::uint64_t> remote_freed{0};  // about how many slots others gave back; a hint, relaxed
};

struct WorkerSlots {
    std::array<PoolShare, coroscope::wire::kPoolsMax> pools;
};

}  // namespace cprime::detail
