// Random numbers that are the same everywhere: drawn by a seed, and by what they are for.
#pragma once

#include <cstdint>

namespace measured {

// A number that looks random, of any number (the finish of SplitMix64; Steele, Lea and Flood, 2014).
constexpr std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// The number that `seed` draws for the n-th thing that `who` does: whatever order things happen in, it is that one.
constexpr std::uint64_t drawn(std::uint64_t seed, std::uint64_t who, std::uint64_t n) {
    return mixed(mixed(mixed(seed + 0x9e3779b97f4a7c15ULL) + who) + n);
}

}  // namespace measured
