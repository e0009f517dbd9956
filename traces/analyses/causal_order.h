// CausalOrder: events of all rings in an order in which every effect follows its cause.
//
// An EventFeed hands them out by their stamps. Those of two processors can be some nanoseconds off, and a worker may be taken off its processor
// between a stamp and what it stamps, so that a WAKE is stamped before the SUSPEND that it ends. Sequence numbers know better: an event that is
// not the next one of its coroutine waits, and with it whatever its ring did afterwards, until what it waits for has come. Its time is then that
// of what it waited for, and so is, at least, the time of what follows it: times never go back on a ring or in a coroutine.
//
// Where events are lost what is waited for never comes: after 100 ms of the program's time, or when 65,536 events wait, the oldest goes on without.
//
// Thread: one at a time. Tested in tests/unit/analyses/trace_walk_test.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "traces/analyses/span_follower.h"

namespace coroscope::analyses {

class CausalOrder {
public:
    CausalOrder(SpanFollower& follower, std::uint64_t patience_ticks)
        : follower_(follower), patience_ticks_(patience_ticks) {}

    void take(std::uint32_t ring, const wire::DecodedEvent& event, wire::RingOwner owner,
              std::uint32_t owner_index);
    // No more will come.
    void finish();

    std::uint64_t reordered() const { return reordered_; }  // events that waited and then came in order
    std::uint64_t forced() const { return forced_; }        // that did not

private:
    struct Waiting {
        wire::DecodedEvent event;
        wire::RingOwner owner;
        std::uint32_t owner_index;
    };
    struct Lane {
        std::deque<Waiting> waiting;
        std::uint64_t last_ticks = 0;
    };
    void apply(Lane& lane, const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    void drain();                  // whatever can go on now
    bool force_oldest();           // false when nothing waits
    std::uint64_t oldest() const;  // stamp of what has waited longest

    SpanFollower& follower_;
    const std::uint64_t patience_ticks_;
    std::map<std::uint32_t, Lane> lanes_;
    std::uint64_t waiting_count_ = 0;
    std::uint64_t oldest_ticks_ = 0;  // of those at the heads of lanes; only while something waits
    std::uint64_t reordered_ = 0, forced_ = 0;
};

}  // namespace coroscope::analyses
