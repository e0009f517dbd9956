// RingLog: the events of one ring on their way into a file, a tally, or both.
//
// Takes slots as they were drained, counts them by type, hands each event to the tally and cuts what it keeps into chunks that decode by
// themselves: a chunk ends between two groups and never spans a gap.
//
// Thread: one at a time. Tested in tests/unit/traces/ring_log_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/wire/event.h"
#include "instrumentation/wire/event_decoder.h"
#include "traces/tally.h"
#include "traces/trace_writer.h"

namespace coroscope::traces {

class RingLog {
public:
    // `begin_ticks`: a full stamp at most 2^46 ticks away from the first slot's. Writer and tally may be null and must outlive this.
    RingLog(std::uint32_t ring, std::uint64_t begin_ticks, TraceWriter* writer, Tally* tally);

    // Slots from `first_position` on. What lies between them and the slots before is lost: `overtaken` slots are counted so.
    // Errors: those of writing.
    base::Status take(std::span<const wire::EventSlot> slots, std::uint64_t first_position,
                      std::uint64_t overtaken, bool hurry);
    // Whose events follow. A ring that was given back (kFree) keeps its last owner until somebody else takes it. Errors: those of writing.
    base::Status set_owner(wire::RingOwner owner, std::uint32_t owner_index);
    // Chunks go there from now on; to be called when none is open.
    void set_writer(TraceWriter* writer);
    // Writes the open chunk, if it holds anything.
    base::Status flush(bool hurry);

    std::array<std::uint64_t, wire::kEventTypesMax> accepted() const;
    std::uint64_t events_total() const;  // without SYNC, LOSS, MASK and PAD
    std::uint64_t overtaken() const { return overtaken_; }
    std::uint64_t undecodable() const { return decoder_.undecodable(); }

private:
    void open_chunk();
    void take_groups(std::span<const wire::EventSlot> slots);
    void note(const wire::DecodedEvent& event);

    TraceWriter* writer_;
    Tally* const tally_;
    wire::EventDecoder decoder_;
    EventsChunk chunk_;
    std::vector<wire::EventSlot> carried_;  // begin of a group whose rest was not drained yet
    std::uint64_t position_ = 0;            // of the next slot
    std::uint64_t last_ticks_ = 0;
    std::uint64_t pads_seen_ = 0;
    std::uint32_t current_ = wire::kNone;  // running coroutine after the last event
    bool current_known_ = false;
    bool started_ = false;
    std::array<std::uint64_t, wire::kEventTypesMax> accepted_{};  // before the open chunk
    std::uint64_t overtaken_ = 0;
};

// Whether an event is the instrument's own bookkeeping (SYNC, LOSS, MASK, PAD, EXT) and not something the program did.
inline constexpr bool is_bookkeeping(wire::EventType type) {
    return type <= wire::EventType::kMask;
}

}  // namespace coroscope::traces
