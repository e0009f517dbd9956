// The target's own record of its call chains, in a file that the target and those who look at it map: what an unwound stack is compared with.
//
//   header | place 0 | place 1 | ...        one place a coroutine; whoever takes one over from a coroutine that has ended makes it its own
//   place:   the last kHistory parks, each with the return address that every function entered so far was called with
//
// A park is named by the sequence of the coroutine's record while it ran up to it (odd): parked it is one more, woken and ready three more. So a
// copy of a stack at sequence s belongs to the park s-1 where there is one, else to s-3 (park_of()).
//
// Writer of a place: its coroutine, while it runs. Readers: any process, any time: `sequence` is 0 while a park is written, and is read before and
// after. A reader has kHistory parks of time to compare, and none of this relies on what it is to prove, the checks of inspect.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

namespace chains {

inline constexpr unsigned kDepthMax = 60;  // functions of a chain
inline constexpr unsigned kHistory = 16;   // a power of two
inline constexpr std::uint64_t kShadowMagic = 0x776f64616873;

struct Park {
    std::atomic<std::uint32_t> sequence{0};  // 0: nothing, or being written
    std::uint32_t depth = 0;
    std::uint64_t identity = 0;
    std::uint64_t returns[kDepthMax] = {};  // outermost first
};

struct Place {
    std::atomic<std::uint64_t> identity{0};  // of the coroutine whose place it is
    std::uint64_t newest = 0;                // the writer's
    Park parks[kHistory];
};

struct ShadowHeader {
    std::uint64_t magic = kShadowMagic;
    std::uint64_t places = 0;
};

inline std::uint64_t shadow_bytes(std::uint64_t places) {
    return sizeof(ShadowHeader) + places * sizeof(Place);
}
inline Place* places_of(ShadowHeader* header) {
    return reinterpret_cast<Place*>(header + 1);
}

// A park's chain by value.
struct Shadow {
    std::uint32_t depth = 0;
    std::uint64_t returns[kDepthMax] = {};
};

// The chain of `identity` at the park that a copy of its stack at `sequence` (even) is of; false: not in the history, or overwritten meanwhile.
inline bool park_of(const Place& place, std::uint64_t identity, std::uint32_t sequence, Shadow& to) {
    for (const std::uint32_t behind : {1U, 3U}) {
        for (const Park& park : place.parks) {
            if (park.sequence.load(std::memory_order_acquire) != sequence - behind) continue;
            const std::uint64_t whose = park.identity;
            to.depth = park.depth < kDepthMax ? park.depth : kDepthMax;
            std::memcpy(to.returns, park.returns, sizeof to.returns);
            std::atomic_thread_fence(std::memory_order_acquire);
            if (park.sequence.load(std::memory_order_relaxed) == sequence - behind && whose == identity)
                return true;
        }
    }
    return false;
}

}  // namespace chains
