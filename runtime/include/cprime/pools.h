// What the stacks of a size class amount to, and giving back the memory of those that nobody uses.
//
// Thread: any while a Runtime lives, coroutines included. Tested in tests/unit/runtime/trim_test.cpp and pool_config_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/spawn.h"

namespace cprime {

// Of one class, signals' stacks apart; counted one by one while things move.
struct PoolStatistics {
    std::uint64_t slots = 0;  // mapped
    std::uint64_t used = 0;   // have a coroutine
    std::uint64_t guarded = 0;  // have a guard page below them; the others have a canary, or, in Large, were never used
    std::uint64_t spawns_waiting = 0;  // for a slot to come back (WhenFull::wait)
    std::uint64_t trimmed_bytes = 0;   // given back to the kernel so far
};
// `of`: not unspecified.
PoolStatistics pool_statistics(::cprime::size_class of) noexcept;

// Gives the memory of all free stacks back to the kernel; the stacks stay mapped and guarded. Returns how many bytes that was: those of
// the calling worker, of threads that are no workers, and of workers that slept. A worker that runs coroutines follows within its next 16
// switches, which only pool_statistics() shows. Blocks the calling thread, a worker as well, for about 50 ns a page.
std::uint64_t trim() noexcept;

}  // namespace cprime
