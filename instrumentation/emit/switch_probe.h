// The probe of a whole switch: who yields and who goes on, told in one go where nothing else has to be told first.
//
// Thread: the worker's. Blocks: never. Tested in tests/unit/emit/ring_writer_test.cpp and tests/unit/runtime/events_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/emit/probes.h"

namespace coroscope::emit::probe {

struct Yielded {
    std::uint32_t sequence;        // of who yields
    std::uint64_t caller_address;  // where it continues, in user code
    std::uint32_t next, next_sequence;
    std::uint64_t next_identity;
};
// One coroutine yields to the next: suspend() and resume() in one go. False: they are to be told one by one, and nothing was.
inline bool yielded(RingWriter* writer, std::uint64_t stamp, const Yielded& y) {
    return writer != nullptr &&
           writer->write_switch(stamp, suspend_word(y.sequence, wire::WaitReason::kYield, wire::kNone), y.caller_address, 0,
                                resume_word(y.next, y.next_sequence, y.next_identity));
}

}  // namespace coroscope::emit::probe
