// Where a program spawns coroutines, and what each runs: found in the binary, without running it.
//
// For each type of function that is spawned a program has one constant, cprime::detail::closure_type<F, T>: the entry function (a run_closure
// that calls F) and the bytes of the closure. The code of a spawn takes its address; the site is the line of that code, outside of the runtime's
// headers and of functions that hand a cprime::Place on. What the compiler made of CPRIME_HERE there (a std::source_location's constant) says how
// the runtime calls it, so that rows of a size table are found by it. A site in a template, or a function spawned at several places, makes
// several of these.
//
// C programs spawn by co_spawn(): a call of co_spawn_at that is handed a place and a function. There the closure is the runtime's own, which calls
// that function through a pointer; the site's entry is the function itself.
//
// Thread: one at a time. Blocks: reads debug information.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "instrumentation/bounds/program.h"

namespace coroscope::bounds {

// What the code says of the stack of a function object (cprime::coro_metadata, by CPRIME_CORO_TYPE or with_metadata). Of a function (CPRIME_CORO)
// it is not looked for: a spawn of one calls it through a pointer, and nothing is proven of it.
struct Declared {
    std::uint32_t max_stack_bytes = 0;
    bool bounded = false, recursive = false, calls_foreign = false;
    std::uint8_t size_class = 0;  // SizeClass + 1; 0 = none
    auto operator<=>(const Declared&) const = default;
};

struct SpawnSite {
    std::string file;        // as the program says it, or else its debug information; "" = neither does
    std::uint32_t line = 0;  // 0 = unknown
    std::string function;    // that spawns
    NodeId entry = 0;                // what runs on the new stack
    std::uint64_t depth_before = 0;  // below the return address of the first frame, when `entry` begins; 0 where that is the first
    std::uint64_t closure_bytes = 0, closure_alignment = 0;
    std::uint8_t wish = 0;  // SizeClass + 1 that the code wishes for (spawn_wish.h); 0 = none, or it is not known
    bool in_micro_pool = false;  // the slot is of a cprime::MicroPool: Micro, whatever anybody says
    std::optional<Declared> declared;
};

// By file and line.
std::vector<SpawnSite> spawn_sites(Program& program);

// The whole stack of a coroutine of that site; only of a site whose entry function is proven.
std::uint64_t stack_bytes(Program& program, const SpawnSite& site);

}  // namespace coroscope::bounds
