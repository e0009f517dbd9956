// Two looks at a running program, so long apart: what rates and lasting states are told by. For `lint` and `top`.
//
// Thread: the main thread. Blocks: until the second look is there, or the program has ended. Tested by tests/e2e/lints_test.py.
#pragma once

#include <cstdint>
#include <memory>

#include "traces/session.h"

namespace coroscope::app {

struct TwoLooks {
    std::shared_ptr<const traces::Moment> now, before;  // before: nullptr when the program ended meanwhile
};
// Errors: those of the first look.
base::Result<TwoLooks> two_looks(traces::Session& session, std::int64_t apart_ns);

// Analyses ask for the names of selects and go on without those that are not known yet; where there is time this waits for them. Blocks.
void wait_for_select_names(traces::Session& session, const inspect::StateImage& state);

}  // namespace coroscope::app
