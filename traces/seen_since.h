// SeenSince: since when a coroutine is in its state, for states that nobody was told of by an event.
//
// Between two looks its sequence changed: then it entered its present state between them, which is as near as looking can tell. What was so
// when the first look came stays unknown: nobody knows for how long.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/seen_since_test.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::traces {

class SeenSince {
public:
    // Takes a look, and fills since_ticks where it is 0 and the change was seen: with when this look (or the one that saw it) began.
    void complete(inspect::StateImage& image);

private:
    struct Seen {
        std::uint64_t identity = 0;
        std::uint64_t since_ticks = 0;  // 0 = it was so when the first look came
        std::uint32_t sequence = 0;
    };
    std::vector<Seen> seen_;  // by coroutine index
    bool looked_ = false;
};

}  // namespace coroscope::traces
