// Where coroutines of a program enter the runtime: the places at which they may wait, and what they do with channels.
//
// A runtime call is a call of one of a few doors (cprime_park and its kin); what is wanted stands in the function that is handed over. Which
// calls there are under a function is known as far as its calls are: behind a pointer may be more.
//
// Called by `coroscope analyze`. Thread: one at a time. Blocks: no. Tested in tests/unit/bounds/runtime_calls_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/bounds/program.h"

namespace coroscope::bounds {

// Whether a symbol is a door.
bool enters_runtime(std::string_view symbol);

// "send", "receive", "select", "sleep", "mutex_lock": what a call of that door wants, when it is handed what has this name. "call" = unknown.
std::string wanted_of(std::string_view door, std::string_view handed_over);

// In a word, what is done with channels by code that makes these calls: "none", "receives in a loop", "sends", "sends and receives in a loop",
// "selects".
std::string channel_pattern(const std::vector<RuntimeCall>& calls);

}  // namespace coroscope::bounds
