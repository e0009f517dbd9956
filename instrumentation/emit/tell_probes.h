// The probes of what a program says itself (cprime/tell.h): zones, counters, texts. As those of probes.h.
//
// Thread: any, never from a signal handler. Blocks: not (kBlock mode excepted). Tested in tests/unit/runtime/tell_test.cpp.
#pragma once

#include "instrumentation/emit/probes.h"

namespace coroscope::emit::probe {

// `type`: kZoneBegin or kZoneEnd.
inline void zone(RingWriter* writer, EventType type, std::uint32_t name) {
    if (!listening(wire::kCategoryUser)) return;
    write_event(writer, 0, type, make_word1(name, 0));
}
// `value`: the bits of a double or of a signed number.
inline void counter(RingWriter* writer, std::uint32_t name, bool real, std::uint64_t value) {
    if (!listening(wire::kCategoryUser)) return;
    write_event(writer, 0, EventType::kCounter, make_word1(name, real ? 1 : 0), 0, value);
}
// A piece of a text. `words`: 6, 8, 6 and 8 bytes of it. `type`: kMessage or kNote.
inline void text(RingWriter* writer, std::uint64_t stamp, EventType type, std::uint32_t bytes, bool goes_on,
                 const std::uint64_t (&words)[4]) {
    if (!listening(wire::kCategoryUser)) return;
    write_event(writer, stamp, type, make_word1(goes_on ? wire::kTextGoesOn : 0, bytes), words[0], words[1], words[2],
                words[3]);
}

}  // namespace coroscope::emit::probe
