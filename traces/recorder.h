// Recording: drains a target's rings into a trace, with keyframes and stacks twice a second and one more at its end.
//
// A trace is a file, a pipe, or the last of it in memory: then files are written when somebody asks for one, and at the end (flight recorder).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "instrumentation/base/result.h"
#include "traces/flight_dumps.h"
#include "traces/observation.h"
#include "traces/recording_cost.h"
#include "traces/recording_progress.h"

namespace coroscope::traces {

struct RecordOptions {
    std::string path;                     // of the file, or of the flight recorder's dumps
    std::shared_ptr<TraceMedium> medium;  // instead of a file; nullptr = none
    std::optional<TraceWindow> flight;    // nothing is written but dumps of so much
    std::uint32_t pid = 0;
    int keyframe_interval_ms = 500;
    std::uint32_t mask = 0;           // wire::Category bits; 0 = everything
    std::uint32_t sample_period = 0;  // 0 = default
    bool with_stacks = true;
    WhenFull when_full = WhenFull::kLose;
    // How the program ended, once it is gone: "was killed by signal 11 (SIGSEGV)", "exited with code 3", or "" when that is not known. Called at
    // most once, on the recording thread; whoever started the program can say it.
    std::function<std::string()> how_it_ended;
    // Why the recording should end: asked every few milliseconds; "" = it should not. So long after the first answer it ends.
    std::function<std::string()> should_end;
    int after_ms = 0;
    std::function<void()> on_begin;  // called once on the recording thread, after the first look: from here on nothing is missed

    // Flight recorder: why a dump is wanted; asked every few milliseconds; "" = none is. What became of it is told on the recording thread, and the
    // recording goes on either way. The last one, at the end, is in RecordResult.
    std::function<std::string()> dump_wanted;
    // Why there is to be one at the end, asked once with how it ended; "" = there is not. None: there is, because it ended.
    std::function<std::string(const std::string&)> last_dump_wanted;
    std::function<void(const base::Result<FlightDump>&)> on_dump;

    // Called about every second, on a thread of its own, with what it costs and what it came to.
    using Progress = RecordingProgress::Report;
    RecordingProgress::Say on_progress;
};

struct RecordResult {
    std::uint64_t events = 0, lost = 0, chunks = 0, keyframes = 0, file_bytes = 0;
    std::string ended_because;  // "the program ended", "the program was killed by signal 9 (SIGKILL)", "asked to stop", or what should_end said
    RecordingCost cost;
    std::optional<FlightDump> last_dump;  // of a flight recorder, where one was wanted
};

// Records until the target ends or *stop becomes true. Blocks. Errors: those of attaching; kIo when the file (of a flight recorder: its last dump)
// cannot be written any further (disk full, a reader that is gone or does not read: what was written stays a readable trace; the message says so, and
// how much is missing).
base::Result<RecordResult> record(const RecordOptions& options, const std::atomic<bool>* stop);

}  // namespace coroscope::traces
