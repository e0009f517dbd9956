// One slab's free slots, and the pages under them. The protocol: trim.h.
#include <sys/mman.h>

#include <algorithm>

#include "instrumentation/emit/probes.h"
#include "runtime/stacks/pools.h"

namespace cprime::detail {

using coroscope::wire::kPageBytes;
using coroscope::wire::kSlabWords;
using coroscope::wire::kSlotsPerSlab;
using coroscope::wire::SlabRecord;

namespace {

constexpr std::uint64_t kPagesPerLook = 4096;

// Bytes that are resident in [from, to), both page aligned: of all pages, or, where each stride begins with `skip_bytes` of guard, of
// those above it (the kernel counts a guard mark as resident).
std::uint64_t resident_bytes(std::uint64_t from, std::uint64_t to, std::uint64_t stride_bytes,
                             std::uint64_t skip_bytes) {
    unsigned char resident[kPagesPerLook];
    std::uint64_t pages = 0;
    std::uint64_t in_stride = 0;
    for (std::uint64_t at = from; at < to; at += kPagesPerLook * kPageBytes) {
        const std::uint64_t count = std::min((to - at) / kPageBytes, kPagesPerLook);
        if (mincore(reinterpret_cast<void*>(at), count * kPageBytes, resident) != 0) return 0;
        for (std::uint64_t page = 0; page < count; ++page) {
            if (in_stride >= skip_bytes) pages += resident[page] & 1;
            in_stride += kPageBytes;
            if (skip_bytes != 0 && in_stride == stride_bytes) in_stride = 0;
        }
    }
    return pages * kPageBytes;
}

}  // namespace

TrimmedSlab Pools::trim_slab(Worker* worker, std::uint8_t pool, std::uint32_t slab, bool touched_too) {
    SlabState& state = states_[pool][slab];
    const SlabRecord& record = slabs_[pool][slab];
    PoolShare& share = share_of(worker, pool);
    const std::uint8_t words = touched_too ? state.resident
                                           : static_cast<std::uint8_t>(state.resident & ~state.touched);
    const bool was_touched = state.touched != 0;
    state.touched = 0;
    state.fresh = 0;
    // The next slot from here goes the long way, so that the word counts as touched again.
    if (share.word_slot / kSlotsPerSlab == slab) share.word = &g_full_word;
    std::uint64_t bytes = 0;
    std::uint32_t run = 0;  // free slots right below `slot`
    for (std::uint32_t slot = 0; slot <= kSlotsPerSlab; ++slot) {
        const bool is_free = slot < kSlotsPerSlab && (words >> (slot / 64) & 1) != 0 &&
                             (record.owned[slot / 64].load(std::memory_order_relaxed) & bit_of(slot)) == 0;
        if (is_free) {
            ++run;
        } else if (run != 0) {
            bytes += give_back(pool, slab, slot - run, run);
            run = 0;
        }
    }
    for (std::uint32_t word = 0; word < kSlabWords; ++word) {
        if ((words >> word & 1) == 0 || record.owned[word].load(std::memory_order_relaxed) != 0) continue;
        state.resident &= static_cast<std::uint8_t>(~(1U << word));
        --share.resident_words;
    }
    if (bytes == 0) return {0, was_touched};
    records_[pool].trimmed_bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (emit::listening(coroscope::wire::kCategoryPool)) {
        emit::probe::pool_trim(worker != nullptr ? worker->ring : emit::thread_writer(), 0,
                               static_cast<std::uint32_t>(bytes / kPageBytes), pool);
    }
    return {bytes, was_touched};
}

// A run of free slots. Pages that it shares with slots in use stay.
std::uint64_t Pools::give_back(std::uint8_t pool, std::uint32_t slab, std::uint32_t first,
                               std::uint32_t count) {
    const PoolGeometry& geometry = geometries_[pool];
    const std::uint64_t base = slabs_[pool][slab].stack_base + first * geometry.stride_bytes;
    const std::uint64_t from = (base + kPageBytes - 1) & ~(kPageBytes - 1);
    const std::uint64_t to = (base + count * geometry.stride_bytes) & ~(kPageBytes - 1);
    if (from >= to) return 0;
    const std::uint64_t bytes = resident_bytes(
        from, to, geometry.stride_bytes,
        geometry.guard_bytes != 0 ? geometry.guard_bytes + geometry.reserve_bytes : 0);
    if (bytes == 0) return 0;
    SlabState& state = states_[pool][slab];
    const bool canaries = has_canaries(pool);
    // [pool.trim] odd before the first canary goes, even after the last page went.
    if (canaries) {
        state.trims.fetch_add(1, std::memory_order_acq_rel);
        for (std::uint32_t slot = slab * kSlotsPerSlab + first, end = slot + count; slot < end; ++slot) {
            const std::uint64_t canary = canary_address(pool, slot);
            if (canary >= from && canary < to)
                state.canaries[word_of(slot)].fetch_and(~bit_of(slot), std::memory_order_release);
        }
    }
    // Guards survive this: marks by the kernel's promise, protection because it is the mapping's.
    const bool gone = madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED) == 0;
    if (canaries) state.trims.fetch_add(1, std::memory_order_acq_rel);
    return gone ? bytes : 0;
}

}  // namespace cprime::detail
