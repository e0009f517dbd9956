// See slot_finder.h.
#include "instrumentation/inspect/slot_finder.h"

#include <algorithm>

namespace coroscope::inspect {

SlotFinder::SlotFinder(const StateImage& state) {
    for (std::size_t p = 0; p < state.pools.size(); ++p) {
        const PoolImage& pool = state.pools[p];
        // MicroPools may lie on the stack of a coroutine, whose slot is the answer then: only the pools proper do not overlap.
        if (pool.stride_bytes == 0 || pool.purpose == wire::PoolPurpose::kLocal) continue;
        for (std::size_t s = 0; s < pool.slabs.size(); ++s) {
            const SlabImage& slab = pool.slabs[s];
            const std::uint64_t high = slab.stack_base + slab.slots * pool.stride_bytes;
            if (slab.stack_base == 0 || high <= slab.stack_base) continue;
            slabs_.push_back({slab.stack_base, high, pool.stride_bytes,
                              static_cast<std::uint32_t>(s * wire::kSlotsPerSlab),
                              static_cast<std::uint8_t>(p)});
        }
    }
    std::sort(slabs_.begin(), slabs_.end(), [](const Slab& a, const Slab& b) { return a.low < b.low; });
}

std::optional<SlotFinder::Place> SlotFinder::find(std::uint64_t address) const {
    const auto after = std::upper_bound(
        slabs_.begin(), slabs_.end(), address,
        [](std::uint64_t value, const Slab& slab) { return value < slab.low; });
    if (after == slabs_.begin() || address >= std::prev(after)->high) return std::nullopt;
    const Slab& slab = *std::prev(after);
    return Place{slab.pool, slab.first_slot + static_cast<std::uint32_t>((address - slab.low) / slab.stride)};
}

}  // namespace coroscope::inspect
