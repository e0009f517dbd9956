// StateCursor: the state of a program while its events go by, as far as a rule asks for it.
//
// The model (traces/model.h) keeps the records; what it derives at its end only, this keeps up to date with each event: how long channels are, who
// waits where, how many slots are used. So a rule can be held against the state after every event, where Replay would rebuild it.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/rules/state_cursor_test.cpp: after any generated history it says what the
// program itself says.
#pragma once

#include <cstdint>
#include <vector>

#include "traces/model.h"
#include "traces/rules/facts.h"
#include "traces/rules/rule.h"
#include "traces/sparse_table.h"

namespace coroscope::rules {

class StateCursor {
public:
    // `rule` and `names` must outlive it. `mask`: what was listened to.
    StateCursor(inspect::StateImage keyframe, const Rule& rule, const Names& names,
                std::uint32_t mask = wire::kEverything);

    void apply(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index);
    // Events up to this stamp are missing.
    void lose(std::uint64_t until_ticks);

    // The rule's references as they stand now; valid until the next event.
    const Objects* references();
    // What an event is about, of each kind.
    Objects objects_of(const EventFacts& facts);
    // Indices of the objects of the rule's subject that the last event may have changed, some of them twice.
    const std::vector<std::uint32_t>& touched() const { return touched_; }
    std::size_t pools_count() const { return pools_.size(); }
    // One object by its index (pools: position).
    Objects object(Kind kind, std::uint32_t index);

private:
    struct Waiting {
        std::uint32_t senders = 0, receivers = 0, others = 0;
    };
    struct Found {
        std::uint32_t index = wire::kNone;  // of the record; pools: position
        std::uint64_t identity = 0;
        Objects objects;
        inspect::ChannelImage channel;
        inspect::WaitableImage lock;
    };
    void count(std::uint32_t coroutine, std::uint32_t by);
    void count_wait(wire::WaitReason reason, std::uint32_t object, std::uint32_t by);
    void meet(Kind kind, std::uint32_t index, std::uint64_t identity, std::string_view name);
    void learn(const wire::DecodedEvent& event);
    void refresh(Found& found, Kind kind);
    void touch(Kind kind, std::uint32_t index) {
        if (rule_.subject() == kind) touched_.push_back(index);
    }
    // Who says that a slot is used: it was told as taken, or somebody's stack lies in it. Either does.
    enum Use : std::uint8_t { kTold = 1, kOwned = 2 };
    void use_slot(std::uint32_t pool, std::uint32_t slot, Use by, bool used);
    void forget_told_slots();

    const Rule& rule_;
    const Names& names_;
    const std::uint64_t keyframe_begin_ticks_;
    bool pools_known_ = true;  // how many slots are used is counted: after a loss it is not known
    std::vector<PoolFacts> pools_;
    std::vector<traces::SparseTable<std::uint8_t>> slots_;  // by pool: Use
    bool told_counts_;  // what is told of slots: after a loss only whose stack lies there
    traces::SparseTable<Waiting> channel_waiting_, lock_waiting_;
    struct Slot {
        std::uint32_t pool = wire::kNone, slot = 0;
    };
    std::vector<Slot> allocated_;  // worker -> its last allocation
    std::vector<Found> found_;                   // by reference
    std::vector<Objects> references_;
    Found subject_;
    std::vector<std::uint32_t> touched_;
    traces::Model model_;  // last: takes the keyframe that the others are made of
};

}  // namespace coroscope::rules
