// Buckets of the log-linear histogram.
#include "instrumentation/wire/histogram.h"

#include <gtest/gtest.h>

#include <random>

namespace coroscope::wire {
namespace {

TEST(histogram, buckets_are_contiguous_and_each_value_lies_in_its_own) {
    for (std::uint32_t bucket = 0; bucket + 1 < kHistogramBuckets; ++bucket) {
        const std::uint64_t low = histogram_bucket_low(bucket);
        const std::uint64_t next = histogram_bucket_low(bucket + 1);
        ASSERT_LT(low, next);
        ASSERT_EQ(histogram_bucket(low), bucket);
        ASSERT_EQ(histogram_bucket(next - 1), bucket);
    }
    EXPECT_EQ(histogram_bucket(~0ULL), kHistogramBuckets - 1);
}

TEST(histogram, a_bucket_is_never_wider_than_a_thirty_second_of_its_value) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t value = random() >> (random() % 60);
        const std::uint32_t bucket = histogram_bucket(value);
        if (bucket + 1 == kHistogramBuckets) continue;
        const std::uint64_t width = histogram_bucket_low(bucket + 1) - histogram_bucket_low(bucket);
        ASSERT_LE(width - 1, value / 32);
    }
}

}  // namespace
}  // namespace coroscope::wire
