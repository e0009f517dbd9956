// Signals for `stat` and the window: what came, what became of it, and how long the handlers' first instructions had to wait.
//
// Thread: pure functions. Tested in tests/unit/traces/signal_stat_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::traces {

struct SignalStat {
    std::uint32_t index = wire::kNone;  // wire/signal.h
    std::string name;
    bool own = false;     // the program's own, not the system's
    std::string route;    // "coroutine", "shutdown", "ignored", "direct", "fault", "system"
    std::string pool;     // "signal (medium)"; "" where no coroutine handles it
    std::string site;     // where the handler was registered; ""
    std::string foreign;  // who handles it, where that is not the runtime's doing: "on_crash in libcrash.so"; ""
    bool no_alternate_stack = false;  // of the foreign handler
    std::uint64_t arrived = 0, waiting = 0, delivered = 0, running = 0, finished = 0, failed = 0;
    std::uint64_t coalesced = 0, lost = 0, emergency = 0;
    double latency_mean_ns = -1, latency_most_ns = -1;  // arrival to the first instruction; -1 = no handler has begun
};
// Those that came or are handled, the system's by number, then the program's own.
std::vector<SignalStat> signal_stats(const inspect::StateImage& state);
nlohmann::json to_json(const std::vector<SignalStat>& signals);
std::string to_text(const std::vector<SignalStat>& signals);

}  // namespace coroscope::traces
