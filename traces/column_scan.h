// ColumnScan: types and stamps of all events of a trace, without the rest: rates, timelines, "when was the first".
//
// Two columns of each chunk are read and decoded, one chunk at a time, into memory that is used again: 2 to 3 MiB whatever the trace's length, 150
// million events a second and more (bench row trace_scan). Order: as in the file, so in order of time within a ring only.
//
// Thread: one at a time; several scans of one reader at once. Blocks: reads the file. Tested in tests/unit/traces/event_columns_test.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "instrumentation/wire/event.h"
#include "traces/event_columns.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

class ColumnScan {
public:
    // Chunks that have a part in [from, to].
    explicit ColumnScan(const TraceReader& reader, std::uint64_t from_ticks = 0,
                        std::uint64_t to_ticks = std::numeric_limits<std::uint64_t>::max())
        : reader_(reader), from_ticks_(from_ticks), to_ticks_(to_ticks) {}

    // visit(const ChunkRef&, std::span<const std::uint64_t> ticks, std::span<const wire::EventType> types) for each chunk; the spans are as long as
    // one another and hold PADs, too.
    template <typename Visit>
    void for_each_chunk(Visit&& visit) {
        for (const std::uint32_t position : reader_.events()) {
            const ChunkRef& chunk = reader_.chunks()[position];
            if (chunk.header.ticks_max < from_ticks_ || chunk.header.ticks_min > to_ticks_) continue;
            if (load(chunk)) visit(chunk, events_.ticks, events_.types);
        }
    }
    // visit(std::uint64_t ticks, wire::EventType type) for each event in the interval.
    template <typename Visit>
    void for_each(Visit&& visit) {
        for_each_chunk([&](const ChunkRef&, std::span<const std::uint64_t> ticks,
                           std::span<const wire::EventType> types) {
            for (std::size_t i = 0; i < ticks.size(); ++i) {
                if (types[i] != wire::EventType::kPad && ticks[i] >= from_ticks_ && ticks[i] <= to_ticks_)
                    visit(ticks[i], types[i]);
            }
        });
    }
    // Of chunks that could not be read, one sentence each.
    const std::vector<std::string>& losses() const { return losses_; }

private:
    bool load(const ChunkRef& chunk);

    const TraceReader& reader_;
    const std::uint64_t from_ticks_, to_ticks_;
    ColumnScanner scanner_;
    ScannedEvents events_;
    std::vector<wire::EventSlot> slots_;
    std::vector<std::uint64_t> ticks_;
    std::vector<wire::EventType> types_;
    std::vector<std::string> losses_;
};

}  // namespace coroscope::traces
