// TraceMedium: where a TraceWriter's bytes go: a file, a pipe, memory (trace_memory.h).
//
// A file keeps what was appended whole: when the disk is full (or the file size limit reached, or the medium fails) it is cut back to its last whole
// chunk. It is locked (flock) while it is written, so that who reads it knows that more will come. A pipe takes what its reader takes; a reader that
// has gone is an error, not a signal, and so is one that does not read when the writer wants to come to an end.
//
// Thread: one at a time (the writer's lock). Blocks: write(2). Tested in tests/unit/traces/trace_file_test.cpp, disk_full_test.cpp,
// growing_trace_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "instrumentation/base/result.h"
#include "traces/tables.h"

namespace coroscope::traces {

inline constexpr char kStandardStream[] = "-";  // as a path: stdout for writers, stdin for readers

class TraceMedium {
public:
    virtual ~TraceMedium() = default;

    // Appends all of `bytes`. Chunks begin with `parts_bytes` of header, counts and buckets; of anything else (the file's header, the trailer) that
    // is 0. Errors: kIo, with the way out.
    virtual base::Status append(BytesView bytes, std::size_t parts_bytes) = 0;
    // False where old chunks give way to new ones: then there is no footer.
    virtual bool keeps_everything() const { return true; }
};

// Makes (or empties) the file; a path that names a pipe or device, and kStandardStream, is written from front to end. Errors: kIo.
// `ending`, where it is given, outlives the medium: once it is true, whoever reads a pipe and takes nothing for kReaderPatienceMs ends the writing.
base::Result<std::shared_ptr<TraceMedium>> open_medium(const std::string& path, const std::atomic<bool>* ending = nullptr);

inline constexpr int kReaderPatienceMs = 2000;

}  // namespace coroscope::traces
