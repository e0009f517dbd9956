// Latencies: a log-linear histogram that takes memory where it has values; for thousands of rows that see a few each.
//
// The buckets are those of wire/histogram.h: 32 an octave, an error of at most 1/64 in the middle of a bucket.
//
// Thread: a value type. Tested in tests/unit/analyses/profile_test.cpp.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace coroscope::analyses {

class Latencies {
public:
    void add(std::uint64_t ticks);
    void merge(const Latencies& other);
    std::uint64_t samples() const { return samples_; }
    std::uint64_t sum_ticks() const { return sum_ticks_; }
    // Ticks, the middle of the bucket; -1 when nothing was added.
    double quantile(double q) const;
    // Bucket of wire/histogram.h, count; ascending, none empty.
    const std::vector<std::pair<std::uint32_t, std::uint64_t>>& buckets() const { return buckets_; }

private:
    void add_to(std::uint32_t bucket, std::uint64_t count);

    std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets_;  // bucket, count; ascending
    std::uint64_t samples_ = 0, sum_ticks_ = 0;
};

}  // namespace coroscope::analyses
