// Where a slab's memory lies, as a fault looks it up (Pools::find_address) while other workers claim slabs: the count of slabs may already be
// beyond one that is still being filled in.
//
// [slab.place] Writers: who claims, adopts or disowns the slab: base first, then bytes (release). Reader: a fault on any thread: bytes first
// (acquire); 0 = not there yet, or not any more. Not weaker: bytes without their base would name a wrong slot.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/pool.h"

namespace cprime::detail {

inline void place_slab(coroscope::wire::SlabRecord& record, std::uint64_t base, std::uint64_t bytes) {
    std::atomic_ref(record.stack_base).store(base, std::memory_order_relaxed);
    std::atomic_ref(record.stack_bytes).store(bytes, std::memory_order_release);  // [slab.place]
}

inline void unplace_slab(coroscope::wire::SlabRecord& record) {
    std::atomic_ref(record.stack_bytes).store(0, std::memory_order_relaxed);
    std::atomic_ref(record.stack_base).store(0, std::memory_order_relaxed);
}

struct SlabPlace {
    std::uint64_t base = 0, bytes = 0;  // bytes 0: none
};
inline SlabPlace place_of_slab(coroscope::wire::SlabRecord& record) {
    SlabPlace place;
    place.bytes = std::atomic_ref(record.stack_bytes).load(std::memory_order_acquire);  // [slab.place]
    place.base = std::atomic_ref(record.stack_base).load(std::memory_order_relaxed);
    return place;
}

}  // namespace cprime::detail
