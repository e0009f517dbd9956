// What is true of the fake target's coroutines; shared by it and the tests.
#pragma once

#include <cstdint>

namespace coroscope::inspect::fake {

// Coroutine i is of kind i % kKinds: deep, stream, leaf, realigned, stamped, odd. Its identity is 1000 + i;
// the last one never ran.
inline constexpr std::uint32_t kKinds = 6;
inline constexpr std::uint32_t kStampedKind = 4;
inline constexpr std::uint32_t kOddKind = 5;  // has a frame whose CFA takes a general DWARF expression
inline constexpr std::uint64_t kIdentityFirst = 1000;

// A stamped coroutine's stack holds: magic, its number, then kBlockWords equal words.
inline constexpr std::uint64_t kBlockMagic = 0x5a5a'c0de'b10c'5a5aULL;
inline constexpr std::uint32_t kBlockWords = 256;

}  // namespace coroscope::inspect::fake
