// A rule as the filter of a table of coroutines.
//
// What is typed into a filter is words that must occur, unless there is a comparison in it: then it is a rule. One about coroutines filters; one
// about events has nothing to say of a table of coroutines, and is there to be stepped by (event_steps.h).
//
// Thread: pure functions. Tested in tests/unit/views/coroutine_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/moment.h"

namespace coroscope::rules {

// `<` and `>` count beside a space, `=` or a digit only: names of templates are words.
bool reads_as_rule(const std::string& filter);
// A rule without a mistake, about events.
bool is_about_events(const std::string& filter);
// Positions in moment.state.coroutines, ascending. Errors: kUsage, as Rule::parse() says mistakes, also for rules about something else.
base::Result<std::vector<std::uint32_t>> coroutines_that_match(const traces::Moment& moment,
                                                               const std::string& filter);

}  // namespace coroscope::rules
