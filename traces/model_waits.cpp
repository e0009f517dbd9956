// Who is woken by whom, and the arms of selects, at time t. See model.h.
#include <algorithm>
#include <utility>

#include "traces/model.h"

namespace coroscope::traces {

// Identity of the coroutine that ran on the ring at this event; 0 = not known. Its index may be another one's by now (in a keyframe that was still
// being copied, or after a loss): the RESUME seen on the ring tells them apart. Where none was seen, it ran since before the keyframe.
std::uint64_t Model::current_identity(const wire::DecodedEvent& event, std::uint32_t worker) const {
    if (!event.current_known || event.current == wire::kNone || lost_since_resume_.contains(worker)) return 0;
    const Coroutine* current = coroutines_.find(event.current);
    if (current == nullptr || !current->in_use || !current->identity_known) return 0;
    const auto resumed = resumed_identity8_.find(worker);
    const bool itself = resumed != resumed_identity8_.end()
                            ? static_cast<std::uint8_t>(current->image.identity) == resumed->second
                            : event.tsc > keyframe_end_ticks_;
    return itself ? current->image.identity : 0;
}

void Model::woken(const wire::DecodedEvent& event, std::uint32_t worker, inspect::CoroutineImage& image) {
    image.woken_ticks = event.tsc;
    image.woken_cause = static_cast<wire::WakeCause>(
        std::min<std::uint8_t>(wire::high8(event.argument), wire::kWakeCausesCount - 1));
    image.woken_by = current_identity(event, worker);
}

void Model::select_arm(const wire::DecodedEvent& event) {
    if (!event.current_known || event.current == wire::kNone) return;
    const std::uint8_t packed = wire::high8(event.argument);
    arms_told_[event.current].push_back(
        {event.current, event.object, static_cast<std::uint8_t>(packed >> 1), (packed & 1) != 0});
}

// What was told right before this coroutine's SUSPEND. None when events of its worker were lost since it was resumed: half of the arms would
// say that it waits for less than it does.
std::vector<inspect::SelectArmImage> Model::take_arms(std::uint32_t coroutine, std::uint32_t worker) {
    const auto told = arms_told_.find(coroutine);
    if (told == arms_told_.end()) return {};
    std::vector<inspect::SelectArmImage> arms = std::move(told->second);
    arms_told_.erase(told);
    if (lost_since_resume_.contains(worker)) return {};
    std::sort(arms.begin(), arms.end(), [](const auto& a, const auto& b) { return a.position < b.position; });
    return arms;
}

}  // namespace coroscope::traces
