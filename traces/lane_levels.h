// Lane levels: the slices of a chunk as few blocks, so that a lane that is zoomed out costs what its pixels cost.
//
// A level stands on its longest intervals: of all slices and pauses of a chunk the `alone` longest keep their own place, and what lies between them
// is put together in blocks that say how long was run, how often, and who ran longest. So every interval that a block hides is at most
// `hidden_ticks_max` long: drawn with a pixel not smaller than that, a level shows what the slices would show. As no more than `alone` intervals
// are longer, a finer level is needed only where the chunk is wider than `alone` pixels: an answer for W pixels reads at most W / alone + 2 chunks
// of the next finer one, whatever the trace is.
//
// Pure functions; any thread. Tested in tests/unit/traces/lane_index_test.cpp against a plain scan.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "traces/lane_slices.h"

namespace coroscope::traces {

struct LaneBlock {
    std::uint64_t begin = 0, end = 0;       // ticks: of the first slice, and of the last
    std::uint64_t running = 0;              // ticks, of all its slices
    std::uint64_t longest = 0;              // ticks, of one
    std::uint32_t count = 0;                // slices; 1: it is this slice
    std::uint32_t coroutine = wire::kNone;  // record index of the longest
    wire::WaitReason reason = wire::WaitReason::kNothing;  // of a single slice, as LaneSlice says it
    std::uint8_t flags = 0;                                // LaneSlice::Flag: of a single slice; of others how the first begins
};

struct LaneLevel {
    std::vector<LaneBlock> blocks;  // ascending, none overlaps another
    std::uint64_t hidden_ticks_max = 0;
};

LaneLevel make_lane_level(std::span<const LaneSlice> slices, std::size_t alone);
LaneBlock lane_block_of(const LaneSlice& slice);
// All slices as one; count 0 when there are none.
LaneBlock whole_lane(std::span<const LaneSlice> slices);

}  // namespace coroscope::traces
