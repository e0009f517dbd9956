// The timeline's row model: what stands in which lane over a stretch of time, for pixels of a given width.
//
// A lane is slices, each itself, where they are wide enough to be seen, and columns of a pixel where they are not: how much of the column's time was
// run, and how often. Nothing is averaged away: what a column says adds up to what ran. Where the trace has not been read yet a column says how many
// events fell there, and nothing else. Beside them: how full channels were (timeline_channels.h), what was said (timeline_told.h).
//
// Made by make_timeline_plan() off the frame (timeline_planner.h), drawn by timeline_lanes.cpp; immutable.
//
// Thread: make_...: one at a time for an index. Blocks: reads a few chunks of the trace where that is allowed. Tested in
// tests/unit/views/timeline_plan_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/coroutine_track.h"
#include "traces/lane_index.h"
#include "views/look.h"
#include "views/timeline_channels.h"
#include "views/timeline_told.h"
#include "views/workspace.h"

namespace coroscope::views {

// Slices narrower than this become columns.
inline constexpr double kSlicePixelsMin = 1.5;

// Why somebody ran so late after it was ready: who had its worker meanwhile.
struct LateWish {
    std::uint64_t identity = 0;
    std::uint32_t worker = wire::kNone;  // that ran it in the end; kNone = to be found out: at this zoom its run is one of many spans
    TimeRange ready;                     // from being ready to running
    bool operator==(const LateWish&) const = default;
};
struct LateRunner {
    std::uint64_t identity = 0;  // 0 = not known who
    std::uint32_t name = wire::kNone, site = wire::kNone;
    std::int64_t ns = 0;
    std::uint64_t slices = 0;
};
struct LateWake {
    LateWish of;
    std::uint32_t worker = wire::kNone;  // that ran it in the end; kNone = not found, and nothing below is known
    std::vector<LateRunner> runners;  // on its worker, who ran longest first
    std::int64_t busy_ns = 0;         // all of them together
    std::vector<std::pair<std::uint32_t, std::int64_t>> others;  // the other workers, and for how long each ran somebody
    bool known = false;               // all of it was read
};

struct TimelineWish {
    std::shared_ptr<const traces::Replay> replay;
    TimeRange range;      // planned: what is seen and some more on both sides
    TimeRange seen;       // that sums are told of
    double pixel_ns = 1;
    TimeRange whole;      // of the strip on top
    std::size_t strip_parts = 0;
    std::vector<std::uint64_t> coroutines;  // identities that have a lane of their own, or are hovered
    std::size_t busiest = 0;                // how many others have a lane where few enough chunks tell of them
    std::vector<std::string> channels;      // "channel:NAME": whose depth has a lane
    std::size_t busiest_channels = 0;       // how many of the others
    std::shared_ptr<const PastFilter> whom; // they are of those who pass it; nullptr = everybody
    std::optional<LateWish> late;           // asked for; nullopt = nobody asks
    bool operator==(const TimelineWish&) const = default;
};

struct PlanSlice {
    traces::TimeNs begin = 0, end = 0;
    std::uint64_t identity = 0;             // 0 = not known who
    std::uint32_t index = wire::kNone;      // record
    std::uint32_t name = wire::kNone, site = wire::kNone;
    wire::WaitReason reason = wire::WaitReason::kNothing;  // why it ended
    std::uint8_t flags = 0;                 // traces::LaneSlice::Flag
};

struct PlanColumn {
    float running = 0;  // share of its time, 0..1
    float slices = 0;   // that have a part in it, by share
    float events = 0;   // where nothing else is known
};

struct WorkerLane {
    std::uint32_t worker = 0;
    std::vector<PlanSlice> slices;    // ascending
    std::vector<PlanColumn> columns;  // from the plan's begin on, one a pixel
    std::vector<TimeRange> losses;
    double running_share = 0;         // of the range seen
    std::uint64_t slices_seen = 0;
};

struct TrackSlice {
    traces::TimeNs begin = 0, end = 0;
    traces::TrackSpan span;
    std::uint64_t waker = 0;  // identity; 0 = no coroutine, or not known
    std::uint32_t waker_name = wire::kNone, waker_site = wire::kNone;
};
struct CoroutineLane {
    std::uint64_t identity = 0;
    std::uint32_t name = wire::kNone, site = wire::kNone;
    bool known = false;                // it was looked for and found
    bool busiest = false;              // nobody asked for it: it is one of those that run most
    traces::TimeNs begin = 0, end = 0; // of its life, as far as it lies in the trace
    std::vector<TrackSlice> spans;     // ascending
};

struct SignalMark {
    traces::TimeNs at = 0;
    std::uint32_t number = 0;
};

struct TimelinePlan {
    TimelineWish wish;
    std::vector<WorkerLane> workers;
    std::vector<CoroutineLane> coroutines;  // in the order of the wish, then the busiest
    std::vector<SignalMark> signals;
    std::vector<ChannelLane> channels;  // in the order of the wish, then the busiest
    TimelineTold told;
    std::optional<LateWake> late;
    std::vector<float> strip;          // events, in equal parts of wish.whole
    std::vector<TimeRange> all_losses; // of all lanes
    std::size_t chunks_known = 0, chunks_count = 0;
    bool complete = false;             // what is drawn is what the trace holds
    std::string problem;               // that chunks could not be read; "" = they could
};

// Workers' lanes, signals and the strip. `may_read`: else with what is in memory alone.
TimelinePlan make_timeline_plan(traces::LaneIndex& index, const TimelineWish& wish, bool may_read);
// A coroutine's lane, of a track that covers the wish's range. `before`: what it did until the track's first span; may be null.
CoroutineLane make_coroutine_lane(const traces::LaneIndex& index, const traces::CoroutineTrack& track, const traces::TrackSpan* before,
                                  const TimelineWish& wish);

// Reads the chunks of that stretch.
LateWake why_late(traces::LaneIndex& index, const LateWish& wish);
nlohmann::json to_json(const LateWake& late);

// What a span looks like everywhere.
Look look_of_span(const traces::TrackSpan& span);

// Sums over [begin, end] of the session's time, exact: what `dump` says. Reads the whole trace.
struct TimelineSums {
    struct Worker {
        std::uint32_t worker = 0;
        std::int64_t running_ns = 0;
        std::uint64_t slices = 0;
        std::size_t losses = 0;
    };
    std::vector<Worker> workers;
    bool complete = false;
};
TimelineSums sum_timeline(traces::LaneIndex& index, TimeRange range);
// Of one coroutine in [begin, end], every span counted.
nlohmann::json sum_coroutine(traces::LaneIndex& index, std::uint64_t identity, TimeRange range);
nlohmann::json to_json(const TimelineSums& sums);

}  // namespace coroscope::views
