// Writes what a SyntheticProgram did into a trace file, through the same classes as a recording.
#pragma once

#include <string>
#include <vector>

#include "synthetic_program.h"
#include "traces/trace_writer.h"

namespace coroscope::traces {

// A file in the test's temporary folder that is gone with this object.
class TemporaryPath {
public:
    explicit TemporaryPath(const std::string& name);
    ~TemporaryPath();
    TemporaryPath(const TemporaryPath&) = delete;
    TemporaryPath& operator=(const TemporaryPath&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

TraceMeta synthetic_meta();
// Keyframes and all events; slots are handed over in pieces of `piece_slots` with a chunk every third piece. `finish`: with footer.
void write_synthetic_trace(const std::string& path, const SyntheticProgram& program,
                           const std::vector<inspect::StateImage>& keyframes, std::size_t piece_slots,
                           bool finish = true);

}  // namespace coroscope::traces
