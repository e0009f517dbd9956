// The workloads of the C++20 runner. The standard library offers no channels, so there are no channel rows.
#pragma once

#include <cstdint>

#include "runner/runner.h"

namespace coroscope::bench::cpp20_peer {

Measured yield_2(std::uint64_t count);          // yield.cpp
Measured yield_1000(std::uint64_t count);       // yield.cpp
Measured spawn_join(std::uint64_t count);       // spawn_join.cpp
Measured spawn_join_1000(std::uint64_t count);  // spawn_join.cpp
Measured plain_signal_latency(std::uint64_t count);  // signal.cpp

}  // namespace coroscope::bench::cpp20_peer
