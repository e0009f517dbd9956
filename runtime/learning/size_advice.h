// The advice on stack sizes: which class follows from how deep the coroutines of a site were seen.
//
// The rule is that of `coroscope sizes` (traces/size_rows.h), which a runtime may not include; tables of both are merged, so both must say the
// same of the same measurements. A test holds them against each other.
//
// Advice: the smallest class whose usable bytes hold the maximum and a margin: a quarter of it without the frame of a park, at least 32
// bytes. Paths that no run took cannot be seen, so fewer than kSizeSamplesEnough coroutines never argue for a smaller class than was used.
//
// Thread: plain functions. Tested in tests/unit/runtime/learned_table_test.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

inline constexpr std::uint64_t kSizeSamplesEnough = 20;
inline constexpr std::uint64_t kSizeMarginBytesMin = 32;
inline constexpr std::uint64_t kSizeFixedBytes = sizeof(
    wire::SavedFrame);  // the frame of a park, which does not vary

// `usable_bytes`: by class, what a coroutine can use of a slot.
inline wire::SizeClass advised_class(wire::SizeClass used, std::uint64_t samples, std::uint64_t max_bytes,
                                     const std::uint64_t (&usable_bytes)[wire::kSizeClassesCount]) {
    if (samples == 0) return used;
    const std::uint64_t varies = max_bytes - std::min(max_bytes, kSizeFixedBytes);
    const std::uint64_t needed = max_bytes + std::max(kSizeMarginBytesMin, varies / 4);
    auto fitting = wire::SizeClass::kLarge;
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (needed <= usable_bytes[i]) {
            fitting = static_cast<wire::SizeClass>(i);
            break;
        }
    }
    return samples < kSizeSamplesEnough && fitting < used ? used : fitting;
}

// Resident bytes of a slot whose deepest use is `high_water_bytes`: the slot itself below a page, whole pages above.
inline std::uint64_t resident_stack_bytes(std::uint64_t stride_bytes, std::uint64_t high_water_bytes) {
    if (stride_bytes < wire::kPageBytes) return stride_bytes;
    return (std::max<std::uint64_t>(high_water_bytes, 1) + wire::kPageBytes - 1) / wire::kPageBytes *
           wire::kPageBytes;
}

// The q-quantile of a histogram, given as pairs of bucket and count in the order of buckets; at most `max_bytes`.
template <typename Buckets>
std::uint64_t size_quantile(const Buckets& histogram, std::uint64_t samples, std::uint64_t max_bytes,
                            double q) {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(samples)));
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : histogram) {
        seen += count;
        if (seen >= wanted) return std::min(max_bytes, wire::histogram_bucket_low(bucket + 1) - 1);
    }
    return max_bytes;
}

}  // namespace cprime::detail
