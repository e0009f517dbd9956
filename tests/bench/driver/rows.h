// The table of rows: what `bench` measures, and against whom. Reading rows.cpp says all that is compared.
//
// A row has series; the first is ours (label "ours"; a row may do without), the others are its peers. A series names the
// runner program, the workload in it and the conditions (environment, whether somebody watches). All are plain data, fixed at start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/runner_process.h"

namespace coroscope::bench {

// Who looks at the process while it is measured.
enum class Watch : std::uint8_t {
    kNobody,
    kEvents,    // a recorder: all event categories, drop and count, its reader empties the rings meanwhile
    kProfiled,  // the same, with stacks painted and every 64th switch stamped
};

struct Series {
    std::string label;     // the peer's name; for the first series what "ours" is
    std::string runner;    // program beside the driver
    std::string workload;  // in that program
    Environment environment = {};
    Watch watch = Watch::kNobody;
};

enum class Measure : std::uint8_t {
    kTime,   // nanoseconds an operation; calibrated count, minimum and median of interleaved rounds
    kBytes,  // extra "bytes" of the answer; a new process each round, fixed count
    kCold,  // nanoseconds an operation, in a new process each round, fixed count: nothing has been used before
    kWhole,            // milliseconds of all operations together, in a new process each round, fixed count
    kSwitchHistogram,  // p50 of the runtime's own histogram against stamps taken by the bench (switch_histogram.h)
    kUnwind,           // nanoseconds a stack, of `count` copied ones (looks.h)
    kStacks,           // milliseconds of a look at the stacks of `count` coroutines (looks.h)
    kWatched,  // nanoseconds of the target's processor time an operation, among `count` parked coroutines (looks.h)
    kTraceLog,    // as kTraceWrite
    kTraceWrite,  // nanoseconds an event; these three: trace_rows.h
    kTraceScan,   // nanoseconds an event
    kTraceOpen,   // milliseconds, of a file of `count` events
};

struct Row {
    std::string name;
    std::string unit;
    std::string meaning;  // one line for people
    Measure measure = Measure::kTime;
    std::uint64_t count = 0;  // kBytes and below: how many coroutines
    std::vector<Series> series;
};

const std::vector<Row>& all_rows();

}  // namespace coroscope::bench
