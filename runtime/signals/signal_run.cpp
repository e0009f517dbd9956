// See signal_run.h.
#include "runtime/signals/signal_run.h"

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signals.h"

namespace cprime::detail {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;  // counts with nothing behind them

// Stamps of two processors may disagree by nanoseconds.
std::uint64_t ticks_between(std::uint64_t from, std::uint64_t to) {
    return to > from ? to - from : 0;
}

void count_latency(wire::SignalRecord& record, std::uint64_t ticks) {
    record.latency_ticks.fetch_add(ticks, kRelaxed);
    std::uint64_t most = record.latency_ticks_most.load(kRelaxed);
    while (ticks > most && !record.latency_ticks_most.compare_exchange_weak(most, ticks, kRelaxed)) {
    }
    wire::HistogramRecord& histogram = g_signal_records.latency();
    histogram.samples.fetch_add(1, kRelaxed);
    histogram.sum.fetch_add(ticks, kRelaxed);
    histogram.buckets[wire::histogram_bucket(ticks)].fetch_add(1, kRelaxed);
}

}  // namespace

ResumePoint signal_begins(Worker* worker, std::uint32_t coroutine, void* argument) noexcept {
    auto& run = *static_cast<SignalRun*>(argument);
    run.first_ticks = coroscope::base::read_tsc();
    count_latency(*run.record, ticks_between(run.arrival_ticks, run.first_ticks));
    if (record(coroutine).pool == kPoolEmergency) run.record->emergency.fetch_add(1, kRelaxed);
    if (run.signal < wire::kSignalsMax) signal_handler_has_begun();
    return keep_running(*worker);
}

ResumePoint signal_ends(Worker* worker, std::uint32_t /*coroutine*/, void* argument) noexcept {
    const auto& run = *static_cast<const SignalRun*>(argument);
    // Before it is counted: whoever finds it counted finds the event in the ring, too.
    if (emit::listening(wire::kCategorySignal)) {
        const std::uint64_t stamp = emit::stamp();
        emit::probe::signal_handled(worker->ring, stamp, run.signal, run.status,
                                    ticks_between(run.arrival_ticks, run.first_ticks),
                                    ticks_between(run.arrival_ticks, stamp));
    }
    if (run.status == wire::ExitStatus::kFailed) run.record->failed.fetch_add(1, kRelaxed);
    run.record->finished.fetch_add(1, kRelaxed);
    return keep_running(*worker);
}

}  // namespace cprime::detail
