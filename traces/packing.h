// Compression and checksums of chunks: bytes in, bytes out.
//
// lz4 for events while recording (it keeps up with a busy program), zstd level 1 for keyframes and tables (smaller by a third,
// and there are few), nothing when neither helps. What comes from a file is unpacked within the bounds of format.h.
//
// Thread: any. Blocks: never. Tested in tests/unit/traces/trace_file_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/format.h"

namespace coroscope::traces {

struct Packed {
    Compression compression = Compression::kNone;
    std::vector<std::uint8_t> bytes;
};

// Packs as wished, by lz4 when zstd would be too good to be believed by a reader, or not at all when that would be longer.
Packed pack(std::vector<std::uint8_t> bytes, Compression wish);

// The same behind what `to` holds; says how it was stored.
Compression pack_onto(std::vector<std::uint8_t>& to, std::span<const std::uint8_t> bytes, Compression wish);

// The unpacked payload. Errors: kCorrupt, when the lengths cannot be true or the bytes do not decode.
base::Result<std::vector<std::uint8_t>> unpack(Compression compression, std::uint64_t unpacked_bytes,
                                               std::span<const std::uint8_t> stored);

// Fills `to`. Errors: kCorrupt, unless the bytes decode to exactly that length.
base::Status unpack_into(Compression compression, std::span<const std::uint8_t> stored,
                         std::span<std::uint8_t> to);

std::uint64_t checksum(const void* bytes, std::size_t count);
// Of a header with what follows it; the field itself does not take part. `seed`: FileHeader::hash, 0 in files of version 1.
std::uint64_t header_checksum(const ChunkHeader& header, std::span<const TypeCount> counts,
                              std::span<const std::uint16_t> buckets, std::uint64_t seed);

}  // namespace coroscope::traces
