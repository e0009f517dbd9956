// What a program said itself around a moment: messages, notes and counters of all, zones and notes of one coroutine.
//
// Nothing is kept of a trace: the chunks nearest to the moment are decoded whose headers count such events, and no more of them than TellLimits allow
// (64 Ki events each, 1 to 2 ms); what lies beyond is said to be there (`more_...`, `complete`). Who said something is found in the keyframe before
// it and the spawns since.
//
// Thread: pure functions; any. Block: they read the file; cancelled, they return what they have. Tested in tests/unit/traces/told_past_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/replay.h"
#include "traces/search.h"
#include "traces/told.h"

namespace coroscope::traces {

struct TellLimits {
    std::size_t before = 2000, after = 200;  // texts on either side of the moment
    std::size_t chunks = 256;                // that are decoded at most
    std::size_t keyframes = 64;              // that are read for who said it
};

struct SaidRow {
    TimeNs t = 0;
    bool is_note = false;
    std::uint64_t coroutine = 0;         // identity; 0 = a thread said it, or it is not known who
    std::string name;                    // of the coroutine
    std::uint32_t worker = wire::kNone;  // on which; kNone: on another thread
    std::string text;
};
struct CounterPast {
    std::string name;
    bool real = false;
    TimeNs at = 0;  // when it was told
    double value = 0;
    std::vector<std::pair<TimeNs, double>> points;  // the newest of them, ascending, that value last
};
struct Said {
    TimeNs t = 0;
    std::vector<SaidRow> rows;  // ascending
    std::size_t until_now = 0;  // of them, those up to t
    bool more_before = false, more_after = false;
    std::vector<CounterPast> counters;  // by name, at t
};
// Errors: kCorrupt when no keyframe can be read.
base::Result<Said> said_around(const Replay& replay, TimeNs t, const TellLimits& limits, Search& search);

struct OpenZone {
    std::string name;
    TimeNs since = 0;
};
struct SaidBy {
    std::vector<OpenZone> zones;           // that it is in at t, the innermost last
    std::vector<SaidRow> notes, messages;  // the last of each, ascending; only time and text
    bool complete = true;  // looked through back to its spawn, or to the beginning of the trace
};
// Of the coroutine with this identity, whose record has this index at t. The last `limits.before` of each.
SaidBy said_by(const Replay& replay, std::uint64_t identity, std::uint32_t index, TimeNs t,
               const TellLimits& limits, Search& search);

}  // namespace coroscope::traces
