// See moment_history.h.
#include "traces/moment_history.h"

#include <utility>

namespace coroscope::traces {
namespace {

std::uint64_t approximate_bytes(const Moment& moment) {
    std::uint64_t bytes = sizeof(Moment) + moment.state.strings.size();
    bytes += moment.state.coroutines.size() *
             (sizeof(inspect::CoroutineImage) + 3 * 32);  // the record and its look-ups
    bytes += moment.state.channels.size() * sizeof(inspect::ChannelImage);
    bytes += moment.state.handles.size() * sizeof(inspect::HandleImage);
    bytes += moment.stacks.stacks.size() * sizeof(inspect::StackRef);
    for (const auto& pool : moment.state.pools)
        bytes += pool.slabs.size() * sizeof(inspect::SlabImage);
    for (const auto& histogram : moment.state.histograms)
        bytes += histogram.buckets.size() * sizeof(std::uint64_t);
    return bytes;
}

}  // namespace

void MomentHistory::add(std::shared_ptr<const Moment> moment) {
    const std::uint64_t bytes = approximate_bytes(*moment);
    kept_.push_back({std::move(moment), bytes});
    bytes_ += bytes;
    while (kept_.size() > 1 && bytes_ > bytes_max_) {
        bytes_ -= kept_.front().bytes;
        kept_.pop_front();
    }
}

std::shared_ptr<const Moment> MomentHistory::at(TimeNs t) const {
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
        if (kept->moment->t <= t) return kept->moment;
    }
    return oldest();
}

}  // namespace coroscope::traces
