// FlameSource: the stacks that a flame graph is made of: of a stretch of the past by time, of one Moment by who is parked and what their stacks hold.
//
// Thread: pure functions of what they are given; any. past_flame() blocks: it walks the trace, some 100 ns an event of the stretch, and ends early
// when the search is not wanted any more. Tested in tests/e2e/past_views_test.py against `coroscope export folded`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "traces/session.h"
#include "views/flame_model.h"
#include "views/workspace.h"

namespace coroscope::views {

enum class FlameMode : std::uint8_t { kOnCpu, kOffCpu, kParked, kStackMemory };
inline constexpr std::size_t kFlameModesCount = 4;
inline bool flame_of_past(FlameMode mode) {
    return mode == FlameMode::kOnCpu || mode == FlameMode::kOffCpu;
}

struct FlameWish {
    FlameMode mode = FlameMode::kOffCpu;
    std::uint64_t coroutine = 0;     // identity; 0 = all
    std::string site;                // "file:line"; "" = all
    std::optional<TimeRange> range;  // of the past; nullopt = all there is
    std::shared_ptr<const PastFilter> whom;  // the one filter; nullptr = everybody
    bool operator==(const FlameWish&) const = default;
};

struct Flame {
    FlameMode mode = FlameMode::kOffCpu;
    FlameTree tree;
    traces::TimeNs from = 0, to = 0;  // what is told of; of a Moment both its time
    std::string error;                // why there is nothing, in a sentence; "" = there may be something
};

// kOnCpu, kOffCpu.
Flame past_flame(const std::shared_ptr<const traces::Replay>& replay, const FlameWish& wish, traces::Search& search);
// kParked, kStackMemory. `wait_for_names`: frames that are not named yet are waited for (blocks), else they are shown by address.
// The root of a coroutine's stacks, as flame_root() says it.
std::string root_of(const traces::Moment& moment, const inspect::CoroutineImage& coroutine);
// Identities of who lives at that moment and has that root (flame_root()), ascending.
std::vector<std::uint64_t> who_has_root(const traces::Moment& moment, const std::string& root);
Flame moment_flame(traces::Session& session, const traces::Moment& moment, const FlameWish& wish, bool wait_for_names);

}  // namespace coroscope::views
