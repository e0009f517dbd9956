// Replay: the Moment of a trace at any time.
//
// Keyframe at or before t, events after it (model.h), stacks of the snapshots around t whose sequence still fits, event counts up to t. A pure
// function of the file: the recorded session, `stat`, `stacks --at` and the exports all ask it.
//
// Thread: any, several at once (it keeps nothing between calls but what it read when it was made). Blocks: reads and decodes part of the file; about
// 0.1 s for half a second of a busy program. Tested in tests/unit/traces/replay_test.cpp.
#pragma once

#include <cstdint>
#include <memory>

#include "instrumentation/base/result.h"
#include "traces/moment.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

class Replay {
public:
    // Reads what is needed for every moment. Errors: kCorrupt when no keyframe can be read.
    static base::Result<std::unique_ptr<Replay>> make(std::shared_ptr<const TraceReader> reader);

    const TraceReader& reader() const { return *reader_; }
    // The times that can be asked for: from the first keyframe to the last moment that is known to be complete.
    TimeNs begin() const { return time_of(begin_ticks_); }
    TimeNs end() const { return time_of(end_ticks_); }
    // Where there is something to see: end(), or the last keyframe with coroutines where the program had none left at its end.
    TimeNs populated() const { return time_of(populated_ticks_); }

    // `t` outside [begin, end] is taken as the nearer of the two. Errors: kCorrupt, kUnreadable.
    base::Result<std::shared_ptr<const Moment>> moment_at(TimeNs t) const;

    // Events of each type in the whole trace.
    std::array<EventCount, wire::kEventTypesMax> total_counts() const;

    std::uint64_t ticks_of(TimeNs t) const;
    TimeNs time_of(std::uint64_t ticks) const;
    // The first nanosecond whose moment has what is stamped so in it.
    TimeNs time_with(std::uint64_t ticks) const {
        const TimeNs t = time_of(ticks);
        return ticks_of(t) < ticks ? t + 1 : t;
    }

private:
    explicit Replay(std::shared_ptr<const TraceReader> reader) : reader_(std::move(reader)) {}
    // Where in reader.keyframes() to begin for `ticks`.
    std::size_t keyframe_before(std::uint64_t ticks) const;
    base::Result<inspect::StateImage> state_at(std::uint64_t ticks, Moment& moment) const;
    void count_events(std::uint64_t ticks, Moment& moment) const;
    base::Status add_stacks(std::uint64_t ticks, Moment& moment) const;

    const std::shared_ptr<const TraceReader> reader_;
    std::uint64_t begin_ticks_ = 0, end_ticks_ = 0, populated_ticks_ = 0;
    inspect::StateImage last_;  // the last keyframe that can be read: names of sites and slabs made late
};

}  // namespace coroscope::traces
