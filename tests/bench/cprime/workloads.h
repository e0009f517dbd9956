// The workloads of our own runner. They run inside a CPrime runtime, with one worker where it does not say otherwise, on
// its first coroutine. Built twice: as the
// runtime is delivered, and with the probes compiled out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

#include "runner/runner.h"

namespace coroscope::bench::cprime_side {

// Processor time that this program's threads have had.
inline std::uint64_t process_cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

Measured switch_pair(std::uint64_t count);              // switch.cpp
Measured by_hand(std::uint64_t count);                  // by_hand.cpp
Measured yield_2(std::uint64_t count);                  // yield.cpp
Measured yield_1000(std::uint64_t count);               // yield.cpp
Measured yield_1000_micro(std::uint64_t count);         // yield.cpp
Measured stamped_yield_2(std::uint64_t count);          // stamped_yield.cpp
Measured spawn_join(std::uint64_t count);               // spawn_join.cpp
Measured spawn_join_1000(std::uint64_t count);          // spawn_join.cpp
Measured channel_unbuffered(std::uint64_t count);       // channel.cpp
Measured channel_buffered_128(std::uint64_t count);     // channel.cpp
Measured fan_in_10k(std::uint64_t count);               // fan_in.cpp
Measured timers_fire(std::uint64_t count);              // timers.cpp
Measured timers_cancelled(std::uint64_t count);         // timers.cpp
Measured select_2(std::uint64_t count);                 // select.cpp
Measured skynet(std::uint64_t count);                   // skynet.cpp; one worker or several
Measured slot_lifo_1k(std::uint64_t count);             // slot.cpp
Measured slot_lifo_small(std::uint64_t count);          // slot.cpp
Measured slot_lifo_medium(std::uint64_t count);         // slot.cpp
Measured slot_lifo_large(std::uint64_t count);          // slot.cpp
Measured slot_lifo_64k(std::uint64_t count);            // slot.cpp
Measured slot_lifo_1m(std::uint64_t count);             // slot.cpp
Measured slot_random_1m(std::uint64_t count);           // slot.cpp
Measured slot_random_1m_100(std::uint64_t count);       // slot.cpp
Measured parked_micro(std::uint64_t count);             // parked.cpp
Measured parked_micro_own_handle(std::uint64_t count);  // parked.cpp
Measured parked_medium(std::uint64_t count);            // parked.cpp
Measured cold_micro(std::uint64_t count);               // cold.cpp
Measured cold_medium(std::uint64_t count);              // cold.cpp
Measured hold_chains(std::uint64_t count);              // looked_at.cpp: they stay parked until release_held()
Measured busy_among_held(std::uint64_t count);          // looked_at.cpp
Measured signal_latency(std::uint64_t count);           // signal.cpp
Measured zones(std::uint64_t count);                    // told.cpp
Measured slices_1us(std::uint64_t count);               // told.cpp
Measured local_signal(std::uint64_t count);             // local_signal.cpp
Measured local_throw(std::uint64_t count);              // local_signal.cpp
Measured local_scope(std::uint64_t count);              // local_signal.cpp
Measured local_try(std::uint64_t count);                // local_signal.cpp
void release_held();                                    // looked_at.cpp

// A ring of so many contexts on stacks of one class; ring.cpp. The classes by their numbers.
enum class SizeClass : std::uint8_t { kMicro, kSmall, kMedium, kLarge };
Measured ring(SizeClass size_class, std::size_t contexts, std::uint64_t count);

}  // namespace coroscope::bench::cprime_side
