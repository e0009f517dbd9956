// FlightDumps: what a flight recorder's memory holds, as files: FILE, FILE-2, FILE-3 ... Each is a whole trace of its own.
//
// A dump that fails leaves memory as it is; the next one is tried under the same name.
//
// Thread: one at a time. Blocks: writes. Tested in tests/unit/traces/flight_dumps_test.cpp and tests/e2e/flight_recorder_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "instrumentation/base/result.h"
#include "traces/trace_cut.h"
#include "traces/trace_memory.h"

namespace coroscope::traces {

struct FlightDump {
    std::string path;
    std::string because;
    CutResult held;
    bool cut_by_bytes = false;  // younger events than were to be kept had to go (TraceMemory)
};

class FlightDumps {
public:
    FlightDumps(std::shared_ptr<const TraceMemory> memory, std::string path)
        : memory_(std::move(memory)), path_(std::move(path)) {}

    // `because` and `cost`: last words of the file. Errors: kIo.
    base::Result<FlightDump> write(const std::string& because, const std::optional<RecordingCost>& cost);
    std::uint32_t count() const { return count_; }  // that were written

private:
    const std::shared_ptr<const TraceMemory> memory_;
    const std::string path_;
    std::uint32_t count_ = 0;
};

}  // namespace coroscope::traces
