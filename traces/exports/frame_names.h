// FrameNames: what lies at the addresses of a trace's stacks, found once each: from the trace itself, else from the program's file if it is
// still there.
//
// Thread: one at a time. Blocks: a name that the trace lacks may take a second, the first time. Tested in
// tests/unit/exports/histories_test.cpp.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "traces/name_service.h"
#include "traces/trace_reader.h"

namespace coroscope::exports {

class FrameNames {
public:
    explicit FrameNames(const traces::TraceReader& reader) : names_(reader.modules()) {
        names_.preload(reader.symbols());
    }

    // Frames at a return address, innermost first; at least one. Valid as long as this.
    const std::vector<inspect::Frame>& at(std::uint64_t pc);

private:
    traces::NameService names_;
    std::unordered_map<std::uint64_t, std::vector<inspect::Frame>> known_;
};

// Its function, or where it lies in its module, or its address.
std::string frame_text(const inspect::Frame& frame);

}  // namespace coroscope::exports
