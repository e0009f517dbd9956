// Told: what a program said itself (zones, messages, counters, notes), put together from its events.
//
// A text longer than an event comes in pieces, one after the other in the ring of who said it; where some were lost, what came is handed out with
// an ellipsis. Everything else is one event. Texts are the program's: they are handed out with control characters replaced and never longer than
// kTextBytesMost.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/told_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {

struct Told {
    enum class Kind : std::uint8_t { kZoneBegin, kZoneEnd, kMessage, kNote, kCounter };
    Kind kind = Kind::kMessage;
    bool real = false;  // a counter's value is `real_value`
    std::uint64_t ticks = 0;
    std::uint32_t ring = wire::kNone;
    std::uint32_t coroutine = wire::kNone;  // index of who said it; kNone: a thread, or not known
    std::uint32_t name = wire::kNone;       // string of a zone or counter
    std::string text;                       // of a message or note
    std::int64_t value = 0;
    double real_value = 0;
};

class ToldReader {
public:
    static constexpr std::size_t kTextBytesMost = 4096;  // of a file that claims more pieces than a program writes

    static bool concerns(wire::EventType type) {
        return type >= wire::EventType::kZoneBegin && type <= wire::EventType::kNote;
    }
    // Whether an event carries a piece of a text that is not its last.
    static bool goes_on(const wire::DecodedEvent& event) {
        return (event.type == wire::EventType::kMessage || event.type == wire::EventType::kNote) && event.object == wire::kTextGoesOn;
    }
    // Takes an event that concerns() of that ring, and adds what is whole with it (mostly one, with a loss more). Pieces are joined by ring, so
    // rings may be interleaved.
    void take(const wire::DecodedEvent& event, std::uint32_t ring, std::vector<Told>& out);
    // Adds the texts whose end never came.
    void finish(std::vector<Told>& out);

private:
    void take_text(const wire::DecodedEvent& event, std::uint32_t ring, std::vector<Told>& out);

    std::vector<Told> open_;  // texts that go on, at most one a ring
};

// The text with what a terminal or a table would stumble over replaced: control characters, bytes that are no UTF-8.
std::string presentable(std::string text);

}  // namespace coroscope::traces
