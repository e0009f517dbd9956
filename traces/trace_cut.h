// save_cut: what a reader holds of a trace as a file of its own: the last moments of a flight recorder, the past of a session that is live.
//
// Chunks go over as they are stored. What was counted before the cut is taken off its marks, so that events and losses are those of the file.
//
// Thread: any. Blocks: reads and writes. Tested in tests/unit/traces/growing_trace_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "instrumentation/base/result.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

struct CutResult {
    std::uint64_t events = 0, lost = 0, keyframes = 0;
    std::uint64_t file_bytes = 0;
    double seconds = 0;  // from the first look at the state to the end
};

// `because`: why it ends there; `cost`: of the recording so far. Errors: kIo; kCorrupt and kUnreadable of what is read.
base::Result<CutResult> save_cut(const TraceReader& reader, const std::string& to, const std::string& because,
                                 const std::optional<RecordingCost>& cost = std::nullopt);

}  // namespace coroscope::traces
