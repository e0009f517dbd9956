#include "traces/event_budget.h"

#include <algorithm>

namespace coroscope::traces {
namespace {

constexpr std::uint64_t kCpuNsMin = 1'000'000;  // less says nothing
constexpr double kShareToBegin = EventBudget::kShareMax / 2;
constexpr std::uint64_t kPatienceFirstNs = 1'000'000'000;
constexpr std::uint64_t kPatienceMaxNs = 64 * kPatienceFirstNs;

}  // namespace

bool EventBudget::update(const Counts& counts) {
    if (!began_) {
        began_ = true;
        before_ = counts;
        return listening_;
    }
    const std::uint64_t cpu_ns = counts.cpu_ns - std::min(counts.cpu_ns, before_.cpu_ns);
    const auto switches = static_cast<double>(counts.switches - std::min(counts.switches, before_.switches));
    const auto events = static_cast<double>(counts.events - std::min(counts.events, before_.events));
    if (cpu_ns < kCpuNsMin) {
        // It hardly ran: what it does then costs next to nothing. The counts go on adding up until they say something.
        if (!listening_ && counts.now_ns - before_.now_ns >= kPatienceFirstNs && counts.now_ns >= retry_ns_) {
            share_ = 0;
            listening_ = true;
        }
        return listening_;
    }
    before_ = counts;
    const double by_switches = switches * kSwitchNs / static_cast<double>(cpu_ns);
    const double by_events = listening_ ? events * kEventNs / static_cast<double>(cpu_ns) : 0;
    share_ = std::max(by_switches, by_events);
    if (listening_ && share_ > kShareMax) {
        listening_ = false;
        if (by_switches <= kShareToBegin) {
            patience_ns_ = std::clamp(patience_ns_ * 2, kPatienceFirstNs, kPatienceMaxNs);
            retry_ns_ = counts.now_ns + patience_ns_;
        }
    } else if (!listening_ && share_ < kShareToBegin && counts.now_ns >= retry_ns_) {
        listening_ = true;
    }
    return listening_;
}

}  // namespace coroscope::traces
