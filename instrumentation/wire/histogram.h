// Log-linear histograms that live in the segment: 32 sub-buckets an octave, relative error <= 1/64 at a bucket's middle
// (1.9 % worst at the edges), 15 KiB, mergeable by addition, readable while they are written.
//
//   value < 64          bucket = value                                          (exact)
//   else e = msb(value) bucket = 64 + (e - 6) * 32 + ((value >> (e - 5)) & 31)
//
// SWITCH: both sides of one. WAKE_TO_RUN: from traces. SIGNAL: arrival of a signal to the first instruction of its handler, all of them in one
// record, for which any worker writes (fetch_add).
//
// Writer of the others: one thread (relaxed load + store, 1.0 ns). Readers: anybody; each bucket whole, the set not at one instant.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

inline constexpr std::uint32_t kHistogramSubBuckets = 32;
inline constexpr std::uint32_t kHistogramBuckets = 64 + (63 - 6 + 1) * kHistogramSubBuckets;  // 1920

enum class HistogramKind : std::uint32_t { kFree = 0, kSwitchTicks = 1, kWakeToRunTicks = 2, kSignalTicks = 3 };
inline constexpr std::uint32_t kHistogramKindsCount = 4;

struct alignas(64) HistogramRecord {  // 16 KiB
    HistogramKind kind;
    std::uint32_t worker;  // index; kNone
    std::atomic<std::uint64_t> samples;
    std::atomic<std::uint64_t>
        below_resolution;  // samples at or under the cost of the stamps: counted here, in no bucket
    std::atomic<std::uint64_t> sum;
    std::atomic<std::uint32_t> stamp_cost_ticks;  // calibrated and subtracted from every sample
    std::atomic<std::uint32_t> resolution_ticks;  // what cannot be told from nothing
    std::atomic<std::uint32_t> sample_period;     // one switch in this many was stamped; 0 = never measured
    std::uint32_t reserved0;
    std::uint64_t reserved[2];
    std::atomic<std::uint64_t> buckets[kHistogramBuckets];
    std::uint64_t padding[120];
};
static_assert(sizeof(HistogramRecord) == 16384);

inline constexpr std::uint32_t histogram_bucket(std::uint64_t value) {
    if (value < 64) return static_cast<std::uint32_t>(value);
    const auto exponent = static_cast<std::uint32_t>(std::bit_width(value) - 1);
    return 64 + (exponent - 6) * kHistogramSubBuckets +
           static_cast<std::uint32_t>((value >> (exponent - 5)) & 31);
}
// Smallest value that falls into `bucket`.
inline constexpr std::uint64_t histogram_bucket_low(std::uint32_t bucket) {
    if (bucket < 64) return bucket;
    const std::uint32_t exponent = (bucket - 64) / kHistogramSubBuckets + 6;
    const std::uint64_t sub = (bucket - 64) % kHistogramSubBuckets;
    return (1ULL << exponent) + (sub << (exponent - 5));
}

}  // namespace coroscope::wire
