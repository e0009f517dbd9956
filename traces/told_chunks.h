// Chunks of a trace by what their headers count, and their events with their places: what looks through the past for single kinds of events begins
// with.
//
// Thread: pure functions. decode_chunk() blocks: it reads the file. Tested in tests/unit/traces/told_past_test.cpp through its users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

inline std::uint64_t count_of(const ChunkRef& chunk, wire::EventType type) {
    for (const TypeCount& row : chunk.counts) {
        if (row.type == static_cast<std::uint8_t>(type)) return row.count;
    }
    return 0;
}

// Positions in reader.chunks() of those that hold events of a type for which wanted(type).
template <typename Wanted>
std::vector<std::uint32_t> told_chunks(const TraceReader& reader, Wanted&& wanted) {
    std::vector<std::uint32_t> out;
    for (const std::uint32_t position : reader.events()) {
        const auto& counts = reader.chunks()[position].counts;
        if (std::any_of(counts.begin(), counts.end(), [&](const TypeCount& row) {
                return row.count != 0 && wanted(static_cast<wire::EventType>(row.type));
            }))
            out.push_back(position);
    }
    return out;
}

// visit(const wire::DecodedEvent&, std::uint64_t position) for each event, position as EventFeed counts it; nothing where the chunk cannot be read.
template <typename Visit>
void decode_chunk(const TraceReader& reader, const ChunkRef& chunk, std::vector<wire::EventSlot>& slots,
                  Visit&& visit) {
    if (!reader.read_events(chunk, slots).ok()) return;
    wire::EventDecoder decoder;
    decoder.seed(chunk.header.context_ticks, chunk.header.context_current, chunk.header.context_known != 0);
    std::uint64_t position = chunk.header.first_position;
    decoder.feed(slots, [&](const wire::DecodedEvent& event) { visit(event, position++); });
}

}  // namespace coroscope::traces
