// The trace file: everything that is needed to look at a program that is gone. One file, appended to, never rewritten.
//
//   FileHeader                       who was recorded, which version of this format
//   chunk, chunk, chunk ...          each: ChunkHeader | TypeCount[types_count] | uint16[time_buckets] | payload
//   footer chunk                     all of that but the payloads again: a file of any length opens with two reads
//   Trailer                          where the footer is
//
// A recorder that is killed leaves no footer; a target that is killed, or a disk that fills, ends the file anywhere. So a reader
// without a trailer walks from chunk header to chunk header and stops at the first one that is not whole: at most the chunk
// that was being written is lost. Each header carries a checksum of itself (walking needs no payload) and one of its payload. Damage in the midst
// costs what is damaged: the walk goes on at the next whole chunk. A header's checksum begins from the file header's, so that a chunk of another
// trace is none here.
//
// What the chunks hold
//
//   meta         once, first: program, pid, clock, what was listened to
//   events       <= kChunkSlotsMax slots of one ring in the order in which they were written. The header says what stood before them
//                (full stamp, running coroutine), so that each decodes by itself; it counts the events by type, those lost, and how many fell into
//                each of up to 128 equal parts of its time, so that a timeline is zoomed without decoding. Payload: see EventsLayout
//   keyframe     the state plane at one (short) moment: a StateImage, column by column. Parts that came later stand at its end (stack
//                segments; guards, trims and growth; waitables; timers and blocking calls; wakers, selects and the workers' queues; how far the
//                rings were): readers of before do not look there, and files of before end sooner
//   strings      bytes [offset, offset + n) of the string arena. Strings only grow; a keyframe says how long the arena was.
//   stack-table  distinct stacks first_number, first_number + 1 ... as lists of program counters
//   stacks       for each coroutine which stack it had, with its identity and sequence; belongs to the keyframe before it
//   modules      ELF files mapped in the target; the last one counts
//   symbols      frames of program counters: with them a trace needs neither the binaries nor the sources
//   counts       a mark: every event stamped before ticks_max that was not lost is in the file by now; per ring and type what was
//                emitted, dropped and accepted
//   keyframe-delta, stacks-delta   what is not the same as in an earlier keyframe or stacks chunk, of many coroutines; which, its header says
//                by time (context_ticks). Based on whole ones only (look_delta.h)
//   end          why the recording ended
//   footer       see above
//
// From a keyframe at or before t and the events after it follows the state at t (model.h). Keyframes are taken while the
// program runs: events around one are told apart by the sequence numbers that both carry, not by time.
//
// Version 2 added columns, parts of time and the checksums' common beginning. Files of version 1 are read as ever: what is new in headers was
// reserved and 0.
//
// Numbers. Magic: a byte above 127 and both kinds of line end, as in PNG, so that a transfer in text mode shows. 64 Ki slots
// (1 MiB raw): small enough to lose, large enough to compress; 2 to 3 bytes an event as lz4 columns, which keep up with 40 million events a second
// and core; 24 as slots, for when they do not. XXH3 runs at memory speed. Version: major changes when an old reader would misread; a minor one adds
// chunk types, which readers skip, or uses reserved fields.
//
// Writer: trace_writer. Reader: trace_reader. Tested in tests/unit/traces/trace_file_test.cpp, golden file in tests/golden,
// fuzzed by tests/fuzz/trace_file_fuzz.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::traces {

inline constexpr std::uint8_t kTraceMagic[8] = {0x89, 'C', 'O', 'R', 'O', '\r', '\n', 0x1a};
inline constexpr std::uint16_t kTraceMajor = 2;
inline constexpr std::uint16_t kTraceMajorMin = 1;  // the oldest that is read
inline constexpr std::uint16_t kTraceMinor = 1;

struct FileHeader {  // 64 bytes
    std::uint8_t magic[8];
    std::uint16_t version_major;
    std::uint16_t version_minor;
    std::uint16_t wire_major;  // of the events and records inside
    std::uint16_t wire_minor;
    std::uint64_t segment_nonce;  // of the target's segment: tells two runs of one program apart
    std::uint64_t start_ticks;    // t = 0
    std::uint64_t reserved[3];
    std::uint64_t hash;  // XXH3 of the bytes before it
};
static_assert(sizeof(FileHeader) == 64);
static_assert(offsetof(FileHeader, version_major) == 8);

