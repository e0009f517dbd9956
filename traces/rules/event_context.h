// EventContext: whose an event is, and how long what it ends has lasted.
//
// Fed with events in the order of their stamps. A coroutine is known from the keyframe that it begins with or from its SPAWN; a length of
// time from two events whose sequence numbers follow each other (RESUME is WAKE's + 1, and so on), so that after a loss it is not known
// rather than wrong. Its cousin traces/tally.h learns while recording what a state image shows; this one answers for each event.
//
//   SUSPEND  run    RESUME..SUSPEND          blocked  not known before its WAKE        ready  before the run that it ends
//   WAKE     blocked  SUSPEND..WAKE
//   RESUME   blocked  the wait before it, if it had one; ready  WAKE, SPAWN or YIELD..RESUME
//   EXIT     run, ready as for SUSPEND
//
// Thread: one at a time. Blocks: never. Allocates only where a coroutine's index was never seen before. Tested in
// tests/unit/rules/event_context_test.cpp against a plain oracle over generated histories.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring.h"
#include "traces/rules/facts.h"
#include "traces/sparse_table.h"

namespace coroscope::rules {

// Whose event it is by what it carries: the coroutine that it names, or else the one that ran; kNone: nobody's.
std::uint32_t coroutine_of(const wire::DecodedEvent& event);

class EventContext {
public:
    // `other_parties`: also finds the coroutine on whose behalf another one sent or received, which costs a look-up table.
    EventContext(const inspect::StateImage& keyframe, bool other_parties);

    // Takes the event in. The facts are valid until the next one; `event` must stay that long.
    const EventFacts& take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);

    // After a loss: takes over what `anew`, made of a later keyframe and fed with the events since, knows better.
    void learn_from(EventContext&& anew);

    // How long the wait is known to last that this coroutine's SUSPEND with this sequence number (24 bits) began. `now_ticks`: up to when everything
    // was taken. Known::kNo: something is missing in between.
    Span wait_of(std::uint32_t coroutine, std::uint32_t sequence24, std::uint64_t now_ticks) const;

private:
    static constexpr std::uint32_t kNever = wire::kNone;  // a sequence that no event has
    struct Entry {
        std::uint64_t identity = 0;
        std::uint32_t name = wire::kNone, site = wire::kNone, pool = wire::kNone;
        std::uint32_t suspend_sequence = kNever, wake_sequence = kNever, resume_sequence = kNever,
                      ready_sequence = kNever;
        std::uint64_t suspend_ticks = 0, wake_ticks = 0, resume_ticks = 0, ready_ticks = 0;
        Span blocked, ready;  // of the last wait, and before the last run

        std::uint64_t newest_ticks() const;
    };
    void set_owner(const wire::DecodedEvent& event);
    Entry* entry_of(const wire::DecodedEvent& event);
    void spawn(const wire::DecodedEvent& event, Entry& entry);
    void resume(const wire::DecodedEvent& event, Entry& entry);
    void suspend(const wire::DecodedEvent& event, Entry& entry);
    void wake(const wire::DecodedEvent& event, Entry& entry);
    void end_run(const wire::DecodedEvent& event, const Entry& entry);
    Span between(std::uint64_t from_ticks, std::uint64_t to_ticks) const;

    traces::SparseTable<Entry> entries_;
    std::unordered_map<std::uint64_t, std::uint32_t> by_identity_;
    const bool other_parties_;
    std::uint64_t start_ticks_ = 0;
    double ns_per_tick_ = 0;
    EventFacts facts_;
};

}  // namespace coroscope::rules
