// See new_ground.h.
#include "traces/rules/new_ground.h"

#include <algorithm>

namespace coroscope::rules {

void NewGround::learn(const std::vector<traces::LossInterval>& losses) {
    ahead_.insert(ahead_.end(), losses.begin() + static_cast<std::ptrdiff_t>(seen_), losses.end());
    seen_ = losses.size();
    std::sort(ahead_.begin(), ahead_.end(),
              [](const auto& a, const auto& b) { return a.since_ticks > b.since_ticks; });
}

void NewGround::look_for_keyframe(std::uint64_t after_ticks) {
    lost_until_ticks_ = std::max(lost_until_ticks_, after_ticks);
    const auto keyframes = reader_.keyframes();
    const auto chunks = reader_.chunks();
    while (keyframe_ < keyframes.size() && chunks[keyframes[keyframe_]].header.ticks_min <= lost_until_ticks_)
        ++keyframe_;
    keyframe_end_ticks_ = keyframe_ < keyframes.size() ? chunks[keyframes[keyframe_]].header.ticks_max
                                                       : kNever;
}

std::optional<inspect::StateImage> NewGround::take() {
    const auto chunk = reader_.chunks()[reader_.keyframes()[keyframe_]];
    auto image = reader_.read_keyframe(chunk);
    keyframe_end_ticks_ = kNever;
    if (image.ok()) {
        if (image->strings.empty()) image->strings = reader_.strings();
        return std::move(*image);
    }
    ++keyframe_;
    look_for_keyframe(lost_until_ticks_);
    return std::nullopt;
}

}  // namespace coroscope::rules
