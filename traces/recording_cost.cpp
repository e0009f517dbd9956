// See recording_cost.h.
#include "traces/recording_cost.h"

#include <fmt/format.h>

#include <algorithm>

#include "traces/event_budget.h"

namespace coroscope::traces {
namespace {

constexpr double kEventsOfSwitch = 2;  // SUSPEND and RESUME, with one stamp
constexpr double kSwitchAloneNs = 12;  // `./dev bench watched`: a yield that nobody listens to
constexpr double kSlowdownMax = EventBudget::kSwitchNs / (EventBudget::kSwitchNs + kSwitchAloneNs);

double grown(std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - std::min(from, to));
}

}  // namespace

RecordingCost CostMeter::between(const Counts& from, const Counts& to) const {
    RecordingCost cost;
    cost.ns_per_event = ns_per_event_;
    cost.seconds = grown(from.now_ns, to.now_ns) * 1e-9;
    cost.blocked_seconds = grown(from.blocked_ns, to.blocked_ns) * 1e-9;
    if (cost.seconds <= 0) return cost;
    const double taken = grown(from.events, to.events);
    const double lost = grown(from.lost, to.lost);
    const double events = taken + lost;
    cost.events_per_second = events / cost.seconds;
    cost.bytes_per_second = grown(from.bytes, to.bytes) / cost.seconds;
    cost.recorder_cores = grown(from.recorder_cpu_ns, to.recorder_cpu_ns) * 1e-9 / cost.seconds;
    const double cpu_ns = grown(from.program_cpu_ns, to.program_cpu_ns);
    if (cpu_ns <= 0) return cost;
    cost.cpu_share = std::min(1.0, events * ns_per_event_ / cpu_ns);
    const double switches = grown(from.switches, to.switches);
    const double others = std::max(0.0, taken - kEventsOfSwitch * switches);
    const double listening_ns = switches * EventBudget::kSwitchNs + others * EventBudget::kEventNs + lost * ns_per_event_;
    cost.estimated_slowdown = std::min(kSlowdownMax, listening_ns / cpu_ns);
    return cost;
}

std::string to_text(const RecordingCost& cost) {
    std::string text = fmt::format(
        "events took {:.1f} % of the program's processor time ({:.1f} ns x {:.2f} M/s); unwatched it would have needed about {:.0f} % less; "
        "the recorder took {:.0f} % of a core and wrote {:.1f} MB/s",
        cost.cpu_share * 100, cost.ns_per_event, cost.events_per_second / 1e6, cost.estimated_slowdown * 100, cost.recorder_cores * 100,
        cost.bytes_per_second / 1e6);
    if (cost.blocked_seconds > 0) text += fmt::format("; the program's threads waited {:.2f} s for it", cost.blocked_seconds);
    return text;
}

}  // namespace coroscope::traces
