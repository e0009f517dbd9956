// The workloads of the Asio runner: C++20 coroutines that Boost.Asio runs. How it is set up: executor.h.
#pragma once

#include <cstdint>

#include "runner/runner.h"

namespace coroscope::bench::asio_peer {

Measured yield_2(std::uint64_t count);               // rounds.cpp
Measured yield_1000(std::uint64_t count);            // rounds.cpp
Measured spawn_join(std::uint64_t count);            // rounds.cpp
Measured spawn_join_1000(std::uint64_t count);       // rounds.cpp
Measured channel_unbuffered(std::uint64_t count);    // channels.cpp
Measured channel_buffered_128(std::uint64_t count);  // channels.cpp
Measured select_2(std::uint64_t count);              // channels.cpp
Measured fan_in_10k(std::uint64_t count);            // channels.cpp
Measured timers_fire(std::uint64_t count);           // timers.cpp
Measured timers_cancelled(std::uint64_t count);      // timers.cpp
Measured skynet_1_worker(std::uint64_t count);       // skynet.cpp
Measured skynet_2_workers(std::uint64_t count);      // skynet.cpp

}  // namespace coroscope::bench::asio_peer
