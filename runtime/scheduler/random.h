// A xorshift generator: numbers that need not be good, only different. Which of several ready arms, whom to steal from, what chaos does.
#pragma once

#include <cstdint>

namespace cprime::detail {

// Uniform below `below` (> 0) but for a bias of 2^-32. `state` is not 0 and its owner's.
inline std::uint32_t draw_below(std::uint64_t& state, std::uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::uint32_t>((state >> 32) * below >> 32);
}

}  // namespace cprime::detail
