// See trace_cut.h.
#include "traces/trace_cut.h"

#include <algorithm>
#include <optional>

#include "traces/ring_log.h"
#include "traces/trace_memory.h"
#include "traces/trace_writer.h"

namespace coroscope::traces {
namespace {

std::uint64_t lost_of(const Counts& counts) {
    std::uint64_t lost = 0;
    for (const RingCount& row : counts.rings) {
        for (std::size_t type = 0; type < wire::kEventTypesMax; ++type) {
            if (is_bookkeeping(static_cast<wire::EventType>(type))) continue;
            lost += row.emitted[type] - std::min(row.emitted[type], row.accepted[type]);
        }
    }
    return lost;
}

}  // namespace

base::Result<CutResult> save_cut(const TraceReader& reader, const std::string& to, const std::string& because,
                                 const std::optional<RecordingCost>& cost) {
    const std::optional<Counts> before = TraceMemory::counts_before(reader.file());
    TraceMeta meta = reader.meta();
    if (before.has_value()) meta.begin_ticks = before->mark_ticks;
    auto created = TraceWriter::create(to, meta);
    if (!created.ok()) return created.error();
    TraceWriter& writer = **created;

    CutResult result;
    TraceEnd end;
    end.because = because;
    end.cost = cost;
    for (const ChunkRef& chunk : reader.chunks()) {
        const ChunkHeader& header = chunk.header;
        end.ticks = std::max(end.ticks, header.ticks_max);
        base::Status written = base::ok_status();
        if (header.type == ChunkType::kMeta || header.type == ChunkType::kEnd) continue;
        if (header.type == ChunkType::kCounts) {
            const base::Result<Bytes> payload = reader.read_payload(chunk);
            if (!payload.ok()) return payload.error();
            base::Result<Counts> counts = decode_counts(*payload);
            if (!counts.ok()) return counts.error();
            const Counts own = before.has_value() ? counts_since(std::move(*counts), *before) : std::move(*counts);
            result.lost = lost_of(own);
            written = writer.add_counts(own);
        } else {
            const base::Result<Bytes> stored = read_stored(reader.file(), chunk);
            if (!stored.ok()) return stored.error();
            written = writer.add_stored(header, chunk.counts, chunk.buckets, *stored);
        }
        if (!written.ok()) return written.error();
        for (const TypeCount& row : chunk.counts) {
            if (!is_bookkeeping(static_cast<wire::EventType>(row.type))) result.events += row.count;
        }
    }
    const base::Status finished = writer.finish(end);
    if (!finished.ok()) return finished.error();
    result.keyframes = writer.keyframes_count();
    result.file_bytes = writer.file_bytes();
    const ChunkHeader& first = reader.chunks()[reader.keyframes().front()].header;
    result.seconds =
        static_cast<double>(meta.clock.duration_ns(static_cast<std::int64_t>(end.ticks - first.ticks_max))) * 1e-9;
    return result;
}

}  // namespace coroscope::traces
