// Row model of the events table: how an event is said in columns, and where rows stand from one window of events to the next.
//
// Pure functions; any thread. Tested in tests/unit/views/event_model_test.cpp.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "traces/rules/event_window.h"
#include "views/look.h"

namespace coroscope::views {

// "3.319903123 s".
std::string event_time_text(traces::TimeNs t);
// Since the row before: "+1.2 µs"; "" for the first.
std::string event_delta_text(const rules::EventWindow& window, std::size_t row);
// "worker 1"; "–" on another thread.
std::string event_worker_text(const rules::EventRow& row);
// "73 librarian"; "" when it is nobody's.
std::string event_who_text(const rules::EventRow& row);
// "channel-receive on channel:jobs".
std::string event_what_text(const rules::EventRow& row);
// "blocked 1.2 ms", "ran 3 µs", "ready 800 ns"; of several the one that the event ends. "at least" is said with ≥.
std::string event_took_text(const rules::EventRow& row);
// The whole row as one line, for the status line and the clipboard.
std::string event_line(const rules::EventWindow& window, std::size_t row);
// What the coroutine does from this event on, where it says so; kFree: it says nothing of it.
Look event_look(const rules::EventRow& row);

// A row that is to stay where it is on the screen: its stamp, and which of those with that stamp.
struct EventSpot {
    std::uint64_t ticks = 0;
    std::size_t ordinal = 0;
    bool operator==(const EventSpot&) const = default;
};
EventSpot spot_of(const rules::EventWindow& window, std::size_t row);
// Where it is in a window; the first row after it when the window does not have it. May be rows.size().
std::size_t row_of(const rules::EventWindow& window, EventSpot spot);

// {"t_ns", "until_now", "more_before", "more_after", "known_from_ns", "known_to_ns", "gaps", "rows": as `coroscope query --json`}
nlohmann::json to_json(const rules::EventWindow& window);

}  // namespace coroscope::views
