// Interned strings: section kStrings is a byte arena (record_bytes = 1, records_per_chunk = 64 KiB).
//
// A string is named by the index of its first byte: u16 length (little endian), then the bytes, no terminator, never
// across a chunk. Written once under the runtime's string lock, before records_used covers it [segment.publish]; never
// freed. Reader: check 2 bytes, then length <= kStringLengthMax and inside records_used and the chunk.
#pragma once

#include <cstdint>

namespace coroscope::wire {

inline constexpr std::uint32_t kStringChunkBytes = 64U << 10;
inline constexpr std::uint32_t kStringHeaderBytes = 2;

}  // namespace coroscope::wire
