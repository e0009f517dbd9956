// EventFeed: the events of a trace between two moments, rings interleaved by time.
//
// In order of the stamps. Stamps of two processors can be some ten nanoseconds off, so a cause may come right after its effect: whoever minds
// looks at sequence numbers. A merge of this kind costs 10 to 50 ns an event, which is why nothing merges a whole trace without need.
//
// Thread: one at a time. Blocks: reads the file. Tested in tests/unit/traces/event_feed_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {

// Stamps between which events are missing.
struct LossInterval {
    std::uint64_t since_ticks = 0;
    std::uint64_t until_ticks = 0;
};

class EventFeed {
public:
    // Events with from <= tsc <= to. With the `heads` of a keyframe, without chunks whose changes are surely in it: those that its thread had written
    // kSettledSlots before.
    EventFeed(const TraceReader& reader, std::uint64_t from_ticks, std::uint64_t to_ticks, std::span<const inspect::RingHead> heads = {});
    // A thread changes its records next to where it tells so: more events than this are never in between. (It can be off its processor there for
    // however long; then it writes nothing more.) The arms of a select of 500 channels are the longest known.
    static constexpr std::uint64_t kSettledSlots = 4096;

    // visit(const wire::DecodedEvent&, const RingCount& ring) for each; number, owner and owner_index of `ring` are those of
    // that time. One that returns bool ends the walk with false. Chunks that cannot be read become losses.
    template <typename Visit>
    void for_each(Visit&& visit) {
        constexpr bool kMayEnd = std::is_same_v<std::invoke_result_t<Visit&, const wire::DecodedEvent&, const RingCount&>, bool>;
        for (;;) {
            std::uint64_t limit = 0;
            Lane* lane = next_lane(&limit);
            if (lane == nullptr) return;
            do {
                position_ = lane->first_position + lane->at;
                if constexpr (kMayEnd) {
                    if (!visit(lane->events[lane->at], lane->ring)) return;
                } else {
                    visit(lane->events[lane->at], lane->ring);
                }
                ++lane->at;
            } while (fill(*lane) && lane->events[lane->at].tsc <= limit);
        }
    }
    // Of the event that is being visited: grows within its ring, and is the same whatever interval is asked for.
    std::uint64_t position() const { return position_; }
    // What is missing and began in the interval; complete after for_each().
    const std::vector<LossInterval>& losses() const { return losses_; }

private:
    struct Lane {
        RingCount ring;
        std::vector<std::uint32_t> chunks;  // of this ring, in order; positions in reader.chunks()
        std::size_t next_chunk = 0;
        std::vector<wire::DecodedEvent> events;  // of one chunk, those in the interval
        std::uint64_t first_position = 0;        // of the first of them
        std::size_t at = 0;
    };
    Lane* next_lane(std::uint64_t* limit);
    bool fill(Lane& lane);  // makes events[at] exist; false at the end
    void load(Lane& lane, const ChunkRef& chunk);
    void note_loss(std::uint64_t since_ticks, std::uint64_t until_ticks);

    const TraceReader& reader_;
    const std::uint64_t from_ticks_, to_ticks_;
    std::vector<Lane> lanes_;
    std::vector<wire::EventSlot> slots_;  // of the chunk that is being loaded
    std::vector<LossInterval> losses_;
    std::uint64_t position_ = 0;
};

}  // namespace coroscope::traces
