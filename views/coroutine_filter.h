// The one filter of a window: which coroutines its views tell of.
//
// Words, all of which must occur (folded case) in a coroutine's identity, name, state, what it waits for, site or size class; or a rule
// (traces/rules/filter.h). A rule about events filters nothing: it is there to be stepped by.
//
// Pure functions; any thread. 100,000 coroutines: some 10 ms by words. Tested in tests/unit/views/coroutine_model_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traces/moment.h"

namespace coroscope::views {

struct FilterMatch {
    std::string filter;
    std::vector<bool> by_position;  // of Moment::state.coroutines
    std::size_t count = 0;          // that match
    bool about_events = false;
    std::string mistake;  // in the filter, where it is a rule: a sentence, the rule, a caret; "" = none, and nothing matches otherwise
};

FilterMatch match_filter(const traces::Moment& moment, const std::string& filter);

// True when `part` occurs in `text`, upper and lower case being the same; ASCII only.
bool contains_folded(std::string_view text, std::string_view part);

}  // namespace coroscope::views
