// The section of the code of short ways (short_ways.h): runtime code that runs on a coroutine's stack and may hold a lock there. Who asks whether an
// address belongs to it looks between two symbols that the linker makes.
//
// Thread: any.
#pragma once

#include <cstdint>

// Before each function of a short way that is not inlined.
#define CPRIME_SHORT_WAY __attribute__((section("cprime_short_ways")))

extern "C" {
[[gnu::visibility("hidden")]] extern const char __start_cprime_short_ways[];
[[gnu::visibility("hidden")]] extern const char __stop_cprime_short_ways[];
}

namespace cprime::detail {

inline bool in_short_way(std::uint64_t rip) {
    return rip >= reinterpret_cast<std::uint64_t>(__start_cprime_short_ways) &&
           rip < reinterpret_cast<std::uint64_t>(__stop_cprime_short_ways);
}

}  // namespace cprime::detail
