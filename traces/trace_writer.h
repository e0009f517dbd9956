// TraceWriter: appends chunks to a trace file (format.h), each whole or not at all.
//
// Every add_… packs its payload on the calling thread and appends the chunk under a lock, so that compressing keyframes and compressing
// events go on at the same time. What was appended to a file or pipe is in the kernel when the call returns: killing the recorder loses nothing
// that was added. When the medium fails (trace_medium.h) the error is kept, and everything after it returns the same error: the trace
// stays readable.
//
// Thread: any, several at once. Blocks: for compression and for write(2); who only asks (status() and the counts) never waits for either. Tested
// in tests/unit/traces/trace_file_test.cpp and disk_full_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event.h"
#include "traces/format.h"
#include "traces/look_delta.h"
#include "traces/tables.h"
#include "traces/trace_medium.h"

namespace coroscope::traces {

// Slots of one ring without a gap, and what stood before them.
struct EventsChunk {
    std::uint32_t ring = wire::kNone;
    wire::RingOwner owner = wire::RingOwner::kFree;
    std::uint32_t owner_index = 0;
    std::uint64_t first_position = 0;
    std::vector<wire::EventSlot> slots;  // <= kChunkSlotsMax, whole groups
    std::array<std::uint32_t, wire::kEventTypesMax> counts{};
    std::uint32_t events_count = 0;
    std::uint64_t ticks_min = 0, ticks_max = 0;
    std::uint64_t lost_count = 0;
    std::uint64_t lost_since_ticks = 0;
    std::uint64_t context_ticks = 0;
    std::uint32_t context_current = wire::kNone;
    bool context_known = false;
};

class TraceWriter {
public:
    // Makes (or empties) the file and writes its header and meta. Errors: kIo.
    static base::Result<std::unique_ptr<TraceWriter>> create(const std::string& path, const TraceMeta& meta);
    static base::Result<std::unique_ptr<TraceWriter>> create(std::shared_ptr<TraceMedium> medium,
                                                             const TraceMeta& meta);
    TraceWriter(const TraceWriter&) = delete;
    TraceWriter& operator=(const TraceWriter&) = delete;

    // `hurry`: store the slots as they are, because the program emits faster than this machine packs.
    base::Status add_events(const EventsChunk& chunk, bool hurry);
    // A chunk of another file, its payload unpacked, packed anew as small as it gets: compact.h. What a header says of packing is replaced.
    base::Status add_again(const ChunkHeader& header, Bytes payload);
    base::Status add_events_again(ChunkHeader header, std::span<const TypeCount> counts,
                                  std::span<const wire::EventSlot> slots);
    // A chunk of another trace as it stands there, its number apart.
    base::Status add_stored(ChunkHeader header, std::span<const TypeCount> counts,
                            std::span<const std::uint16_t> buckets, BytesView payload);
    // Also adds the strings that are new since the last one. One caller at a time.
    base::Status add_keyframe(const inspect::StateImage& image);
    // Also adds the stacks of the table that are new since the last call. One caller at a time.
    base::Status add_stacks(const inspect::StackSnapshot& stacks, const inspect::StackTable& table);
    base::Status add_modules(const std::vector<inspect::Module>& modules);
    base::Status add_symbols(const Symbols& symbols);
    base::Status add_counts(const Counts& counts);
    // The last words, the footer and the trailer. Nothing may be added afterwards.
    base::Status finish(const TraceEnd& end);

    // Good, or the error that ended the writing.
    base::Status status() const;
    std::uint64_t file_bytes() const;
    std::uint64_t chunks_count() const;
    std::uint64_t keyframes_count() const;
    std::uint64_t look_bytes() const;  // of keyframes and their stacks
    std::uint64_t events_count() const;  // of those handed over, that were written

private:
    explicit TraceWriter(std::shared_ptr<TraceMedium> medium) : medium_(std::move(medium)) {}
    // What stands between a header and its payload.
    struct Extras {
        std::span<const TypeCount> counts;
        std::span<const std::uint16_t> buckets;
    };
    base::Status append(ChunkHeader header, Bytes payload, Compression wish);
    base::Status append_events(ChunkHeader& header, std::span<const TypeCount> counts,
                               std::span<const wire::EventSlot> slots, Compression wish);
    base::Status append_stored(ChunkHeader& header, Extras extras, BytesView payload);
    base::Status write_locked(BytesView bytes, std::size_t parts_bytes);

    const std::shared_ptr<TraceMedium> medium_;  // guarded by lock_
    LookBase base_;                              // of who adds looks
    std::uint64_t seed_ = 0;   // of headers' checksums
    mutable std::mutex lock_;  // guards everything below
    // Written under lock_, read by any: plain counts.
    std::atomic<std::uint64_t> offset_{0};  // end of the last whole chunk
    std::atomic<std::uint32_t> chunks_{0};
    std::atomic<std::uint32_t> keyframes_{0};
    std::atomic<std::uint64_t> look_bytes_{0};
    std::atomic<std::uint64_t> events_{0};
    std::uint64_t strings_written_ = 0;  // bytes of the arena
    std::uint32_t stacks_written_ = 0;   // of the stack table
    Bytes index_;                        // footer's payload so far
    bool finished_ = false;
    // Release, once: whoever sees it sees error_. [writer.failed]
    std::atomic<bool> failed_{false};
    base::Error error_;
};

}  // namespace coroscope::traces
