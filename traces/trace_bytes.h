// TraceBytes: the bytes of a trace, wherever they lie: a file, what has come through a pipe so far, memory (trace_memory.h).
//
// What is there when a TraceBytes is made stays as it is; what comes later is seen by the one that newer() makes. So a reader of a trace that grows
// is as constant as one of a trace that is closed.
//
// Files are read by position, not mapped: a trace is cut back when its disk fills, perhaps while somebody looks at it, and a mapping would then end
// the viewer with SIGBUS. A copy costs 0.1 ns a byte.
//
// Thread: const functions from any thread. Blocks: reads. Tested in tests/unit/traces/trace_file_test.cpp and growing_trace_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::traces {

struct TraceIndex;

class TraceBytes {
public:
    virtual ~TraceBytes() = default;

    // False unless all of it could be read.
    virtual bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const = 0;
    // Where the last one ends.
    virtual std::uint64_t bytes() const = 0;
    // The same trace with what was appended since; nullptr when nothing was.
    virtual std::shared_ptr<const TraceBytes> newer() const = 0;
    // Whether somebody still appends to it.
    virtual bool being_written() const = 0;
    // Where its chunks are, if that is known without reading; nullptr: read_index() finds out.
    virtual const TraceIndex* known_index() const { return nullptr; }
};

class TraceFile final : public TraceBytes {
public:
    // Errors: kUnreadable.
    static base::Result<std::shared_ptr<const TraceFile>> open(const std::string& path);
    // A file that is open already and whose end says the file alone.
    static std::shared_ptr<const TraceFile> of(std::shared_ptr<const base::FileDescriptor> file,
                                               std::uint64_t bytes);

    bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const override;
    std::uint64_t bytes() const override { return bytes_; }
    std::shared_ptr<const TraceBytes> newer() const override;
    // Writers hold a lock (flock) on the file; killing one lets go of it.
    bool being_written() const override;

private:
    TraceFile(std::shared_ptr<const base::FileDescriptor> file, std::uint64_t bytes)
        : file_(std::move(file)), bytes_(bytes) {}

    const std::shared_ptr<const base::FileDescriptor> file_;
    const std::uint64_t bytes_;
};

}  // namespace coroscope::traces
