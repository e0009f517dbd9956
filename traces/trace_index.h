// Where in a trace file its chunks are: from the footer, or by walking over the headers.
//
// Both give the same bytes (offset, ChunkHeader, TypeCounts, buckets of every chunk, as the footer holds them) and are taken apart by one function.
// A footer counts only when what it lists fills the file without a gap; otherwise the walk finds what is whole, goes on behind what is damaged, and
// says in `losses` what it had to leave out.
//
// Thread: const after opening. Blocks: reads the file. Tested in tests/unit/traces/trace_file_test.cpp and damaged_trace_test.cpp; fuzzed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/format.h"
#include "traces/tables.h"
#include "traces/trace_bytes.h"

namespace coroscope::traces {

struct ChunkRef {
    std::uint64_t offset = 0;  // of the header in the file
    ChunkHeader header{};
    std::span<const TypeCount> counts;       // as long as the index lives
    std::span<const std::uint16_t> buckets;  // events by time (event_buckets.h); often none

    std::uint64_t payload_offset() const {
        return offset + sizeof header + counts.size_bytes() + buckets.size_bytes();
    }
    std::uint64_t end_offset() const { return payload_offset() + header.payload_bytes; }
};

inline constexpr char kNotClosed[] = "the recorder did not come to close the file, or its end is damaged";

struct TraceIndex {
    std::vector<ChunkRef> chunks;
    bool complete = false;            // the footer was there
    std::vector<std::string> losses;  // one sentence each; of a file that nobody writes any more and that has no footer kNotClosed is the first
    std::vector<std::shared_ptr<const Bytes>> storage;  // what the chunks' spans point into
};

// `seed`: see header_checksum().
TraceIndex read_index(const TraceBytes& file, std::uint64_t seed);
// Adds to an index without a footer what `file` holds behind its last chunk; a chunk that is not whole yet is left for the next time.
void extend_index(TraceIndex& index, const TraceBytes& file, std::uint64_t seed);
// The chunk whose header, counts and buckets stand at the beginning of `bytes`, as far as they are believable. Its spans point into `bytes`, which
// must be aligned to 8.
std::optional<ChunkRef> chunk_at(BytesView bytes, std::uint64_t offset);

// The payload as stored, its checksum not looked at; only the first `bytes_max` bytes of it. Errors: kCorrupt (cut off), kUnreadable.
base::Result<Bytes> read_stored(const TraceBytes& file, const ChunkRef& chunk,
                                std::uint64_t bytes_max = ~0ULL);
// Whether the payload is as it was written.
bool chunk_is_whole(const TraceBytes& file, const ChunkRef& chunk);

}  // namespace coroscope::traces
