// Size classes: how much stack a coroutine gets.
//
// Thread: plain data. What the pools really give is in runtime/stacks/pools.h; sanitizer builds give more.
#pragma once

#include <cstdint>

namespace cprime {

// How much stack a coroutine gets. What overflows ends the program with a report that names the coroutine.
enum class size_class : std::uint8_t {
    unspecified = 0,
    micro = 1,  // 256 B: a loop that only sends, receives and computes; nothing that allocates, prints or throws
    small = 2,   // 2 KiB: may allocate; no printf, no throwing
    medium = 3,  // 16 KiB, then up to 64 where it stands, then a guard page: ordinary code
    large = 4,   // 8 MiB reserved and a guard page: deep recursion, big frames; costs what it touches
};

namespace detail {

// The least that the entry function and a park take of a slot beside the closure.
inline constexpr std::uint32_t kRoomBesideClosure = 160;
// What colouring may take off the top of a Medium or Large stack.
inline constexpr std::uint32_t kColourBytesMax = 15 * 64;

// Bytes of frames that a class holds at least, however small the closure. unspecified: none.
constexpr std::uint32_t class_holds_bytes(size_class size) noexcept {
    switch (size) {
        case size_class::micro:
            return 256 - kRoomBesideClosure;
        case size_class::small:
            return 2048 - kRoomBesideClosure;
        case size_class::medium:
            return (16U << 10) - kRoomBesideClosure - kColourBytesMax;
        case size_class::large:
            return (8U << 20) - kRoomBesideClosure - kColourBytesMax;
        case size_class::unspecified:
            break;
    }
    return 0;
}

}  // namespace detail
}  // namespace cprime
