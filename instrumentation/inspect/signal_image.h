// What a program's signals have come to, copied from its state plane (wire/signal.h) or rebuilt from a trace.
//
// Thread: plain data. Tested in tests/unit/inspect and tests/unit/traces/signal_codec_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/signal.h"

namespace coroscope::inspect {

struct SignalImage {
    std::uint32_t index = wire::kNone;  // number of the system's signal, or wire::kSignalsMax and on: the program's own
    std::uint32_t name = wire::kNone;   // string; kNone = not told (traces of programs from before)
    wire::SignalRoute route = wire::SignalRoute::kSystem;
    std::uint8_t flags = 0;                // wire::SignalFlag
    std::uint8_t pool = 0;                 // of kCoroutine and kShutdown
    std::uint32_t site = wire::kNone;      // where the handler was registered
    std::uint32_t handler = wire::kNone;   // string: who handles it, where that is foreign code
    std::uint64_t arrived = 0, delivered = 0, finished = 0, failed = 0;
    std::uint64_t coalesced = 0, lost = 0;
    std::uint64_t emergency = 0;           // of delivered, on emergency slots
    std::uint64_t latency_ticks = 0;       // arrival to first instruction, all together; of `finished` where it comes from events
    std::uint64_t latency_ticks_most = 0;

    bool own() const { return index >= wire::kSignalsMax; }
    // Taken, and nothing has come of them yet.
    std::uint64_t waiting() const {
        const std::uint64_t known = delivered + coalesced + lost;
        return arrived > known ? arrived - known : 0;
    }
};

}  // namespace coroscope::inspect
