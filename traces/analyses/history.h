// History: how a recorded program went, from the begin of its trace to its end, in equal parts of time; and who woke and stole from whom, and how
// late deadlines were, in the whole of it or in a range.
//
// From one walk (trace_walk.h). How many coroutines there were in each state is said for the end of each part, an instant like any other; what
// happened is counted by part. Sites and workers are few, so memory follows the number of parts, not that of coroutines or events.
//
// Thread: pure functions. Blocks: reads the trace, some 100 ns an event, and asks `search` every few thousand of them. Tested in
// tests/unit/analyses/history_test.cpp and end to end in tests/e2e/overview_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/analyses/trace_walk.h"
#include "traces/search.h"

namespace coroscope::analyses {

// What a coroutine can be counted as: ready, running, not known, or blocked for a reason.
inline constexpr std::size_t kHistoryReady = 0, kHistoryRunning = 1, kHistoryUnknown = 2, kHistoryBlocked = 3;
inline constexpr std::size_t kHistoryStates = kHistoryBlocked + wire::kWaitReasonsCount;

struct HistoryOptions {
    std::uint32_t parts = 240;
    // Of the matrices and the deadlines; what is said by part is always that of the whole trace. nullopt = all of it.
    std::optional<std::pair<traces::TimeNs, traces::TimeNs>> range;
};

struct HistoryWaking {
    std::string from, to;            // sites; `from` may be "timer", "thread outside" ...
    std::string from_name, to_name;  // of the sites' coroutines; "" = the site gives none
    std::uint64_t count = 0;
    std::uint64_t example = 0;  // identity of one that was woken, the last
};
struct HistoryTheft {
    std::uint32_t thief = 0, victim = 0;  // workers
    std::uint64_t coroutines = 0;
};

struct History {
    traces::TimeNs begin = 0, end = 0;  // parts share this out; part i ends at time_of(i + 1)
    std::uint32_t parts = 0;
    // By state, then by part: coroutines at the end of the part. Empty where there never were any.
    std::array<std::vector<std::uint32_t>, kHistoryStates> coroutines;
    // By part, within it.
    std::vector<std::uint64_t> switches, spawned, exited, events, lost;
    // By pool, then by part: slots in use at the end of the part, as the pool's events say; empty after losses, when they do not say it.
    std::vector<std::vector<std::int64_t>> pools_used;
    // By worker, then by part: share of the part in which it ran a coroutine.
    std::vector<std::vector<float>> busy;

    std::optional<std::pair<traces::TimeNs, traces::TimeNs>> range;  // of what follows
    std::vector<HistoryWaking> wakings;                              // most first
    std::vector<HistoryTheft> thefts;
    // Ticks from a deadline to the wake-up that it made, and to the coroutine's next run.
    inspect::HistogramImage late_wake, late_run;
    double ns_per_tick = 0;
    std::uint64_t losses = 0;  // stretches of time in which events are missing

    traces::TimeNs time_of(std::uint32_t boundary) const {
        return begin + static_cast<traces::TimeNs>(static_cast<double>(end - begin) * boundary / std::max(1U, parts));
    }
};

// Errors: kCorrupt, kUnreadable; kGone when `search` was cancelled.
base::Result<History> compute_history(std::shared_ptr<const traces::TraceReader> reader, const HistoryOptions& options, traces::Search& search);

}  // namespace coroscope::analyses
