// Lane slices: who ran when on a worker, read from one chunk of its ring.
//
// RESUME opens a slice, SUSPEND, EXIT or the next RESUME closes it; nothing of other rings is needed, so chunks are read in any order. What ran
// over the edge of a chunk is a slice in either, that `flags` join again. Where events are lost a slice ends at the first of them and what ran
// meanwhile is not known: nothing is drawn as if it were. In passing the chunk says who was spawned (names for record indices), which signals came
// and, as a set that may err by naming too many, which coroutines it speaks of.
//
// Thread: a pure function; any. Blocks: reads a chunk of the file, 1 to 2 ms. Tested in tests/unit/traces/lane_index_test.cpp.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/coroutine.h"
#include "traces/event_feed.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

struct LaneSlice {
    enum Flag : std::uint8_t {
        kBeganBefore = 1U << 0,  // in the chunk before: its begin is that one's end
        kGoesOn = 1U << 1,       // over the end of the chunk
        kCut = 1U << 2,          // its begin or end is not known: events are lost there
        kExited = 1U << 3,       // it ended with its coroutine
    };
    std::uint64_t begin = 0, end = 0;  // ticks
    std::uint32_t coroutine = wire::kNone;  // record index
    wire::WaitReason reason = wire::WaitReason::kNothing;  // why it ended, unless kGoesOn, kCut or kExited
    std::uint8_t flags = 0;

    std::uint64_t ticks() const { return end - begin; }
    bool operator==(const LaneSlice&) const = default;
};

// A coroutine's begin: from here on its record index is its.
struct LifeBegin {
    std::uint64_t ticks = 0;  // 0: it was there when the trace began
    std::uint64_t identity = 0;
    std::uint64_t spawner = 0;
    std::uint32_t index = wire::kNone;
    std::uint32_t site = wire::kNone;
    std::uint32_t name = wire::kNone;  // string
};

struct SignalSeen {
    std::uint64_t ticks = 0;
    std::uint32_t number = 0;
};

// Record indices, folded: who is not in it is not in the chunk.
class IndexSet {
public:
    void add(std::uint32_t index) { bits_.set(index % kBits); }
    bool may_hold(std::uint32_t index) const { return bits_.test(index % kBits); }

private:
    static constexpr std::size_t kBits = 4096;
    std::bitset<kBits> bits_;
};

struct ChunkSlices {
    std::vector<LaneSlice> slices;  // of a worker's ring; ascending, none overlaps another
    std::vector<LossInterval> losses;
    std::vector<LifeBegin> lives;
    std::vector<SignalSeen> signals;
    IndexSet speaks_of;
};

// `since`: where the chunk before in its ring ended, nothing missing between; 0 = there is none. `slots`: memory that is used again.
// Errors: kCorrupt, kUnreadable.
base::Status read_lane_slices(const TraceReader& reader, const ChunkRef& chunk, std::uint64_t since, std::vector<wire::EventSlot>& slots,
                              ChunkSlices& out);

}  // namespace coroscope::traces
