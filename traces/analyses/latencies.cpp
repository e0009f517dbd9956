// See latencies.h.
#include "traces/analyses/latencies.h"

#include <algorithm>

#include "instrumentation/wire/histogram.h"

namespace coroscope::analyses {

void Latencies::add_to(std::uint32_t bucket, std::uint64_t count) {
    const auto at = std::lower_bound(buckets_.begin(), buckets_.end(), bucket,
                                     [](const auto& row, std::uint32_t wanted) { return row.first < wanted; });
    if (at != buckets_.end() && at->first == bucket) {
        at->second += count;
    } else {
        buckets_.insert(at, {bucket, count});
    }
}

void Latencies::add(std::uint64_t ticks) {
    add_to(wire::histogram_bucket(ticks), 1);
    ++samples_;
    sum_ticks_ += ticks;
}

void Latencies::merge(const Latencies& other) {
    for (const auto& [bucket, count] : other.buckets_)
        add_to(bucket, count);
    samples_ += other.samples_;
    sum_ticks_ += other.sum_ticks_;
}

double Latencies::quantile(double q) const {
    if (samples_ == 0) return -1;
    const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(samples_);
    double seen = 0;
    std::uint32_t last = buckets_.front().first;
    for (const auto& [bucket, count] : buckets_) {
        last = bucket;
        seen += static_cast<double>(count);
        if (seen >= rank) break;
    }
    const std::uint64_t low = wire::histogram_bucket_low(last);
    const std::uint64_t high = last + 1 < wire::kHistogramBuckets ? wire::histogram_bucket_low(last + 1)
                                                                  : low + 1;
    return static_cast<double>(low) + static_cast<double>(high - low - 1) / 2;
}

}  // namespace coroscope::analyses
