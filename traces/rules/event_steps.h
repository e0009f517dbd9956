// Steps through the past: from a place in a trace to the event, or to the time at which a condition began to hold, that is next to it.
//
// A text that comes in several pieces is one event, at the last of them. Events are ordered by time, ring, and position in the ring, so that several
// with one stamp are passed one by one. A step lands at the first nanosecond at which the event has happened, and says which one it was: whoever
// goes on steps from its place and not from its time.
//
// What it costs, in bounded memory: nothing far from the place is read. Any event, and those of a coroutine, channel or worker: the chunks next to
// the place whose headers do not rule it out (at most 64 Ki events each, 1 to 2 ms), one after the other, until no other can hold a nearer one; and
// once the events since the last keyframe, for names. A coroutine that has long been parked has nothing in any header that says so: then every chunk
// on the way is decoded (20 to 50 million events a second). Rules: the stretch between two keyframes as a whole, one after the other, without those
// whose counts of types rule a match out.
//
// Thread: pure functions; any. Block: they read the file. Tested in tests/unit/rules/event_steps_test.cpp against a list of all events.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "traces/replay.h"
#include "traces/rules/query.h"
#include "traces/rules/rule.h"
#include "traces/search.h"

namespace coroscope::rules {

// A place between events.
struct EventPlace {
    std::uint64_t ticks = 0;
    std::uint32_t ring = wire::kNone;
    std::uint64_t position = ~std::uint64_t{0};

    auto operator<=>(const EventPlace&) const = default;
};
// Behind everything that has happened at t.
EventPlace place_at(const traces::Replay& replay, traces::TimeNs t);

enum class Direction : std::uint8_t { kNext, kPrevious };

struct StepFilter {
    enum class Of : std::uint8_t { kAnything, kCoroutine, kChannel, kWorker };
    Of of = Of::kAnything;
    std::uint64_t identity = 0;  // of the coroutine or channel
    std::uint32_t index = wire::kNone;  // of its record, where it is alive at the place (kNone: it is not); the worker's number
};

struct Step {
    EventPlace at;
    traces::TimeNs t = 0;
    std::optional<EventRow> event;          // none: a condition began to hold
    std::uint32_t coroutine = wire::kNone;  // index of event->id
    std::optional<Kind> kind;               // of the object for which the condition began to hold
    std::uint64_t id = 0;                   // that object; of an event its coroutine
    std::string sentence;                   // "suspend of 73 librarian, channel-receive on channel:jobs"
};

// Nothing: there is none, or the search was cancelled. Errors: kUnreadable, kCorrupt.
base::Result<std::optional<Step>> step_event(const traces::Replay& replay, const StepFilter& filter,
                                             const EventPlace& from, Direction direction,
                                             traces::Search& search);
// To an event that matches, or to a time at which a rule about state began to hold for some object. Errors: the same; kUsage for rules about state
// that cannot be followed from event to event.
base::Result<std::optional<Step>> step_rule(const traces::Replay& replay,
                                            const std::shared_ptr<const Rule>& rule, const EventPlace& from,
                                            Direction direction, traces::Search& search);

// The event at a place, with what is known of it. Errors: kCorrupt when it cannot be found again.
base::Result<Step> describe(const traces::Replay& replay, const EventPlace& at);

std::string to_text(const Step& step);
nlohmann::json to_json(const Step& step);

}  // namespace coroscope::rules
