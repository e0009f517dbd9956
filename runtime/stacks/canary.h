// Canary: sixteen bytes at the low end of a slot that has no guard page; each of its two words is a constant exclusive-or its address.
//
// Thread: any; who may be on the slot meanwhile, and what a trim does, is stated in canaries.cpp.
#pragma once

#include <cstdint>

#include "runtime/stacks/canary_words.h"

namespace cprime::detail {

inline constexpr std::uint32_t kCanaryBytes = 16;
inline constexpr std::uint64_t kCanaryFirst = CPRIME_CANARY_FIRST;
inline constexpr std::uint64_t kCanarySecond = CPRIME_CANARY_SECOND;

inline void write_canary(std::uint64_t address) {
    auto* words = reinterpret_cast<std::uint64_t*>(address);
    words[0] = kCanaryFirst ^ address;
    words[1] = kCanarySecond ^ address;
}

inline bool canary_stands(std::uint64_t address) {
    const auto* words = reinterpret_cast<const volatile std::uint64_t*>(address);
    return words[0] == (kCanaryFirst ^ address) && words[1] == (kCanarySecond ^ address);
}

}  // namespace cprime::detail
