// compact: the same trace in fewer bytes, once it is no longer being recorded.
//
// Every chunk is read, checked and written again with zstd; slots that were stored as they lay in the ring become columns, files of version 1 become
// files of today. The footer is made anew, also where there was none. What cannot be read is left out and said: the new file is whole.
//
// Thread: any. Blocks: reads one file and writes another, about 20 million events a second. Tested in tests/unit/traces/compact_test.cpp;
// `coroscope compact`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::traces {

struct CompactResult {
    std::uint64_t bytes_before = 0, bytes_after = 0;
    std::uint64_t events = 0;
    std::vector<std::string> left_out;  // one sentence each
};

// Errors: those of opening and of writing; kUsage when both are the same file.
base::Result<CompactResult> compact(const std::string& from, const std::string& to);

}  // namespace coroscope::traces
