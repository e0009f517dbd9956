// Painting, scanning, and asking the kernel which pages were touched.
#include "runtime/stacks/high_water.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/switch/valgrind.h"

namespace cprime::detail {

using coroscope::wire::kPageBytes;
using coroscope::wire::StackBounds;

namespace {

constexpr std::uint64_t kPaint = 0xc0c0a5a5'c0c0a5a5ULL;
constexpr std::uint64_t kPagesPerLook = 64;

bool is_paged(const PoolGeometry& geometry) {
    return geometry.slot_bytes > kPageBytes && geometry.guard_bytes != 0;
}

std::uint64_t top_page(const StackBounds& bounds) {
    return (bounds.high - 1) & ~(kPageBytes - 1);
}

// Lowest painted address: the canary stays, and the word after it, which belongs to segments.
std::uint64_t paint_low(const PoolGeometry& geometry, const StackBounds& bounds) {
    if (is_paged(geometry)) return top_page(bounds);
    return bounds.low + wire::kOwnSlotLimitBytes - COROSCOPE_ROOM_BELOW_LIMIT;
}

// First word in [low, high) that differs from `untouched`; high if none.
[[gnu::no_sanitize("address"), gnu::no_sanitize("thread")]] std::uint64_t first_touched(
    std::uint64_t low, std::uint64_t high, std::uint64_t untouched) {
    const auto* word = reinterpret_cast<const volatile std::uint64_t*>(low);
    const auto* end = reinterpret_cast<const volatile std::uint64_t*>(high);
    valgrind_readable(low, high);
    while (word != end && *word == untouched)
        ++word;
    return reinterpret_cast<std::uint64_t>(word);
}

// Lowest resident page in [low, high), both page aligned; high if none. Stacks are touched from the top down without holes wider
// than a frame, so everything is looked at.
std::uint64_t lowest_resident_page(std::uint64_t low, std::uint64_t high) {
    unsigned char resident[kPagesPerLook];
    for (std::uint64_t at = low; at < high; at += kPagesPerLook * kPageBytes) {
        const std::uint64_t bytes = std::min(high - at, kPagesPerLook * kPageBytes);
        if (mincore(reinterpret_cast<void*>(at), bytes, resident) != 0) return high;
        for (std::uint64_t page = 0; page < bytes / kPageBytes; ++page) {
            if ((resident[page] & 1) != 0) return at + page * kPageBytes;
        }
    }
    return high;
}

std::uint32_t measure(std::uint32_t index) {
    const wire::CoroutineRecord& self = record(index);
    const PoolGeometry& geometry = g_runtime->pools.geometry(self.pool);
    const StackBounds bounds = g_runtime->pools.bounds(self.pool, self.slot);
    const std::uint64_t low = paint_low(geometry, bounds);
    std::uint64_t touched = 0;
    if (is_paged(geometry) && bounds.low < low) {
        // A canary, where there is one in place of a guard, keeps the lowest page resident: that page is not looked at.
        const std::uint64_t first = bounds.low +
                                    (g_runtime->pools.has_canary(self.pool, self.slot) ? kPageBytes : 0);
        const std::uint64_t page = lowest_resident_page(first, low);
        touched = page < low ? first_touched(page, page + kPageBytes, 0)
                             : first_touched(low, bounds.high, kPaint);
    } else {
        touched = first_touched(low, bounds.high, kPaint);
    }
    const std::uint64_t rsp = self.rsp.load(std::memory_order_relaxed);
    if (rsp >= bounds.low && rsp < touched) touched = rsp;
    return static_cast<std::uint32_t>(bounds.high - touched);
}

void raise(std::uint32_t index, std::uint32_t bytes) {
    std::atomic<std::uint32_t>& known = detail(index).high_water_bytes;
    if (bytes > known.load(std::memory_order_relaxed)) known.store(bytes, std::memory_order_relaxed);
}

}  // namespace

void paint_stack(std::uint32_t index) {
    const wire::CoroutineRecord& self = record(index);
    const PoolGeometry& geometry = g_runtime->pools.geometry(self.pool);
    const StackBounds bounds = g_runtime->pools.bounds(self.pool, self.slot);
    const std::uint64_t low = paint_low(geometry, bounds);
    if (is_paged(geometry) && bounds.low < low && lowest_resident_page(bounds.low, low) < low) {
        madvise(reinterpret_cast<void*>(bounds.low), low - bounds.low, MADV_DONTNEED);
        g_runtime->pools.forget_canary(self.pool, self.slot);
    }
    auto* words = reinterpret_cast<std::uint64_t*>(low);
    std::fill(words, reinterpret_cast<std::uint64_t*>(bounds.high), kPaint);
    detail(index).private_word |= kPrivatePainted | (is_paged(geometry) ? 0 : kPrivateScanned);
}

void note_site_depth(std::uint32_t index) {
    const wire::CoroutineRecord& self = record(index);
    const StackBounds window = g_runtime->pools.window(self.pool, self.slot);
    const std::uint64_t high = g_runtime->pools.bounds(self.pool, self.slot).high;  // its colour is no use of the coroutine's
    const std::uint64_t rsp = self.rsp.load(std::memory_order_relaxed);
    if (rsp < window.low || rsp >= high)
        return;  // elsewhere: who grows by segment says so when it does
    g_runtime->sites.note_high_water(detail(index).site.load(std::memory_order_relaxed),
                                     static_cast<std::uint32_t>(high - rsp));
}

void raise_high_water(std::uint32_t index, std::uint32_t bytes) {
    raise(index, bytes);
    g_runtime->sites.note_high_water(detail(index).site.load(std::memory_order_relaxed), bytes);
}

void note_high_water_at_park(std::uint32_t index) {
    raise(index, measure(index));
}

std::uint32_t high_water_at_exit(std::uint32_t index) {
    if ((detail(index).private_word & kPrivatePainted) == 0) return 0;
    raise(index, measure(index));
    const std::uint32_t bytes = detail(index).high_water_bytes.load(std::memory_order_relaxed);
    const std::uint32_t site = detail(index).site.load(std::memory_order_relaxed);
    g_runtime->sites.note_high_water(site, bytes);
    g_runtime->learned.ended(site, bytes);
    return bytes;
}

}  // namespace cprime::detail
