// See signal_counts.h.
#include "traces/signal_counts.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

using inspect::SignalImage;
using wire::EventType;

SignalImage* signal_of(std::uint32_t index, std::vector<SignalImage>& signals) {
    if (index >= wire::kSignalRecordsMax) return nullptr;
    const auto at = std::lower_bound(signals.begin(), signals.end(), index,
                                     [](const SignalImage& s, std::uint32_t wanted) { return s.index < wanted; });
    if (at != signals.end() && at->index == index) return &*at;
    SignalImage fresh;
    fresh.index = index;
    return &*signals.insert(at, fresh);
}

}  // namespace

void count_signal(const wire::DecodedEvent& event, std::vector<SignalImage>& signals) {
    if (event.type != EventType::kSignal && event.type != EventType::kSignalDropped &&
        event.type != EventType::kSignalHandled)
        return;
    SignalImage* signal = signal_of(event.object, signals);
    if (signal == nullptr) return;
    if (event.type == EventType::kSignal) {
        ++signal->delivered;
    } else if (event.type == EventType::kSignalDropped) {
        const bool lost = event.argument == static_cast<std::uint32_t>(wire::SignalFate::kLost);
        (lost ? signal->lost : signal->coalesced) += event.ext48[0];
    } else {
        ++signal->finished;
        if (event.argument != static_cast<std::uint32_t>(wire::ExitStatus::kFinished)) ++signal->failed;
        signal->latency_ticks += event.ext48[0];
        signal->latency_ticks_most = std::max(signal->latency_ticks_most, event.ext48[0]);
    }
    signal->arrived = std::max(signal->arrived, signal->delivered + signal->coalesced + signal->lost);
}

}  // namespace coroscope::traces
