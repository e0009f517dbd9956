// See compact.h.
#include "traces/compact.h"

#include <filesystem>

#include "traces/trace_reader.h"
#include "traces/trace_writer.h"

namespace coroscope::traces {
namespace {

// Reads and writes one chunk. An error of reading is put to `left_out`; what comes back is an error of writing.
base::Status copy_chunk(const TraceReader& reader, const ChunkRef& chunk, std::vector<wire::EventSlot>& slots,
                        TraceWriter& writer, CompactResult& result) {
    if (chunk.header.type == ChunkType::kEvents) {
        const base::Status read = reader.read_events(chunk, slots);
        if (!read.ok()) {
            result.left_out.push_back(read.error().message);
            return base::ok_status();
        }
        result.events += chunk.header.events_count;
        return writer.add_events_again(chunk.header, chunk.counts, slots);
    }
    auto payload = reader.read_payload(chunk);
    if (!payload.ok()) {
        result.left_out.push_back(payload.error().message);
        return base::ok_status();
    }
    return writer.add_again(chunk.header, std::move(*payload));
}

}  // namespace

base::Result<CompactResult> compact(const std::string& from, const std::string& to) {
    auto opened = TraceReader::open(from);
    if (!opened.ok()) return opened.error();
    const TraceReader& reader = **opened;
    std::error_code ignored;
    if (std::filesystem::equivalent(from, to, ignored)) {
        return base::error(base::ErrorCode::kUsage, "the compacted trace cannot take the place of " + from +
                                                        " while that is read; choose another file with -o");
    }
    auto created = TraceWriter::create(to, reader.meta());
    if (!created.ok()) return created.error();
    TraceWriter& writer = **created;
    CompactResult result;
    result.left_out = reader.losses();
    std::vector<wire::EventSlot> slots;
    for (const ChunkRef& chunk : reader.chunks()) {
        // The writer has made its own meta, and makes the end.
        if (chunk.header.type == ChunkType::kMeta || chunk.header.type == ChunkType::kEnd) continue;
        const base::Status copied = copy_chunk(reader, chunk, slots, writer, result);
        if (!copied.ok()) return copied.error();
    }
    TraceEnd end = reader.end();
    if (end.because.empty()) {
        end.because = "the trace was cut short";
        end.ticks = reader.counts().empty() ? 0 : reader.counts().back()->mark_ticks;
    }
    const base::Status finished = writer.finish(end);
    if (!finished.ok()) return finished.error();
    result.bytes_before = reader.file_bytes();
    result.bytes_after = writer.file_bytes();
    return result;
}

}  // namespace coroscope::traces
