// A crowd: a Moment with one pool of very many slots in mixed states, and the Moment after it. For what is measured or bounded by work.
//
// Everything is determined by the options and the Moment before. A crowd has no stacks and no events: it is what the state plane shows.
//
// Thread: pure functions; any. Blocks for building the image: about a second for a million slots.
#pragma once

#include <cstdint>
#include <memory>

#include "traces/moment.h"

namespace coroscope::views {

struct CrowdOptions {
    std::uint32_t slots = 1U << 20;  // of pool 0 (Micro); a multiple of 512
    double used_share = 0.75;        // of them have a coroutine
    std::uint32_t seed = 1;
};

// Pool 0 is the crowd's, pools 1 to 3 (Small, Medium, Large) have one slab each and a few coroutines.
std::shared_ptr<const traces::Moment> make_crowd(const CrowdOptions& options);

// The same crowd a moment later: `share` of its coroutines, anywhere, are in another state.
std::shared_ptr<const traces::Moment> next_crowd(const traces::Moment& before, double share,
                                                 std::uint32_t seed);

}  // namespace coroscope::views
