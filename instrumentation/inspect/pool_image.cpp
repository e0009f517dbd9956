// See pool_image.h.
#include "instrumentation/inspect/pool_image.h"

#include <algorithm>
#include <bit>

namespace coroscope::inspect {

void SlabImage::set_slots(std::uint32_t count) {
    slots = std::min(count, wire::kSlotsPerSlab);
    for (std::uint32_t word = 0; word < wire::kSlabWords; ++word) {
        const std::uint32_t in_word = std::min(slots - std::min(slots, word * 64), 64U);
        if (in_word < 64) used[word] &= (std::uint64_t{1} << in_word) - 1;
    }
}

std::uint64_t PoolImage::slots() const {
    std::uint64_t count = 0;
    for (const SlabImage& slab : slabs)
        count += slab.slots;
    return count;
}

std::uint64_t PoolImage::guarded_slots() const {
    std::uint64_t count = 0;
    for (const SlabImage& slab : slabs)
        count += slab.guarded_slots;
    return count;
}

std::uint64_t PoolImage::used() const {
    std::uint64_t count = 0;
    for (const SlabImage& slab : slabs) {
        for (const std::uint64_t word : slab.used)
            count += static_cast<std::uint64_t>(std::popcount(word));
    }
    return count;
}

wire::StackBounds PoolImage::bounds(std::uint32_t slot) const {
    const std::size_t slab = slot / wire::kSlotsPerSlab;
    if (!has(slot) || slabs[slab].stack_base == 0) return {};
    wire::PoolRecord record{};
    record.stride_bytes = stride_bytes;
    record.guard_bytes = guard_bytes;
    record.colour_steps = colour_steps;
    const wire::StackBounds bounds = wire::stack_bounds(record, slabs[slab].stack_base, slot);
    // Sizes come from the segment: nonsense (a guard larger than its stride, an address that wraps) is no
    // stack.
    if (bounds.low < slabs[slab].stack_base || bounds.high <= bounds.low ||
        bounds.high - bounds.low > stride_bytes) {
        return {};
    }
    return bounds;
}

}  // namespace coroscope::inspect
