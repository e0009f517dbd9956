// SpanFollower: turns events, in an order that causes allow, into the spans of coroutines.
//
// Every event about a coroutine says how its sequence number changed (wire/coroutine.h), so the follower knows of each whether it is the next one.
// Whoever feeds it (causal_order.h) asks is_next() and holds back what is not; what is forced on it all the same makes an unknown span, from the
// last change that was seen to this one.
//
//   F1  Spans of one coroutine are without gap or overlap: each begins where the last one ended.
//   F2  An event that the state at the begin has already is dropped.
//   F3  Memory follows the indices that events name, a bounded number of bytes each: coroutines that ended leave theirs to the next.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/analyses/trace_walk_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/inspect/state_image.h"
#include "traces/analyses/directory.h"
#include "traces/analyses/spans.h"
#include "traces/sparse_table.h"

namespace coroscope::analyses {

class SpanFollower {
public:
    // `begin`: the state where the walk begins. Both must outlive this.
    SpanFollower(Directory& directory, SpanVisitor& visitor) : directory_(directory), visitor_(visitor) {}
    void begin_with(const inspect::StateImage& begin);

    // Whether nothing that must come before it is missing.
    bool is_next(const wire::DecodedEvent& event) const;
    // Takes the event, stamped `ticks`, of a ring of this owner. Returns the ticks at which it took place: later than its stamp where what it
    // follows was stamped later.
    std::uint64_t take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index,
                       std::uint64_t ticks);
    // Ends all lives that are not over. `state`: what is known of the end; nullptr when no event is missing, so that the last span of each is
    // known to reach it.
    void finish(std::uint64_t end_ticks, const inspect::StateImage* state);

    // Coroutine at this index; nullptr when none lives there. Valid until the next take().
    const Life* life_at(std::uint32_t index) const;

private:
    struct Entry {
        Life life;
        Span span;
        std::uint32_t sequence = 0;
        bool live = false;
        bool sequence_known = false;
    };
    // The coroutine that an event changes, and by how much; kNone when it changes none.
    struct Change {
        std::uint32_t index = wire::kNone;
        std::uint32_t step = 0;
        std::uint32_t sequence24 = 0;
    };
    static Change change_of(const wire::DecodedEvent& event);

    void spawn(const wire::DecodedEvent& event, std::uint32_t worker, std::uint64_t ticks);
    static bool is_another(const Entry& entry, const wire::DecodedEvent& event, std::uint32_t missing);
    // The entry of the coroutine that the event changes, moved on to its sequence; nullptr when the change is known already, or none.
    // `*gap`: changes are missing before it.
    Entry* move_on(const wire::DecodedEvent& event, std::uint64_t* ticks, bool* gap);
    void begin_unknown(Entry& entry, std::uint32_t index, std::uint64_t ticks);
    void open(Entry& entry, const Span& span);
    void close(Entry& entry, std::uint64_t ticks, bool gap);
    void change(const wire::DecodedEvent& event, std::uint32_t worker, std::uint64_t* ticks);
    Waker waker_of(const wire::DecodedEvent& event, std::uint32_t worker) const;

    Directory& directory_;
    SpanVisitor& visitor_;
    traces::SparseTable<Entry> entries_;
};

}  // namespace coroscope::analyses
