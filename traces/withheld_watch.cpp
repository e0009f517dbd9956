// See withheld_watch.h.
#include "traces/withheld_watch.h"

#include <utility>

namespace coroscope::traces {

std::optional<WithheldWatch::Slots> WithheldWatch::look(std::uint32_t withheld, std::uint64_t now_ticks,
                                                        bool again) {
    const bool now = (withheld & mask_) != 0;
    const bool before = std::exchange(withheld_, now);
    if (!now && !before) {
        looked_ticks_ = now_ticks;
        return std::nullopt;
    }
    if (now && before && !again) return std::nullopt;
    const std::uint64_t since_ticks = std::exchange(looked_ticks_, now_ticks);
    constexpr std::uint32_t kAtLeast = 1;  // nobody has counted them
    return Slots{wire::make_slot(now_ticks, wire::EventType::kLoss, 0, wire::make_word1(kAtLeast, 0)),
                 wire::make_slot(0, wire::EventType::kExt, 0, since_ticks)};
}

}  // namespace coroscope::traces
