// The workloads of the Boost runner: Boost.Context's jump_fcontext and Boost.Fiber, in the setup that their documentation
// calls the fast one: one thread, the default round-robin scheduler (two threads: work stealing), stacks from a pool. Static
// libraries, -O2.
#pragma once

#include <cstdint>

#include "runner/runner.h"

namespace coroscope::bench::boost_peer {

// Stack size of the fibers wherever memory is not what is measured: our Medium.
inline constexpr std::size_t kStackBytes = 16384;
// 2 KiB, which stack_traits would allow, does not hold the fiber's own bookkeeping and the calls of a wait. At 4 KiB the first lock
// ever taken must not be taken by a fiber: it makes a random number generator whose frame alone has 5 KiB.
inline constexpr std::size_t kSmallestStackBytes = 4096;
void take_first_lock();  // parked.cpp

// As large as those of our classes.
inline constexpr std::size_t kMicroBytes = 256, kSmallBytes = 2048, kMediumBytes = 16384,
                             kLargeBytes = 8U << 20;

Measured switch_pair(std::uint64_t count);           // context.cpp
Measured by_hand_fiber(std::uint64_t count);         // by_hand.cpp
Measured by_hand_callcc(std::uint64_t count);        // by_hand.cpp
Measured by_hand_coroutine2(std::uint64_t count);    // by_hand.cpp
Measured yield_2(std::uint64_t count);               // yield.cpp
Measured yield_1000(std::uint64_t count);            // yield.cpp
Measured spawn_join(std::uint64_t count);            // spawn_join.cpp
Measured spawn_join_1000(std::uint64_t count);       // spawn_join.cpp
Measured channel_unbuffered(std::uint64_t count);    // channel.cpp
Measured channel_buffered_128(std::uint64_t count);  // channel.cpp
Measured fan_in_10k(std::uint64_t count);            // fan_in.cpp
Measured timers_fire(std::uint64_t count);           // timers.cpp
Measured skynet_1_worker(std::uint64_t count);       // skynet.cpp
Measured skynet_2_workers(std::uint64_t count);      // skynet.cpp
Measured parked_micro(std::uint64_t count);   // parked.cpp: the smallest stack that a fiber can live on
Measured parked_medium(std::uint64_t count);  // parked.cpp: kStackBytes

// A ring of so many contexts on stacks of so many bytes; ring.cpp.
Measured ring(std::size_t stack_bytes, std::size_t contexts, std::uint64_t count);

}  // namespace coroscope::bench::boost_peer
