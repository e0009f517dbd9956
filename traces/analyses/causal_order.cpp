// See causal_order.h.
#include "traces/analyses/causal_order.h"

#include <algorithm>
#include <limits>

namespace coroscope::analyses {
namespace {

constexpr std::uint64_t kWaitingMax = 65'536;

}  // namespace

void CausalOrder::apply(Lane& lane, const wire::DecodedEvent& event, wire::RingOwner owner,
                        std::uint32_t owner_index) {
    lane.last_ticks = follower_.take(event, owner, owner_index, std::max(event.tsc, lane.last_ticks));
}

void CausalOrder::take(std::uint32_t ring, const wire::DecodedEvent& event, wire::RingOwner owner,
                       std::uint32_t owner_index) {
    while (waiting_count_ != 0 &&
           (waiting_count_ >= kWaitingMax || oldest_ticks_ + patience_ticks_ < event.tsc))
        force_oldest();
    Lane& lane = lanes_[ring];
    if (lane.waiting.empty() && follower_.is_next(event)) {
        apply(lane, event, owner, owner_index);
        if (waiting_count_ != 0) drain();
        return;
    }
    lane.waiting.push_back({event, owner, owner_index});
    ++waiting_count_;
    oldest_ticks_ = oldest();
}

std::uint64_t CausalOrder::oldest() const {
    std::uint64_t ticks = std::numeric_limits<std::uint64_t>::max();
    for (const auto& [ring, lane] : lanes_) {
        if (!lane.waiting.empty()) ticks = std::min(ticks, lane.waiting.front().event.tsc);
    }
    return ticks;
}

void CausalOrder::drain() {
    for (bool moved = true; moved && waiting_count_ != 0;) {
        moved = false;
        for (auto& [ring, lane] : lanes_) {
            while (!lane.waiting.empty() && follower_.is_next(lane.waiting.front().event)) {
                const Waiting next = std::move(lane.waiting.front());
                lane.waiting.pop_front();
                --waiting_count_;
                ++reordered_;
                apply(lane, next.event, next.owner, next.owner_index);
                moved = true;
            }
        }
    }
    oldest_ticks_ = oldest();
}

bool CausalOrder::force_oldest() {
    Lane* first = nullptr;
    for (auto& [ring, lane] : lanes_) {
        if (lane.waiting.empty()) continue;
        if (first == nullptr || lane.waiting.front().event.tsc < first->waiting.front().event.tsc)
            first = &lane;
    }
    if (first == nullptr) return false;
    const Waiting next = std::move(first->waiting.front());
    first->waiting.pop_front();
    --waiting_count_;
    ++forced_;
    apply(*first, next.event, next.owner, next.owner_index);
    drain();
    return true;
}

void CausalOrder::finish() {
    while (force_oldest()) {
    }
}

}  // namespace coroscope::analyses
