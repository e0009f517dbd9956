// From slots to events: puts groups together, restores full stamps, and keeps track of the running coroutine.
//
// Fed with what a RingReader accepted (or with raw slots from a file), in order, in pieces of any size: a
// group that is cut by the end of a piece is finished by the next one. Bytes are not trusted: whatever they
// are, decoding ends, stays inside the piece, and counts what made no sense. A decoder belongs to one ring.
//
// Stamps are 48 bits on the wire; the difference to the last full one (SYNC carries 64 bits, every block and
// at least every 2^46 ticks) is taken as signed, so a stamp slightly before its predecessor (one stamp shared
// by a switch) stays right.
//
// Thread: one at a time. Blocks: never, allocates nothing. Tested in tests/unit/wire/event_decoder_test.cpp;
// fuzzed.
#pragma once

#include <cstdint>
#include <span>

#include "instrumentation/wire/event.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

struct DecodedEvent {
    std::uint64_t tsc = 0;  // all 64 bits
    EventType type = EventType::kPad;
    bool current_known = false;   // false after a gap, until the next SYNC or RESUME
    std::uint8_t exts_count = 0;  // payload words below that are filled
    std::uint32_t current = kNone;  // running coroutine: of RESUME the one resumed, of SUSPEND and EXIT the one that stops
    std::uint32_t object = 0;
    std::uint32_t argument = 0;
    std::uint64_t ext48[2] = {0, 0};  // what they mean: event.h
    std::uint64_t ext64[2] = {0, 0};
};

// Payloads by name. Take them only from events of the type named.
inline std::uint64_t spawn_identity(const DecodedEvent& e) {
    return e.ext48[0];
}
inline std::uint32_t spawn_slot(const DecodedEvent& e) {
    return static_cast<std::uint32_t>(e.ext64[0]);
}
inline std::uint8_t spawn_pool(const DecodedEvent& e) {
    return static_cast<std::uint8_t>(e.ext64[0] >> 32);
}
inline std::uint8_t spawn_flags(const DecodedEvent& e) {
    return static_cast<std::uint8_t>(e.ext64[0] >> 40);
}
inline std::uint8_t spawn_priority(const DecodedEvent& e) {
    return static_cast<std::uint8_t>(e.ext64[0] >> 48);
}
inline std::uint64_t spawn_spawner(const DecodedEvent& e) {
    return e.ext48[1];
}
inline std::uint32_t spawn_name(const DecodedEvent& e) {
    return static_cast<std::uint32_t>(e.ext64[1]);
}
inline std::uint32_t spawn_sequence(const DecodedEvent& e) {
    return static_cast<std::uint32_t>(e.ext64[1] >> 32);
}

inline std::uint64_t blocking_identity(const DecodedEvent& e) {
    return e.ext48[0];
}
inline std::uint64_t blocking_queued_ticks(const DecodedEvent& e) {
    return e.ext64[0];
}
inline std::uint32_t blocking_thread(const DecodedEvent& e) {
    return e.argument & (kBlockingThrew - 1);
}

class EventDecoder {
public:
    // Calls sink(const DecodedEvent&) for each event, SYNC, LOSS and MASK included, PAD and EXT not. Events
    // before the first SYNC (or seed) cannot be placed in time: they are counted in before_sync() and not
    // handed out.
    template <typename Sink>
    void feed(std::span<const EventSlot> slots, Sink&& sink) {
        for (const EventSlot& slot : slots) {
            // A slot may end a broken group and begin a new one: then take() keeps it and asks to be called again.
            for (bool again = true; again;) {
                again = false;
                if (take(slot, again)) sink(static_cast<const DecodedEvent&>(event_));
            }
        }
    }

    // Slots are missing from here: the running coroutine is unknown, a group begun is undecodable. Stamps go
    // on.
    void gap();

    // Starts from a known moment instead of a SYNC. `current` = kNone with current_known = false: not known.
    void seed(std::uint64_t tsc, std::uint32_t current, bool current_known);

    bool synced() const { return synced_; }
    std::uint64_t before_sync() const { return before_sync_; }  // slots
    std::uint64_t undecodable() const { return undecodable_; }  // slots: unknown types, stray or missing EXT
    std::uint64_t pads() const { return pads_; }                // slots

private:
    bool take(EventSlot slot, bool& again);  // whether event_ is complete
    bool begin(EventSlot slot);
    bool finish();

    DecodedEvent event_;
    std::uint64_t stamp48_ = 0;  // of the group being put together
    std::uint32_t missing_ = 0;  // EXT slots it still lacks
    bool synced_ = false;
    bool current_known_ = false;
    std::uint32_t current_ = kNone;
    std::uint64_t last_tsc_ = 0;
    std::uint64_t before_sync_ = 0;
    std::uint64_t undecodable_ = 0;
    std::uint64_t pads_ = 0;
};

}  // namespace coroscope::wire
