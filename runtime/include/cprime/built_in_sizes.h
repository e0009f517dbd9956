// A size table that is compiled into a program: what cprime_use_sizes(TARGET sizes.json) generates.
//
//   extern "C" constexpr cprime::BuiltInSizes cprime_built_in_sizes = {kRows, std::size(kRows), "sizes.json"};
//
// The runtime looks for the object at its start; a program without one has no table. CPRIME_SIZES and CPRIME_LEARN name tables that are used
// instead. Profiled rows choose no class below Medium, unless the program's code grows by segment: an operator may wish for that at his own
// risk, a build that others run may not. The generator has seen to it.
//
// Thread: constants. Tested in tests/build/use_sizes_test.py.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cprime/size_class.h"

namespace cprime {

struct BuiltInSize {
    const char* site;  // "file:line"
    ::cprime::size_class size_class;
    bool proven;                    // by a static bound; else by what was measured
    std::uint32_t predicted_bytes;  // 0 = not said
};

struct BuiltInSizes {
    const BuiltInSize* rows;
    std::size_t rows_count;
    const char* origin;  // how sentences name the table
};

}  // namespace cprime

extern "C" const cprime::BuiltInSizes cprime_built_in_sizes;
