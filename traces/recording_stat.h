// `stat` of a trace: how it was recorded, what that cost the program, and how its events are stored.
//
// Thread: pure functions. Blocks: opens the file. Tested in tests/unit/traces/recording_cost_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "traces/recording_cost.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

struct RecordingStat {
    std::optional<RecordingCost> cost;  // nothing where the recorder was killed, and in traces of before
    std::uint64_t event_chunks = 0;
    std::uint64_t verbatim_chunks = 0;  // of them: stored as they lay in the ring, because the recorder was behind
};
RecordingStat recording_stat(const TraceReader& reader);
nlohmann::json to_json(const RecordingStat& stat);
std::string to_text(const RecordingStat& stat);

}  // namespace coroscope::traces
