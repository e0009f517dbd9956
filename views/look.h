// Looks: the dozen ways in which a slot or a coroutine can appear, each with a colour (theme.h) and a second mark.
//
// A look answers "what is it doing" in one glance: running, ready, or what kind of thing it waits for. Heatmap, table, graph and
// legend all take colour and mark from here, so that red means the same everywhere.
//
// Pure functions; any thread. Tested in tests/unit/views/pool_model_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::views {

// In rising order of severity: where one cell stands for several slots the worst is shown, never an average.
enum class Look : std::uint8_t {
    kFree = 0,
    kTimer = 1,
    kRunning = 2,
    kReady = 3,
    kSignal = 4,
    kIo = 5,
    kOther = 6,  // suspended by hand, blocking call, exiting
    kLock = 7,   // mutex, join, barrier ...
    kSelect = 8,
    kChannel = 9,
    kUnowned = 10,  // slot in use, but no coroutine says it is its own (being spawned, freed, or torn)
    kUnknown = 11,  // events about it were lost
};
inline constexpr std::uint8_t kLooksCount = 12;

// "running", "waits for a channel" ... as the legend says it.
const char* look_name(Look look);
Look look_of(const inspect::CoroutineImage& coroutine);

// The second mark, drawn as a shape so that no colour is needed to tell looks apart.
enum class Mark : std::uint8_t {
    kNone,
    kDot,
    kDisc,
    kTriangle,
    kSquare,
    kFrame,
    kDiamond,
    kRing,
    kCross,
    kPlus,
    kBars,
    kHatch
};
Mark mark_of(Look look);

}  // namespace coroscope::views
