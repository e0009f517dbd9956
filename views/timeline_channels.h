// How full channels were over time: the depth lanes of the timeline.
//
//   keyframe ──▶ segment up to the next one: of each followed channel kParts parts, the most that lay in it and what lay there last
//   a stretch of few segments ──▶ the same by pixels, from their events
//   a segment behind one that was read without a loss goes on from there: keyframes are large
//
// A segment is read from the state at its keyframe and the events behind it, so what a lane says is what lay in the channel, not a sum since the
// beginning; what is known of a segment stays while the trace grows. Followed are those asked for and, of the buffered ones, those that were used
// most by the looks that were taken at kLooks places of the trace.
//
// Thread: one at a time, the planner's. Blocks: advance() and lanes() read events of single segments, some 50 ns each, and ask `search` meanwhile.
// Tested in tests/unit/views/timeline_channels_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "traces/replay.h"
#include "traces/search.h"
#include "views/workspace.h"

namespace coroscope::views {

struct DepthColumn {
    std::uint32_t most = 0, last = 0;  // items: at most within it; at its end
    bool known = false;
    bool operator==(const DepthColumn&) const = default;
};

struct ChannelLane {
    std::uint64_t identity = 0;
    std::string text;                // "channel:NAME"
    std::uint32_t capacity = 0;
    bool busiest = false;            // nobody asked for it
    bool found = false;              // some look has it
    bool complete = true;            // all of the range is read; columns that are not known lie outside of the trace
    traces::TimeNs begin = 0;        // of the columns
    double column_ns = 1;
    std::vector<DepthColumn> columns;
};

class ChannelDepths {
public:
    static constexpr std::size_t kLooks = 8, kFollowedMost = 12, kNearSegments = 4;
    static constexpr std::uint32_t kPartsMost = 256;

    // What the trace holds now. Reads a few keyframes when it holds a good deal more than before.
    void follow(std::shared_ptr<const traces::Replay> replay);
    // Whom lanes are for: texts that are asked for, in their order, then the busiest up to that number of them.
    void choose(const std::vector<std::string>& asked, std::size_t busiest);
    // Reads segments that are not known yet, those with a part in the range first, until the deadline. False when all are known.
    bool advance(TimeRange range, std::chrono::steady_clock::time_point deadline, const traces::Search& search);
    // The lanes over the range, for pixels of that width; with what is known. nullopt when `search` was cancelled.
    std::optional<std::vector<ChannelLane>> lanes(TimeRange range, double pixel_ns, const traces::Search& search);

private:
    struct Known {  // of a channel, by the looks
        std::uint64_t identity = 0;
        std::string text;
        std::uint32_t capacity = 0;
        std::uint64_t operations = 0;
    };
    using Parts = std::map<std::uint64_t, std::vector<DepthColumn>>;  // by identity
    struct Lying {  // what lay in a channel at some time, and which record it has
        std::uint32_t index = wire::kNone;
        std::int64_t length = 0;
    };
    using AtEnd = std::map<std::uint64_t, Lying>;  // by identity
    struct Segment {
        std::uint32_t keyframe = 0;               // position in reader().chunks()
        std::uint64_t begin = 0, end = 0;         // ticks
        std::optional<Parts> parts;
        std::optional<AtEnd> at_end;  // where no event was lost on the way
    };
    // Of the followed channels, `count` equal parts of [from, to], those known that have a share in the segment; nullopt when cancelled.
    // `before`: what lay there when the segment began, which saves its keyframe; null = the keyframe says it. `at_end` may be null.
    std::optional<Parts> read(const Segment& segment, const AtEnd* before, std::uint64_t from, std::uint64_t to, std::uint32_t count,
                              const traces::Search& search, std::optional<AtEnd>* at_end) const;
    // What the segment before it ended with, of all that are followed; else null.
    const AtEnd* before(std::size_t segment) const;
    void look_around();
    bool looked_enough() const;
    std::uint32_t parts_each() const;

    std::shared_ptr<const traces::Replay> replay_;
    std::vector<Segment> segments_;  // ascending
    std::vector<Known> known_;       // used most first
    std::uint64_t looked_from_ = 0, looked_until_ = 0;  // ticks, between which the looks were taken
    struct Followed {
        std::size_t known = ~std::size_t{0};  // in known_; none when no look has it
        std::string text;
        bool busiest = false;
        bool operator==(const Followed&) const = default;
    };
    std::vector<Followed> followed_;
    // The lanes that were asked for last, where they were read by pixels.
    struct Near {
        TimeRange range;
        double pixel_ns = 0;
        std::vector<ChannelLane> lanes;
    };
    std::optional<Near> near_;
};

}  // namespace coroscope::views
