// What the heatmap's colours can say of a slot besides what its owner does: how long it has done that, how deep its stack went, where it was
// spawned, which worker ran it last, how often stacks of its site grew.
//
//   PoolModel ─▶ shade_pools() ─▶ PoolRow::shades (a byte a slot) ─▶ fill_cells() ─▶ texture
//
// A byte is 0 for a free slot, kShadeUnowned, kShadeUnknown, or kShadeFirst and a level: of a scale for quantities, where a cell that stands for
// several slots shows the highest, so that one old or deep stack in a million stays visible; of a list for sites and workers.
//
// Scales are logarithmic for durations and counts and fixed, so that colours do not jump while a program runs; ranked, they are by place among
// all: as many slots in each level, whatever lies between them, so that outliers stand out of the crowd.
//
// Pure functions; any thread. They visit every coroutine: off the frame. Tested in tests/unit/views/pool_shade_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/moment.h"
#include "views/pool_model.h"

namespace coroscope::views {

enum class PoolMode : std::uint8_t { kState, kAge, kHighWater, kSite, kWorker, kGrowth };
inline constexpr int kPoolModesCount = 6;
// "State", "Age" ...: as the choice says it; "state", "age" ... in dumps.
const char* pool_mode_title(PoolMode mode);
const char* pool_mode_name(PoolMode mode);
// Whether it is a quantity, which may be ranked.
bool is_scale(PoolMode mode);

inline constexpr std::uint8_t kShadeUnowned = 1, kShadeUnknown = 2, kShadeFirst = 4;
inline constexpr std::uint8_t kShadeLevels = 32;       // of a scale
inline constexpr std::uint8_t kShadeKinds = 12;        // of a list; whatever is not among these is one more
static_assert(kShadeFirst + kShadeLevels < kDimmed && kShadeFirst + kShadeKinds < kDimmed);

// What the colours mean.
struct ShadeLegend {
    PoolMode mode = PoolMode::kState;
    bool ranked = false;
    std::string low, high;           // a scale's ends; of ranked ones the lowest and highest that there are
    std::uint64_t known = 0;         // slots that have a level
    std::uint64_t unknown = 0;       // slots in use of whose owner it is not known
    struct Kind {
        std::string name;            // of a site or worker; "others"
        std::uint64_t slots = 0;
        std::uint8_t shade = 0;
    };
    std::vector<Kind> kinds;         // of a list
};

// Fills PoolRow::shades of all pools, by `mode`, and says what they mean. kState clears them: then looks are shown. `model` is of that moment.
ShadeLegend shade_pools(PoolModel& model, const traces::Moment& moment, PoolMode mode, bool ranked);

// What a mode says of one coroutine, as text for tooltips: "in its state for 3.20 s", "used at most 1.2 KiB of 2 KiB (61 %)".
std::string shade_text(const traces::Moment& moment, const inspect::CoroutineImage& coroutine, PoolMode mode);

nlohmann::json to_json(const ShadeLegend& legend);

}  // namespace coroscope::views
