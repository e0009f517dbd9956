// TraceWalk: once through a trace, from its first look at the program to its end, told to a visitor as spans (spans.h).
//
// What all analyses and exports stand on. Memory: two looks at the program (the begin and the end) and what the walk keeps of coroutines
// that live at one time; events pass. What happened before the first look is not told.
//
// Thread: one at a time. Blocks: reads the file, once from begin to end; some 100 ns an event. Tested in
// tests/unit/analyses/trace_walk_test.cpp (generated histories against a plain oracle) and tests/e2e/profile_test.py (the demo).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/analyses/directory.h"
#include "traces/analyses/spans.h"
#include "traces/event_feed.h"
#include "traces/replay.h"
#include "traces/search.h"

namespace coroscope::analyses {

// What a walk found out about its events.
struct WalkCounts {
    std::uint64_t events = 0;     // without the instrument's own
    std::uint64_t reordered = 0;  // came before their cause and were put behind it
    std::uint64_t forced = 0;     // whose cause never came
    std::vector<traces::LossInterval> losses;
};

class TraceWalk {
public:
    // Reads the looks at the begin and the end. Errors: kCorrupt, kUnreadable.
    static base::Result<std::unique_ptr<TraceWalk>> open(const std::string& path);
    static base::Result<std::unique_ptr<TraceWalk>> make(std::shared_ptr<const traces::TraceReader> reader);
    // The same from one time to another, as if the trace held no more: it begins with the state rebuilt for that time.
    static base::Result<std::unique_ptr<TraceWalk>> make(std::shared_ptr<const traces::TraceReader> reader, traces::TimeNs from, traces::TimeNs to);

    // Walks; may be called again, for another visitor. With a search: says how far it is, and ends early, with lives that are not over, when that is
    // not wanted any more.
    WalkCounts run(SpanVisitor& visitor, traces::Search* search = nullptr);

    const traces::Replay& replay() const { return *replay_; }
    const traces::TraceReader& reader() const { return replay_->reader(); }
    // The state where it begins and ends.
    const traces::Moment& begin() const { return *begin_; }
    const traces::Moment& end() const { return *end_; }
    std::uint64_t begin_ticks() const { return begin_->state.read_end_ticks; }
    std::uint64_t end_ticks() const { return end_ticks_; }
    std::int64_t duration_ns(std::uint64_t ticks) const {
        return reader().meta().clock.duration_ns(static_cast<std::int64_t>(ticks));
    }
    std::int64_t time_ns(std::uint64_t ticks) const { return replay_->time_of(ticks); }
    // Names; while a walk is under way those of that moment.
    const Directory& directory() const { return *directory_; }

private:
    TraceWalk() = default;
    base::Status span(base::Result<std::shared_ptr<const traces::Moment>> begin, traces::TimeNs to);
    std::unique_ptr<traces::Replay> replay_;
    std::shared_ptr<const traces::Moment> begin_, end_;
    std::uint64_t end_ticks_ = 0;
    std::unique_ptr<Directory> directory_;
};

}  // namespace coroscope::analyses
