// Reading the records of signals; see state_reader.h and wire/signal.h.
#include <algorithm>

#include "instrumentation/inspect/state_reader.h"

namespace coroscope::inspect {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Index of a string or site that is stored with one added.
std::uint32_t less_one(std::uint32_t stored) {
    return stored == 0 ? wire::kNone : stored - 1;
}

}  // namespace

base::Status StateReader::read_signals(StateImage& image) const {
    auto signals = view({wire::SectionKind::kSignals, sizeof(wire::SignalRecord), alignof(wire::SignalRecord),
                         wire::kSignalRecordsMax, "signals"});
    if (!signals) return signals.error();
    for (std::uint32_t i = 0; i < signals->count(); ++i) {
        const auto* record = signals->record<wire::SignalRecord>(i);
        if (record == nullptr) continue;
        const std::uint32_t name = record->name.load(std::memory_order_acquire);  // [signal.named]
        if (name == 0) continue;
        SignalImage copied;
        copied.index = i;
        copied.name = less_one(name);
        copied.route = std::min(record->route.load(kRelaxed), wire::SignalRoute::kFault);
        copied.flags = record->flags.load(kRelaxed);
        copied.pool = record->pool.load(kRelaxed);
        copied.site = less_one(record->site.load(kRelaxed));
        copied.handler = less_one(record->handler.load(kRelaxed));
        copied.finished = record->finished.load(kRelaxed);
        copied.failed = record->failed.load(kRelaxed);
        copied.latency_ticks = record->latency_ticks.load(kRelaxed);
        copied.latency_ticks_most = record->latency_ticks_most.load(kRelaxed);
        copied.emergency = record->emergency.load(kRelaxed);
        copied.delivered = record->delivered.load(kRelaxed);
        copied.coalesced = record->coalesced.load(kRelaxed);
        copied.lost = record->lost.load(kRelaxed);
        // Last: never fewer than what became of them.
        copied.arrived = std::max(record->arrived.load(std::memory_order_acquire),
                                  copied.delivered + copied.coalesced + copied.lost);
        image.signals.push_back(copied);
    }
    return base::ok_status();
}

}  // namespace coroscope::inspect
