// See recording_stat.h.
#include "traces/recording_stat.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace coroscope::traces {

RecordingStat recording_stat(const TraceReader& reader) {
    RecordingStat stat;
    stat.cost = reader.end().cost;
    for (const std::uint32_t position : reader.events()) {
        const ChunkHeader& header = reader.chunks()[position].header;
        ++stat.event_chunks;
        stat.verbatim_chunks += header.layout == EventsLayout::kSlots ? 1 : 0;
    }
    return stat;
}

nlohmann::json to_json(const RecordingStat& stat) {
    nlohmann::json json = {{"event_chunks", stat.event_chunks}, {"verbatim_chunks", stat.verbatim_chunks}};
    const auto figure = [&](const char* name, double RecordingCost::*value) {
        json[name] = stat.cost ? nlohmann::json((*stat.cost).*value) : nlohmann::json(nullptr);
    };
    figure("seconds", &RecordingCost::seconds);
    figure("ns_per_event", &RecordingCost::ns_per_event);
    figure("events_per_second", &RecordingCost::events_per_second);
    figure("cpu_share", &RecordingCost::cpu_share);
    figure("estimated_slowdown", &RecordingCost::estimated_slowdown);
    figure("recorder_cores", &RecordingCost::recorder_cores);
    figure("bytes_per_second", &RecordingCost::bytes_per_second);
    figure("blocked_seconds", &RecordingCost::blocked_seconds);
    return json;
}

std::string to_text(const RecordingStat& stat) {
    std::string out;
    if (stat.cost && stat.cost->seconds > 0) out = "while recording, " + to_text(*stat.cost) + "\n";
    if (stat.verbatim_chunks != 0)
        out += fmt::format("{} of {} chunks of events are stored verbatim: the program emitted faster than they were packed\n",
                           stat.verbatim_chunks, stat.event_chunks);
    return out;
}

}  // namespace coroscope::traces
