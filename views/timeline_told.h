// What the program said itself, for the timeline: its messages and notes as marks, and the zones that coroutines were in.
//
// Chunks whose headers count such events are decoded as long as they are few in the stretch; of more the headers alone are told, as marks that
// stand for so many pieces of texts between two times. Zones that were begun before the stretch are looked up for those who have a lane on request.
//
// Thread: one at a time, the planner's. Blocks: reads at most kToldChunksMost chunks for texts and as many for zones, 1 to 2 ms each, and asks
// `search` between them. Tested in tests/unit/views/timeline_told_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "traces/lane_index.h"
#include "traces/search.h"
#include "views/workspace.h"

namespace coroscope::views {

inline constexpr std::size_t kToldChunksMost = 24;

struct SaidMark {
    traces::TimeNs at = 0, until = 0;    // the same but where it stands for many
    std::uint64_t pieces = 0;            // not 0: what headers count of texts between the two, none of them read
    std::uint64_t identity = 0;          // who said it; 0 = a thread, or not known
    std::uint32_t name = wire::kNone, site = wire::kNone;  // of that coroutine
    bool is_note = false;
    std::string text;
};

struct ZoneSpan {
    traces::TimeNs begin = 0, end = 0;
    std::uint64_t identity = 0;
    std::string name;
    std::uint32_t depth = 0;                      // of the zones around it
    bool begun_before = false, goes_on = false;   // beyond what was read
};

struct TimelineTold {
    bool speaks = false;         // there is a text somewhere in the trace
    std::vector<SaidMark> marks; // ascending
    bool zones_read = true;      // else there were too many chunks with zones in the stretch
    std::vector<ZoneSpan> zones; // by coroutine in the order asked, ascending by their begin
};

struct ToldWish {
    TimeRange range;
    std::vector<std::uint64_t> zones_of;       // identities
    std::size_t asked = 0;                     // so many of them, the first, also with what began before
    bool operator==(const ToldWish&) const = default;
};
// nullopt when `search` was cancelled.
std::optional<TimelineTold> told_between(const traces::LaneIndex& index, const ToldWish& wish, traces::Search& search);

}  // namespace coroscope::views
