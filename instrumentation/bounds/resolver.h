// Whom an IFUNC may be: the functions among which its resolver chooses when the program starts.
//
// A resolver asks the processor what it can do and returns the address of one of a handful of functions. Its code is followed along all of its
// paths with the set of addresses that each register may hold; what it may return is the answer. A resolver that gets an address from elsewhere
// (memory, another function, the kernel's vdso) has none.
//
// Called by Program for calls of IFUNCs. Thread: one at a time. Blocks: no. Tested in tests/unit/bounds/library_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "instrumentation/bounds/binary.h"
#include "instrumentation/bounds/decoder.h"

namespace coroscope::bounds {

// Numbers of functions of the binary, ascending, at least one; nothing when they cannot be listed for certain.
std::optional<std::vector<std::uint32_t>> choices_of(Binary& binary, Decoder& decoder,
                                                     const Function& resolver);

}  // namespace coroscope::bounds
