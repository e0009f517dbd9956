// Recording: drains a target's rings into a trace file, with keyframes and stacks twice a second and one more at its end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "instrumentation/base/result.h"

namespace coroscope::traces {

struct RecordOptions {
    std::string path;
    std::uint32_t pid = 0;
    int keyframe_interval_ms = 500;
    std::uint32_t mask = 0;           // wire::Category bits; 0 = everything
    std::uint32_t sample_period = 0;  // 0 = default
    bool with_stacks = true;
    // How the program ended, once it is gone: "was killed by signal 11 (SIGSEGV)", "exited with code 3", or "" when that is not known. Called at
    // most once, on the recording thread; whoever started the program can say it.
    std::function<std::string()> how_it_ended;
    // Why the recording should end: asked every few milliseconds; "" = it should not. So long after the first answer it ends.
    std::function<std::string()> should_end;
    int after_ms = 0;
    std::function<void()> on_begin;  // called once on the recording thread, as soon as the target emits for us
};

struct RecordResult {
    std::uint64_t events = 0, lost = 0, chunks = 0, keyframes = 0, file_bytes = 0;
    std::string ended_because;  // "the program ended", "the program was killed by signal 9 (SIGKILL)", "asked to stop", or what should_end said
};

// Records until the target ends or *stop becomes true. Blocks. Errors: those of attaching; kIo when the file cannot be written (disk full:
// what was written stays a readable trace and the message says so).
base::Result<RecordResult> record(const RecordOptions& options, const std::atomic<bool>* stop);

}  // namespace coroscope::traces
