// The payload of an events chunk: one compressed frame a column, and what stands in each.
//
//   ColumnsHead | ColumnEntry[columns] | frame, frame ...
//
//   kinds        EventKind[kinds]: the dictionary of this chunk's kinds of event (type, EXT slots, how its fields are guessed)
//   kind         a byte an event: its place in the dictionary
//   stamp        difference to the event before, less stamp_base (the smallest of them); the first to the chunk's context_ticks
//   object, argument, ext48, ext64    how each differs from what event_predictor.h guesses
//
// Numbers are stored by length (value_stream.h). Kinds and stamps come first and are all that a timeline or a rate needs: they are read without the
// rest. Each frame has its own checksum, so that damage in one column costs that column; the header's covers ColumnsHead and the entries. A row is
// an event (PAD included) with its EXT slots. Slots that make no rows (EXT without an event before it, a SYNC whose full stamp does not continue
// the others', more kinds than a byte names) cannot be columns: such a chunk is stored as slots.
//
// Events of a recorded demo take 1.5 bytes as lz4 and 1.0 as zstd; as slots 22, in format 1 5.2 (bench row trace_write).
//
// Thread: any; encoding and decoding keep their tables in the thread. Tested in tests/unit/traces/event_columns_test.cpp, fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"
#include "traces/event_predictor.h"
#include "traces/format.h"
#include "traces/tables.h"

namespace coroscope::traces {

enum class Column : std::uint8_t {
    kKinds = 0,
    kKind = 1,
    kStamp = 2,
    kObject = 3,
    kArgument = 4,
    kExt48 = 5,
    kExt64 = 6,
};
inline constexpr std::size_t kColumnsCount = 7;
inline constexpr std::size_t kScanColumns = 3;  // the first ones, which kinds and stamps need

struct ColumnEntry {  // 24 bytes
    std::uint8_t column;
    Compression compression;
    std::uint16_t reserved;
    std::uint32_t stored_bytes;
    std::uint32_t unpacked_bytes;
    std::uint32_t reserved2;
    std::uint64_t hash;  // XXH3 of the frame as stored
};
static_assert(sizeof(ColumnEntry) == 24);

struct ColumnsHead {  // 24 bytes
    std::uint32_t rows;
    std::uint32_t exts;
    std::uint16_t kinds;
    std::uint16_t reserved;
    std::uint32_t reserved2;
    std::int64_t stamp_base;
};
static_assert(sizeof(ColumnsHead) == 24);
inline constexpr std::size_t kColumnsHeadBytes = sizeof(ColumnsHead) + kColumnsCount * sizeof(ColumnEntry);

struct EncodedColumns {
    Bytes payload;
    std::uint64_t unpacked_bytes = 0;
    std::uint64_t scan_bytes = 0;  // of the payload: up to the last frame of the scan columns
};
// Nothing when the slots make no rows.
std::optional<EncodedColumns> encode_event_columns(std::span<const wire::EventSlot> slots,
                                                   std::uint64_t context_ticks, Compression wish);

// Types and full stamps of all rows, PAD included. Valid until the next call on the same object.
struct ScannedEvents {
    std::span<const std::uint64_t> ticks;
    std::span<const wire::EventType> types;
};
class ColumnScanner {
public:
    // `payload`: at least its scan_bytes. Errors: kCorrupt.
    base::Result<ScannedEvents> scan(const ChunkHeader& header, BytesView payload);

private:
    Bytes kind_column_, stamp_column_;
    std::vector<std::uint64_t> ticks_;
    std::vector<wire::EventType> types_;
};

// All slots, lap bytes 0. Errors: kCorrupt.
base::Result<std::vector<wire::EventSlot>> decode_event_columns(const ChunkHeader& header, BytesView payload);
// The same into `slots`, for those who decode chunk after chunk.
base::Status decode_event_columns(const ChunkHeader& header, BytesView payload,
                                  std::vector<wire::EventSlot>& slots);
// Whether every frame is as it was written.
bool event_columns_whole(const ChunkHeader& header, BytesView payload);

}  // namespace coroscope::traces
