// Instructions of AVX-512 that Capstone 4 does not know, as far as the stack is concerned: how long they are, and what they may touch.
//
// The C library's string functions are full of them. Their encoding is regular (Intel SDM volume 2, 2.3 and 2.7): a prefix (EVEX, four bytes; of
// mask registers VEX, two or three), an opcode, the operands as ever, one byte at the end for some opcodes. Few of them write a general register.
//
// Called by Decoder for what Capstone refuses. Thread: any. Tested in tests/unit/bounds/library_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "instrumentation/bounds/decoder.h"

namespace coroscope::bounds {

// Fills in a step whose address is set. False: these bytes are no such instruction, or more of it than there is.
bool read_avx512(const std::uint8_t* bytes, std::size_t count, Step& step);

}  // namespace coroscope::bounds
