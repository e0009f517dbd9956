// See frame_names.h.
#include "traces/exports/frame_names.h"

#include <fmt/format.h>

namespace coroscope::exports {

const std::vector<inspect::Frame>& FrameNames::at(std::uint64_t pc) {
    const auto [found, fresh] = known_.try_emplace(pc);
    if (fresh) {
        found->second = names_.wait_frames({pc});
        if (found->second.empty()) {
            found->second.emplace_back();
            found->second.back().pc = pc;
        }
    }
    return found->second;
}

std::string frame_text(const inspect::Frame& frame) {
    if (!frame.function.empty()) return frame.function;
    const std::string place = inspect::module_place(frame);
    return place.empty() ? fmt::format("{:#x}", frame.pc) : place;
}

}  // namespace coroscope::exports
