// MigrationTally: how the stacks of each spawn site grew, learned from migrate events while they pass.
//
// An event names the coroutine, not its site. Where the spawn was not seen (yet: rings arrive one after the other; or ever: it was before anybody
// listened), migrations wait until the spawn event or an image says what the site is; until then they count for no site in particular
// (wire::kNone).
//
// Thread: one at a time. Blocks: never. Memory: a row a site and at most kWaitingMax coroutines that wait for theirs. Tested in
// tests/unit/traces/tally_test.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {

class MigrationTally {
public:
    static constexpr std::size_t kWaitingMax = 1U << 16;

    // Takes a migrate event of a coroutine of this site; wire::kNone = not known yet.
    void take(const wire::DecodedEvent& event, std::uint32_t site);
    // A coroutine began at this index.
    void spawned(std::uint32_t coroutine, std::uint64_t ticks, std::uint32_t site);
    // Sets image.migrations; finds the sites of those that wait.
    void complete(inspect::StateImage& image);

private:
    void add(std::uint32_t site, const inspect::SiteMigrationsImage& more);

    std::map<std::uint32_t, inspect::SiteMigrationsImage> sites_;
    std::unordered_map<std::uint32_t, inspect::SiteMigrationsImage> waiting_;  // by index of the coroutine
};

}  // namespace coroscope::traces
