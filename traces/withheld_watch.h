// What a recorder does not get because somebody withholds it (`coroscope ctl mask`): told in the file as losses.
//
// While categories are withheld that the recorder asked for, nobody counts what happens in them, so that no ring tells a loss. The recorder
// looks at what is withheld between two rounds and writes the time of it as LOSS events into a ring of its own. A model then believes nothing of
// that time that it does not see proven, as after any loss. A LOSS that is not over is told anew every so often: what is asked of
// a time in the middle of it finds one on either side.
//
// Thread: one at a time. Tested in tests/unit/traces/withheld_watch_test.cpp and tests/e2e/break_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "instrumentation/wire/event.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::traces {

// The ring in the file that is no ring of the program's; a program uses it only when it has as many threads that emit as there can be rings.
inline constexpr std::uint32_t kRecordersRing = wire::kRingsMax - 1;

class WithheldWatch {
public:
    // `mask`: what was asked for. `begin_ticks`: since when.
    WithheldWatch(std::uint32_t mask, std::uint64_t begin_ticks)
        : mask_(mask & wire::kEventCategories), looked_ticks_(begin_ticks) {}

    // What is asked for from now on.
    void ask(std::uint32_t mask) { mask_ = mask & wire::kEventCategories; }

    // A LOSS with its EXT slot, if there is one to be told. `withheld`: what is withheld now; `again`: one that goes on is told anew.
    using Slots = std::array<wire::EventSlot, 2>;
    std::optional<Slots> look(std::uint32_t withheld, std::uint64_t now_ticks, bool again);

private:
    std::uint32_t mask_;
    std::uint64_t looked_ticks_;  // of the last look that found nothing withheld, or of the last LOSS
    bool withheld_ = false;
};

}  // namespace coroscope::traces
