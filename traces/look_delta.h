// LookDelta: what one look at a program says that an earlier, whole one does not: rows of coroutines and stacks that are not the same, and who
// is gone.
//
// Of 100,000 coroutines most wait for long: a delta is a fortieth of a whole look and is packed as much faster. A delta names the whole look that
// it is based on by its time, and is never based on another delta, so that a moment needs two chunks and a damaged chunk costs few looks.
//
// Thread: one at a time. Tested in tests/unit/traces/look_delta_test.cpp; fuzzed with the trace.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/state_image.h"
#include "traces/tables.h"

namespace coroscope::traces {

inline constexpr std::size_t kDeltaRowsMin = 1000;  // fewer coroutines: looks are small anyway
inline constexpr std::size_t kDeltaShareMax = 4;    // rows that changed, one in so many at most
inline constexpr std::uint32_t kDeltasMax = 20;     // between two whole looks

// Of a writer: which look the next ones may be based on.
class LookBase {
public:
    // The delta's payload; nothing when the look is better stored whole, and is then what later ones are based on.
    std::optional<Bytes> keyframe(const inspect::StateImage& image);
    // The same for the stacks of a look.
    std::optional<Bytes> stacks(const inspect::StackSnapshot& snapshot);
    std::uint64_t keyframe_ticks() const { return rows_.ticks; }
    std::uint64_t stacks_ticks() const { return stacks_.ticks; }

private:
    template <typename Row>
    struct Base {
        std::vector<Row> rows;
        std::uint64_t ticks = 0;  // 0 = there is none
        std::uint32_t deltas = 0;
    };
    Base<inspect::CoroutineImage> rows_;
    Base<inspect::StackRef> stacks_;
};

// The whole look again, without its index. Errors: kCorrupt.
base::Result<inspect::StateImage> apply_keyframe_delta(BytesView delta, const inspect::StateImage& base,
                                                       std::string_view strings);
base::Result<inspect::StackSnapshot> apply_stacks_delta(BytesView delta, const inspect::StackSnapshot& base);

}  // namespace coroscope::traces
