// SignalRun: what the coroutine of a signal tells of itself: its first instruction, its end.
//
//   arrival (the signal thread read it, or somebody raised it) ──▶ signal_begins ──▶ the handler ──▶ signal_ends
//
// Both are runtime calls, so that a handler's own stack carries none of the counting, and the worker's ring the event. Of a signal that the system
// sent, the signal thread learns that its handler has begun (signals.h). In between the coroutine's private word names the signal: of a handler that
// faults no frame is believed, and it is counted all the same.
//
// Thread: the coroutine's worker. Tested in tests/unit/runtime/signal_test.cpp.
#pragma once

#include <cstdint>
#include <utility>

#include "cprime/detail/park.h"
#include "cprime/result.h"
#include "cprime/this_coroutine.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/signal.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

struct SignalRun {
    wire::SignalRecord* record = nullptr;  // null: it is not counted
    std::uint32_t signal = wire::kNone;    // index of the record
    std::uint64_t arrival_ticks = 0;  // time stamp counter
    std::uint64_t first_ticks = 0;    // written by signal_begins
    wire::ExitStatus status = wire::ExitStatus::kFinished;
};

// Latency, and the pool that it runs on. `run`: SignalRun*.
ResumePoint signal_begins(Worker* worker, std::uint32_t coroutine, void* run) noexcept;
// How it ended: finished or failed.
ResumePoint signal_ends(Worker* worker, std::uint32_t coroutine, void* run) noexcept;

// The same for a handler that a fault has ended, if the coroutine runs one. The worker's own stack.
void signal_ends_by_fault(Worker& worker, std::uint32_t coroutine);

// Runs handler() between the two. What escapes it goes on; cancellation is an orderly end.
template <typename F>
void run_signal_handler(SignalRun& run, F&& handler) {
    park<&signal_begins>(&run);
    try {
        std::forward<F>(handler)();
    } catch (const Cancelled&) {
        park<&signal_ends>(&run);
        throw;
    } catch (...) {
        run.status = wire::ExitStatus::kFailed;
        park<&signal_ends>(&run);
        throw;
    }
    park<&signal_ends>(&run);
}

}  // namespace cprime::detail
