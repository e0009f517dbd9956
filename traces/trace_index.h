// Where in a trace file its chunks are: from the footer, or by walking over the headers.
//
// Both give the same bytes (offset, ChunkHeader, TypeCounts, buckets of every chunk, as the footer holds them) and are taken apart by one function.
// A footer counts only when what it lists fills the file without a gap; otherwise the walk finds what is whole, goes on behind what is damaged, and
// says in `losses` what it had to leave out.
//
// The file is read by position, not mapped: a trace is cut back when its disk fills, perhaps while somebody looks at it, and a mapping would then
// end the viewer with SIGBUS. A copy costs 0.1 ns a byte.
//
// Thread: const after opening. Blocks: reads the file. Tested in tests/unit/traces/trace_file_test.cpp and damaged_trace_test.cpp; fuzzed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/format.h"
#include "traces/tables.h"

namespace coroscope::traces {

// A regular file, read at any place.
class PositionedFile {
public:
    PositionedFile() = default;
    ~PositionedFile();
    PositionedFile(const PositionedFile&) = delete;
    PositionedFile& operator=(const PositionedFile&) = delete;

    // Errors: kUnreadable.
    base::Status open(const std::string& path);
    // False unless all of it could be read.
    bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const;
    std::uint64_t bytes() const { return bytes_; }  // when it was opened

private:
    int fd_ = -1;
    std::uint64_t bytes_ = 0;
};

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

struct TraceIndex {
    std::vector<ChunkRef> chunks;
    bool complete = false;            // the footer was there
    std::vector<std::string> losses;  // one sentence each; empty when every chunk that was written is there
    Bytes storage;                    // what the chunks' spans point into
};

// `seed`: see header_checksum().
TraceIndex read_index(const PositionedFile& file, std::uint64_t seed);

// The payload as stored, its checksum not looked at; only the first `bytes_max` bytes of it. Errors: kCorrupt (cut off), kUnreadable.
base::Result<Bytes> read_stored(const PositionedFile& file, const ChunkRef& chunk,
                                std::uint64_t bytes_max = ~0ULL);
// Whether the payload is as it was written.
bool chunk_is_whole(const PositionedFile& file, const ChunkRef& chunk);

}  // namespace coroscope::traces
