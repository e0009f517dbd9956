// Row model of the signals view: what came and what became of it, the handlers that run, and which threads would take what.
//
// Thread: pure functions; any. compute_signals() visits every coroutine: off the frame. Tested in tests/unit/views/signal_model_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/thread_masks.h"
#include "traces/moment.h"
#include "traces/signal_stat.h"

namespace coroscope::views {

// A coroutine that handles a signal, or waits to begin.
struct SignalHandlerRow {
    std::uint32_t position = 0;  // in state.coroutines
    std::uint32_t signal = wire::kNone;  // SignalStat::index
    bool emergency = false;      // on an emergency slot
};

struct SignalPoolUse {
    std::string name;
    std::uint64_t used = 0, slots = 0, high_water = 0;
};

struct SignalModel {
    std::shared_ptr<const traces::Moment> moment;
    std::vector<traces::SignalStat> rows;
    std::vector<SignalHandlerRow> handlers;  // the longest in its state first
    std::vector<SignalPoolUse> pools;        // those that handlers come from
    inspect::HistogramImage latency;         // of all: arrival to the first instruction; no samples = not kept
    std::uint64_t arrived = 0, waiting = 0, coalesced = 0, lost = 0, running = 0;
};
SignalModel compute_signals(std::shared_ptr<const traces::Moment> moment);

enum class SignalColumn : std::uint8_t {
    kName, kRoute, kArrived, kRunning, kWaiting, kCoalesced, kLost, kFailed, kMean, kMost, kSite };
inline constexpr std::size_t kSignalColumnsCount = 11;
// Positions in model.rows, in the order asked for, of those that have all words of `filter` in name, route or site.
std::vector<std::uint32_t> order_signals(const SignalModel& model, const std::string& filter, SignalColumn by, bool descending);

// One line about a signal, for the status line.
std::string signal_line(const traces::SignalStat& row);

// "SIGINT SIGTERM SIGUSR1", "all but SIGKILL, SIGSTOP" ...; "none". Bit n - 1 is signal n.
std::string signal_set_text(std::uint64_t set);
// Threads that block the same, together: "4 threads: cprime-worker 0 to 3".
struct MaskGroup {
    std::string threads;
    std::uint64_t blocked = 0, pending = 0;
    std::uint32_t count = 0;
};
std::vector<MaskGroup> group_masks(const inspect::SignalMasks& masks);

nlohmann::json to_json(const SignalModel& model);
nlohmann::json to_json(const inspect::SignalMasks& masks);

}  // namespace coroscope::views
