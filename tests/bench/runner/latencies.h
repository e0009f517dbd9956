// What a workload of single latencies answers: their mean as the time of an operation, and minimum, median and 99th percentile beside it.
//
// Thread: plain functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "runner/runner.h"

namespace coroscope::bench {

inline Measured latencies_result(std::vector<std::uint64_t> each_ns) {
    if (each_ns.empty()) return {};
    std::sort(each_ns.begin(), each_ns.end());
    const auto at = [&](std::size_t percent) {
        return static_cast<double>(each_ns[(each_ns.size() - 1) * percent / 100]);
    };
    return {.elapsed_ns = std::accumulate(each_ns.begin(), each_ns.end(), std::uint64_t{0}),
            .operations = each_ns.size(),
            .extra = {{"least", at(0)}, {"median", at(50)}, {"p99", at(99)}}};
}

}  // namespace coroscope::bench
