// Events as people read them: what happened, to whom, on what.
//
// Names of channels and locks come and go with them: an ObjectNames is fed with the events in order, from a keyframe on.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/rules/query_test.cpp and event_steps_test.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "instrumentation/inspect/state_image.h"
#include "traces/rules/facts.h"
#include "traces/rules/query.h"
#include "traces/sparse_table.h"

namespace coroscope::rules {

// What channels and locks are called.
class ObjectNames {
public:
    // `names` must outlive it.
    ObjectNames(const inspect::StateImage& keyframe, const Names& names);

    void learn(const wire::DecodedEvent& event);
    // What a later keyframe knows.
    void renew(const inspect::StateImage& keyframe);
    // What the event is about: "channel:jobs", "mutex:#3", "signal:SIGUSR1"; "" = nothing of the kind.
    std::string of(const wire::DecodedEvent& event) const;
    const base::ClockCalibration& clock() const { return clock_; }

private:
    struct Known {
        std::uint64_t identity = 0;
        std::uint32_t name = wire::kNone;
        wire::WaitableKind kind = wire::WaitableKind::kFree;
    };
    std::string named(const char* kind, const Known* known) const;
    std::string channel(std::uint32_t index) const { return named("channel", channels_.find(index)); }
    std::string lock(std::uint32_t index) const;
    std::string signal(std::uint32_t index) const;

    const Names& names_;
    base::ClockCalibration clock_;
    traces::SparseTable<Known> channels_, locks_;
    std::map<std::uint32_t, std::uint32_t> signal_names_;  // index -> string
};

EventRow row_of(const EventFacts& facts, const Names& names, const ObjectNames& objects);
// "suspend of 73 librarian, channel-receive on channel:jobs".
std::string sentence_of(const EventRow& row);

}  // namespace coroscope::rules
