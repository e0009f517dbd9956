// See lane_levels.h.
#include "traces/lane_levels.h"

#include <algorithm>
#include <functional>

namespace coroscope::traces {
namespace {

void add_slice(LaneBlock& block, const LaneSlice& slice) {
    if (block.count == 0) {
        block = lane_block_of(slice);
        return;
    }
    block.end = slice.end;
    block.running += slice.ticks();
    if (slice.ticks() > block.longest) {
        block.longest = slice.ticks();
        block.coroutine = slice.coroutine;
    }
    block.flags &= LaneSlice::kBeganBefore;
    block.reason = wire::WaitReason::kNothing;
    ++block.count;
}

// The longest interval that is not among the `alone` longest.
std::uint64_t hidden_max(std::span<const LaneSlice> slices, std::size_t alone) {
    std::vector<std::uint64_t> lengths;
    lengths.reserve(2 * slices.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
        lengths.push_back(slices[i].ticks());
        if (i != 0) lengths.push_back(slices[i].begin - slices[i - 1].end);
    }
    if (lengths.size() <= alone) return 0;
    std::nth_element(lengths.begin(), lengths.begin() + static_cast<std::ptrdiff_t>(alone), lengths.end(), std::greater<>());
    return lengths[alone];
}

}  // namespace

LaneLevel make_lane_level(std::span<const LaneSlice> slices, std::size_t alone) {
    LaneLevel level;
    level.hidden_ticks_max = hidden_max(slices, alone);
    const std::size_t together = slices.size() / std::max<std::size_t>(1, alone) + 1;
    LaneBlock block;
    const auto flush = [&] {
        if (block.count != 0) level.blocks.push_back(block);
        block = {};
    };
    for (std::size_t i = 0; i < slices.size(); ++i) {
        const LaneSlice& slice = slices[i];
        const bool pause = i != 0 && slice.begin - slices[i - 1].end > level.hidden_ticks_max;
        const bool itself = slice.ticks() > level.hidden_ticks_max;
        if (pause || itself || block.count >= together) flush();
        add_slice(block, slice);
        if (itself) flush();
    }
    flush();
    level.blocks.shrink_to_fit();
    return level;
}

LaneBlock lane_block_of(const LaneSlice& slice) {
    return {slice.begin, slice.end, slice.ticks(), slice.ticks(), 1, slice.coroutine, slice.reason, slice.flags};
}

LaneBlock whole_lane(std::span<const LaneSlice> slices) {
    LaneBlock block;
    for (const LaneSlice& slice : slices)
        add_slice(block, slice);
    return block;
}

}  // namespace coroscope::traces
