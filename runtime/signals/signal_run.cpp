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

static_assert(wire::kSignalRecordsMax < kPrivateSignal >> kPrivateSignalShift);

void count_end(wire::SignalRecord& record, wire::ExitStatus status) {
    record.finished.fetch_add(1, kRelaxed);
    if (status != wire::ExitStatus::kFinished) record.failed.fetch_add(1, kRelaxed);
}

}  // namespace

ResumePoint signal_begins(Worker* worker, std::uint32_t coroutine, void* argument) noexcept {
    auto& run = *static_cast<SignalRun*>(argument);
    run.first_ticks = coroscope::base::read_tsc();
    if (run.record != nullptr) {
        detail(coroutine).private_word |= (run.signal + 1ULL) << kPrivateSignalShift;
        g_signal_records.count_latency(*run.record, ticks_between(run.arrival_ticks, run.first_ticks));
        if (record(coroutine).pool == kPoolEmergency) run.record->emergency.fetch_add(1, kRelaxed);
    }
    if (run.signal < wire::kSignalsMax) signal_handler_has_begun();
    return keep_running(*worker);
}

ResumePoint signal_ends(Worker* worker, std::uint32_t coroutine, void* argument) noexcept {
    const auto& run = *static_cast<const SignalRun*>(argument);
    if (run.record == nullptr) return keep_running(*worker);
    detail(coroutine).private_word &= ~kPrivateSignal;
    // Before it is counted: whoever finds it counted finds the event in the ring, too.
    if (emit::listening(wire::kCategorySignal)) {
        const std::uint64_t stamp = emit::stamp();
        emit::probe::signal_handled(worker->ring, stamp, run.signal, run.status,
                                    ticks_between(run.arrival_ticks, run.first_ticks),
                                    ticks_between(run.arrival_ticks, stamp));
    }
    count_end(*run.record, run.status);
    return keep_running(*worker);
}

void signal_ends_by_fault(Worker& worker, std::uint32_t coroutine) {
    std::uint64_t& word = detail(coroutine).private_word;
    if ((word & kPrivateSignal) == 0 || (word & kPrivateSignal) == kPrivateSignal) return;
    const auto signal = static_cast<std::uint32_t>((word & kPrivateSignal) >> kPrivateSignalShift) - 1;
    word &= ~kPrivateSignal;
    // When it came lies on the stack that it has left, where nothing is believed any more.
    emit::probe::signal_handled(worker.ring, 0, signal, wire::ExitStatus::kAbandoned, 0, 0);
    count_end(g_signal_records.at(signal), wire::ExitStatus::kAbandoned);
}

}  // namespace cprime::detail
