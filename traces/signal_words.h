// How events of signals, faults and what a program raises are said in a row.
//
// Thread: pure functions. Tested in tests/unit/traces/signal_words_test.cpp.
#pragma once

#include <string>

#include "instrumentation/base/tsc.h"
#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {

// Whether signal_detail() has anything to say of it.
bool is_of_signals(wire::EventType type);
// "from process 4711", "first instruction after 2.1 us, end after 14.0 us", "3 lost", "abandoned: address 0x10, at 0x401234" ...
std::string signal_detail(const wire::DecodedEvent& event, const base::ClockCalibration& clock);

}  // namespace coroscope::traces
