// Colours of quantities and of kinds (theme.h).
//
// The scale is viridis (S. van der Walt and N. Smith, matplotlib, CC0): even steps of it look evenly far apart, and with fewer cones, too. On a light
// ground it runs the other way, so that much always stands out from the ground and little does not.
#include <algorithm>

#include "views/theme.h"

namespace coroscope::views {
namespace {

constexpr ImU32 scale_rgb(unsigned value) {
    return IM_COL32((value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff, 0xff);
}

constexpr ImU32 kViridis[] = {scale_rgb(0x440154), scale_rgb(0x472d7b), scale_rgb(0x3b528b), scale_rgb(0x2c728e), scale_rgb(0x21918c),
                              scale_rgb(0x28ae80), scale_rgb(0x5ec962), scale_rgb(0xaddc30), scale_rgb(0xfde725)};

// Neighbours in the list differ in lightness as well as in hue.
constexpr ImU32 kKinds[] = {scale_rgb(0x6aa6ff), scale_rgb(0xc9862f), scale_rgb(0x7fd1b0), scale_rgb(0xb65c86),
                            scale_rgb(0xe0cf72), scale_rgb(0x5a6fc4), scale_rgb(0xe59a86), scale_rgb(0x3f8f6b),
                            scale_rgb(0xc6a5ee), scale_rgb(0x8a6a4a), scale_rgb(0x7fc7e6), scale_rgb(0x8f9d3c)};

}  // namespace

ImU32 Theme::scale(float share) const {
    constexpr std::size_t kLast = std::size(kViridis) - 1;
    const float at = std::clamp(dark ? share : 1 - share, 0.0F, 1.0F) * static_cast<float>(kLast);
    const auto below = std::min(static_cast<std::size_t>(at), kLast - 1);
    return mix(kViridis[below], kViridis[below + 1], at - static_cast<float>(below));
}

ImU32 Theme::kind(std::size_t number) const {
    if (number >= std::size(kKinds)) return looks[static_cast<std::size_t>(Look::kOther)];
    return dark ? kKinds[number] : mix(kKinds[number], IM_COL32_BLACK, 0.2F);
}

}  // namespace coroscope::views
