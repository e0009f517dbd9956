// See signal_words.h.
#include "traces/signal_words.h"

#include <fmt/format.h>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/signal.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

std::string length_text(std::uint64_t ticks, const base::ClockCalibration& clock) {
    const auto ns = static_cast<double>(clock.duration_ns(static_cast<std::int64_t>(ticks)));
    if (ns < 1e6) return fmt::format("{:.1f} us", ns * 1e-3);
    return ns < 1e9 ? fmt::format("{:.1f} ms", ns * 1e-6) : fmt::format("{:.1f} s", ns * 1e-9);
}

std::string sender_text(const wire::DecodedEvent& event) {
    const std::uint64_t sender = event.ext48[0];
    std::string text;
    if (sender == 0) text = event.object < wire::kSignalsMax ? "from the kernel" : "raised outside of coroutines";
    if (sender != 0) text = fmt::format("{} {}", event.object < wire::kSignalsMax ? "from process" : "raised by", sender);
    return event.argument == wire::kNone ? text + ", handled on the spot" : text;
}

std::string handled_text(const wire::DecodedEvent& event, const base::ClockCalibration& clock) {
    if (event.argument == static_cast<std::uint32_t>(wire::ExitStatus::kAbandoned)) return "abandoned after a fault";
    std::string text = fmt::format("first instruction after {}, end after {}", length_text(event.ext48[0], clock),
                                   length_text(event.ext64[0], clock));
    if (event.argument == static_cast<std::uint32_t>(wire::ExitStatus::kFinished)) return text;
    static constexpr const char* kStatuses[] = {"finished", "failed", "cancelled", "abandoned"};
    return fmt::format("{}, {}", text, event.argument < std::size(kStatuses) ? kStatuses[event.argument] : "ended in an unknown way");
}

std::string fault_text(const wire::DecodedEvent& event) {
    static constexpr const char* kOutcomes[] = {"died", "abandoned", "abandoned with its worker"};
    const std::uint32_t outcome = event.argument & 0xff;
    return fmt::format("{}: address {:#x}, at {:#x}", outcome < std::size(kOutcomes) ? kOutcomes[outcome] : "unknown outcome",
                       event.ext48[0], event.ext64[0]);
}

std::string raise_text(const wire::DecodedEvent& event) {
    if (event.argument == wire::kNone) return "nobody recovers";
    return fmt::format("recovered by scope {} from within", event.argument + 1);
}

}  // namespace

bool is_of_signals(EventType type) {
    switch (type) {
        case EventType::kSignal:
        case EventType::kSignalDropped:
        case EventType::kSignalHandled:
        case EventType::kFault:
        case EventType::kRaise:
        case EventType::kRecover:
            return true;
        default:
            return false;
    }
}

std::string signal_detail(const wire::DecodedEvent& event, const base::ClockCalibration& clock) {
    switch (event.type) {
        case EventType::kSignal:
            return sender_text(event);
        case EventType::kSignalHandled:
            return handled_text(event, clock);
        case EventType::kSignalDropped:
            return fmt::format("{} {}", event.ext48[0],
                               event.argument == static_cast<std::uint32_t>(wire::SignalFate::kLost) ? "lost" : "coalesced");
        case EventType::kFault:
            return fault_text(event);
        case EventType::kRaise:
            return raise_text(event);
        case EventType::kRecover:
            return event.argument != 0 ? "another was raised in its place" : "";
        default:
            return {};
    }
}

}  // namespace coroscope::traces
