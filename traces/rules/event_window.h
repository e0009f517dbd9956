// EventWindow: the events around a time that match a rule, some hundred on either side, out of a trace of any length.
//
// What an events table shows. Nothing far from the time is read: stretches between two keyframes are looked through outwards, each as a whole from
// what its keyframe knows (so what matches does not depend on where one comes from), without those whose counts of types rule a match out, until
// there are rows enough or as many events were looked through as the wish allows; how far that reached is said.
//
// What a stretch costs: its events once forwards, and twice backwards (the first pass finds where the last rows begin); memory: the rows, and eight
// bytes a match of one stretch.
//
// Thread: pure functions; any. Block: they read the file, and end early when the search is not wanted any more. Tested in
// tests/unit/rules/event_window_test.cpp against query_events().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/replay.h"
#include "traces/rules/query.h"
#include "traces/rules/rule.h"
#include "traces/search.h"

namespace coroscope::rules {

struct EventWindowWish {
    traces::TimeNs t = 0;                    // around which
    std::size_t before = 400, after = 400;   // rows on either side
    std::uint64_t events_max = 4'000'000;    // looked through on either side; the stretch in which that is reached is finished
    std::shared_ptr<const Rule> rule;        // about events; nullptr: whatever happened
    std::uint64_t coroutine = 0;             // identity; 0: of anybody
    std::string object;                      // "channel:jobs"; "": about anything
    std::optional<traces::TimeNs> from, to;  // nothing outside of it is told
    // Of whom alone there is told, by identity, name and spawn site; null: of anybody. Called on the thread that asks, once a coroutine.
    std::function<bool(std::uint64_t, std::string_view, std::string_view)> of_whom;
};

struct WindowRow {
    EventRow event;
    std::uint64_t ticks = 0;  // its stamp
    traces::TimeNs at = 0;    // the first nanosecond at which it has happened
};

struct EventWindow {
    traces::TimeNs t = 0;
    std::vector<WindowRow> rows;                   // ascending
    std::size_t until_now = 0;                     // of them, those that have happened at t
    bool more_before = false, more_after = false;  // not everything there was looked through
    traces::TimeNs known_from = 0, known_to = 0;   // everything that matches in between is in `rows`
    std::uint64_t scanned = 0;
    std::uint64_t gaps = 0;  // intervals of which events are missing
};

// A rule that an events table can be filtered with; nullptr for an empty text. Errors: kUsage, as Rule::parse() says mistakes; also for rules about
// state.
base::Result<std::shared_ptr<const Rule>> event_rule(const std::string& text);

// Errors: kUnreadable, kCorrupt.
base::Result<EventWindow> events_around(const traces::Replay& replay, const EventWindowWish& wish, traces::Search& search);

}  // namespace coroscope::rules