inline constexpr std::uint32_t kChunkMagic = 0x4b4e4843;  // "CHNK"
inline constexpr std::uint32_t kChunkSlotsMax = 64U << 10;
inline constexpr std::uint64_t kPayloadBytesMax = 1ULL << 30;  // unpacked
inline constexpr std::uint64_t
    kCompressionRatioMax = 1024;  // above it a chunk is stored as it is, and refused otherwise
inline constexpr std::uint64_t kCompressionSlackBytes = 64U << 10;

enum class ChunkType : std::uint8_t {
    kNothing = 0,
    kMeta = 1,
    kEvents = 2,
    kKeyframe = 3,
    kStrings = 4,
    kStackTable = 5,
    kStacks = 6,
    kModules = 7,
    kSymbols = 8,
    kCounts = 9,
    kEnd = 10,
    kFooter = 11,
    kKeyframeDelta = 12,  // since 2.1
    kStacksDelta = 13,    // since 2.1
};

// How the payload of an events chunk is laid out.
enum class EventsLayout : std::uint8_t {
    kVarints = 0,  // version 1: all columns in one frame (slot_codec.h)
    kColumns = 1,  // a frame a column (event_columns.h)
    kSlots = 2,  // as they lay in the ring, lap bytes and all: when the program emits faster than this machine packs
};

enum class Compression : std::uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

struct ChunkHeader {  // 128 bytes
    std::uint32_t magic;
    ChunkType type;
    Compression compression;
    std::uint16_t types_count;     // TypeCounts that follow
    std::uint32_t number;          // running number of the chunk in the file, from 0
    std::uint32_t ring;            // events: index of the ring; wire::kNone otherwise
    std::uint64_t first_position;  // events: position of the first slot in its ring
    std::uint64_t ticks_min;  // events: of the first and the last event; keyframe: begin and end of the copy;
    std::uint64_t ticks_max;  // counts: ticks_max is the mark; 0 where a chunk has no time
    std::uint32_t slots_count;       // events
    std::uint32_t events_count;      // events: groups, PAD apart
    std::uint64_t lost_count;        // events: lost right before or within the chunk
    std::uint64_t lost_since_ticks;  // the first of them; 0 = none were
    std::uint64_t context_ticks;     // events: a full stamp at or before the first slot; deltas: ticks_max of what they change
    std::uint32_t context_current;  // events: coroutine that ran on this ring before the first slot; kNone = none
    std::uint32_t context_known;   // 1: context_current can be relied on
    std::uint64_t payload_bytes;   // in the file
    std::uint64_t unpacked_bytes;  // after decompression
    std::uint64_t payload_hash;  // XXH3 of the payload as stored; of columns: of their table, which has theirs
    std::uint32_t owner;         // events: wire::RingOwner of the ring when they were written
    std::uint32_t owner_index;   // events: worker index, or number of the thread
    EventsLayout layout;         // events
    std::uint8_t reserved;
    std::uint16_t time_buckets;  // counts of events that follow the TypeCounts: kTimeBuckets or 0; bucket of t: event_buckets.h
    std::uint32_t scan_bytes;  // columns: how much of the payload holds types and stamps
    std::uint64_t header_hash;  // XXH3 of this header up to here, TypeCounts and buckets, from FileHeader::hash (version 1: from 0)
};
static_assert(sizeof(ChunkHeader) == 128);

// A look at the state or at stacks, or what of one is new.
inline constexpr bool is_look(ChunkType type) {
    return type == ChunkType::kKeyframe || type == ChunkType::kKeyframeDelta || type == ChunkType::kStacks ||
           type == ChunkType::kStacksDelta;
}
inline constexpr bool is_keyframe(ChunkType type) {
    return type == ChunkType::kKeyframe || type == ChunkType::kKeyframeDelta;
}

inline constexpr std::uint16_t kTimeBuckets = 128;

struct TypeCount {  // 8 bytes: events of one type in an events chunk
    std::uint8_t type;
    std::uint8_t reserved[3];
    std::uint32_t count;
};
static_assert(sizeof(TypeCount) == 8);

inline constexpr std::uint64_t kTrailerMagic = 0x4c494154'4f524f43ULL;  // "COROTAIL"
struct Trailer {  // 32 bytes, the last of a complete file
    std::uint64_t magic;
    std::uint64_t footer_offset;  // of the footer's ChunkHeader
    std::uint64_t reserved;
    std::uint64_t hash;  // XXH3 of the bytes before it
};
static_assert(sizeof(Trailer) == 32);

// "events", "keyframe" ... for messages and `stat`.
const char* chunk_type_name(ChunkType type);

}  // namespace coroscope::traces
