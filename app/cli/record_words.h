// What `record` and `ctl break --action dump` say alike: of the file before it is written, and of a flight recorder's dumps.
//
// Thread: any. Tested in tests/e2e/flight_recorder_test.py and break_dump_test.py.
#pragma once

#include <cstdint>
#include <string>

#include "app/cli/command_line.h"
#include "instrumentation/base/result.h"
#include "traces/flight_dumps.h"

namespace coroscope::app {

// Whether a trace can be written there, said before anything is started: afterwards it would run for nothing. Errors: kIo; kUsage for a terminal.
base::Status may_write(const std::string& path);

// "none lost", "12 lost".
std::string lost_text(std::uint64_t lost);
// One line, or two where memory was too small for the time; each ends.
std::string dump_text(const FlightSize& size, const traces::FlightDump& dump);

}  // namespace coroscope::app
