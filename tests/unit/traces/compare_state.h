// Compares a rebuilt state with the truth, field by field as wire/fields.h lists them.
//
// What is compared follows from the table: every field that it calls replayed must have a comparison here (a test says so), and is compared
// wherever both sides describe the same change of the same object, i.e. have the same sequence or operation number.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/fields.h"

namespace coroscope::traces {

struct Comparison {
    std::vector<std::string> differences;  // at most kDifferencesMax
    std::uint64_t coroutines_same = 0;     // compared at the same sequence
    std::uint64_t coroutines_moved = 0;  // changed while the keyframe was copied: the rebuilt state is newer
    std::uint64_t wakers_same = 0;       // of those, compared who woke them
    std::uint64_t channels_same = 0, channels_moved = 0;
    std::uint64_t waitables_same = 0, waitables_moved = 0;
    bool quiet = false;  // nothing moved: everything was compared, pools bit for bit
};

// "record.field" of every replayed field that has a comparison.
std::vector<std::string> compared_fields();

// `rebuilt` from an earlier keyframe, `truth` the keyframe at that moment. `workers_quiet`: no worker emitted anything near that moment.
Comparison compare(const inspect::StateImage& rebuilt, const inspect::StateImage& truth, bool workers_quiet);

}  // namespace coroscope::traces
