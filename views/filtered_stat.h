// Locks and selects of which the one filter tells (coroutine_filter.h): those that somebody who passes it has to do with. What a row counts stays
// what it is: of the lock, of the select.
//
// Pure functions; any thread. They visit every coroutine: off the frame. Tested in tests/unit/views/filtered_stat_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "traces/analysis.h"
#include "traces/session.h"

namespace coroscope::views {

// All without a filter, or with a rule about events.
std::vector<traces::WaitableStat> filtered_waitables(const traces::Moment& moment, const std::string& filter);
std::vector<traces::SelectStat> filtered_selects(traces::Session& session, const traces::Moment& moment, const std::string& filter);

// Whether it is parked in that select.
bool waits_in(const inspect::CoroutineImage& coroutine, const traces::SelectStat& select);

}  // namespace coroscope::views
