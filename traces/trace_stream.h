// TraceStream: a trace that comes through a pipe, kept in a file without a name as far as it has come: `coroscope replay -`.
//
// A thread of its own takes what comes, so that whoever writes waits for nobody here. The file lies where temporary files do ($TMPDIR, else /tmp) and
// is gone with this process.
//
// Thread: as written. Blocks: wait_for_look(). Tested in tests/unit/traces/growing_trace_test.cpp.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"
#include "traces/trace_bytes.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

class TraceStream : public std::enable_shared_from_this<TraceStream> {
public:
    // `name`: what sentences call it. Errors: kIo when no temporary file can be made.
    static base::Result<std::shared_ptr<TraceStream>> start(base::FileDescriptor from, std::string name);
    ~TraceStream();
    TraceStream(const TraceStream&) = delete;
    TraceStream& operator=(const TraceStream&) = delete;

    // A reader as soon as the first look at the program has come. Blocks; asks `cancelled` several times a second. Errors: those of
    // TraceReader::open when the stream ends before; kGone when cancelled.
    base::Result<std::shared_ptr<const TraceReader>> wait_for_look(const std::function<bool()>& cancelled);
    // A reader once all has come. Blocks. Errors: those of TraceReader::open.
    base::Result<std::unique_ptr<TraceReader>> wait_for_end();
    // Why less was kept than came; "" = all was.
    std::string error() const;

private:
    class Bytes;

    TraceStream(base::FileDescriptor from, std::shared_ptr<const base::FileDescriptor> file,
                base::FileDescriptor wake, std::string name)
        : from_(std::move(from)), file_(std::move(file)), wake_(std::move(wake)), name_(std::move(name)) {}
    void loop();
    std::shared_ptr<const TraceBytes> bytes();

    const base::FileDescriptor from_;
    const std::shared_ptr<const base::FileDescriptor> file_;
    const base::FileDescriptor wake_;  // eventfd: the destructor ends the thread's wait
    const std::string name_;
    mutable std::mutex lock_;  // guards what follows
    std::condition_variable came_;
    std::uint64_t kept_bytes_ = 0;
    bool ended_ = false;
    std::string error_;
    std::thread thread_;
};

}  // namespace coroscope::traces
