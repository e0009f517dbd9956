// Change counts of which events carry the low 24 bits.
#pragma once

#include <cstdint>

#include "instrumentation/wire/event.h"

namespace coroscope::traces {

// The 32-bit count nearest to `near` whose low 24 bits are these.
inline std::uint32_t widen(std::uint32_t low24, std::uint32_t near) {
    return near + static_cast<std::uint32_t>(wire::distance24(low24, near & 0xffffffU));
}
inline bool newer(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) > 0;
}

}  // namespace coroscope::traces
