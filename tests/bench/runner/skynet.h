// What every runner's skynet has in common: each node has ten children, the leaves number themselves from 0, and what arrives at the root
// is the sum of their numbers. Channels have capacity 0 everywhere, as in the program that everybody copies.
#pragma once

#include <cstdint>

namespace coroscope::bench {

inline constexpr std::uint64_t kSkynetChildren = 10;

// The largest power of ten that is not above `count`; at least 10.
constexpr std::uint64_t skynet_leaves(std::uint64_t count) {
    std::uint64_t leaves = kSkynetChildren;
    while (leaves <= count / kSkynetChildren)
        leaves *= kSkynetChildren;
    return leaves;
}

// What the root receives; of a million leaves 499999500000.
constexpr std::uint64_t skynet_sum(std::uint64_t leaves) {
    return leaves * (leaves - 1) / 2;
}
static_assert(skynet_leaves(1'000'000) == 1'000'000 && skynet_leaves(50'000) == 10'000);
static_assert(skynet_sum(1'000'000) == 499'999'500'000);

}  // namespace coroscope::bench
