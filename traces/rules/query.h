// Queries: a rule over a whole trace, or over one moment.
//
//   events    every event that matches, in the order of time, with what is known of it
//   state     the objects of one moment that match
//   spans     when a state rule held: it is followed from event to event between keyframes (state_spans.cpp)
//
// Thread: pure functions of what they are given. Blocks: query_events() and query_spans() read the file. Tested in
// tests/unit/rules/query_test.cpp and tests/e2e/query_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "traces/replay.h"
#include "traces/rules/facts.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

struct QueryOptions {
    std::optional<traces::TimeNs> from, to;
    std::uint64_t limit = 0;  // rows that are kept; what matches beyond is counted
};

struct EventRow {
    traces::TimeNs t = 0;
    wire::EventType type{};
    std::uint32_t worker = wire::kNone;
    std::uint64_t id = 0;  // of the coroutine; 0 = of none
    std::string name, site;
    std::string object;  // "channel:jobs"; "" = it is about none
    std::string detail;  // the wait, cause or status; "" = it has none
    Span blocked, ready, run;
};
struct EventAnswer {
    std::uint64_t matched = 0, scanned = 0;
    std::uint64_t gaps = 0;  // intervals of which events are missing
    std::vector<EventRow> rows;
};
// Errors: kUnreadable, kCorrupt.
base::Result<EventAnswer> query_events(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                       const QueryOptions& options);

// An object that matches; of rules that name all of their objects: the rule itself, if it holds.
struct StateRow {
    Kind kind = Kind::kCoroutine;
    std::uint64_t id = 0;  // identity; workers and pools: index
    std::string text;      // "12 \"conn\" parked …"
};
struct StateAnswer {
    traces::TimeNs t = 0;
    std::optional<Kind> subject;
    bool holds = false;  // of a rule without a subject
    bool known = true;   // false: what it asks for is not known, or there is no such object
    std::uint64_t matched = 0, of = 0;
    std::vector<StateRow> rows;
};
StateAnswer query_state(const traces::Moment& moment, const std::shared_ptr<const Rule>& rule,
                        std::uint64_t limit);

// A stretch of time in which a rule held, of an object or as a whole.
struct SpanRow {
    std::uint64_t id = 0;  // of the object; 0 = the rule has no subject
    std::string text;      // "channel:jobs"
    traces::TimeNs since = 0, until = 0;
    bool open_begin = false, open_end = false;  // it held already when the look began, or still does
};
struct SpanAnswer {
    traces::TimeNs from = 0, to = 0;
    std::uint64_t matched = 0;
    double total_ns = 0;
    std::uint64_t gaps = 0;
    std::vector<SpanRow> rows;
};
// Errors: kUsage for rules that cannot be followed from event to event; kUnreadable, kCorrupt.
base::Result<SpanAnswer> query_spans(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                     const QueryOptions& options);

// The state that a scan from `ticks` begins with: the last readable keyframe before it, or the first. Errors: kCorrupt.
base::Result<inspect::StateImage> keyframe_for(const traces::TraceReader& reader, std::uint64_t ticks);
// Names as the end of a trace knows them.
Names names_of(const traces::TraceReader& reader);

std::string to_text(const EventAnswer& answer);
std::string to_text(const StateAnswer& answer);
std::string to_text(const SpanAnswer& answer);
nlohmann::json to_json(const EventAnswer& answer);
nlohmann::json to_json(const StateAnswer& answer);
nlohmann::json to_json(const SpanAnswer& answer);

}  // namespace coroscope::rules
