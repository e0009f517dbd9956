// The table.
#include "runtime/stacks/pool_plan.h"

#include "runtime/stacks/canary_words.h"

namespace cprime::detail {
namespace {

using coroscope::wire::PoolPurpose;
using coroscope::wire::SizeClass;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Instrumented frames, and the annotations around each switch, need more room than the small classes have.
constexpr bool kSanitizerSlots = true;
constexpr std::uint32_t kMicroBytes = 16U << 10, kSmallBytes = 32U << 10, kMediumBytes = 64U << 10;
#else
constexpr bool kSanitizerSlots = false;
constexpr std::uint32_t kMicroBytes = 256, kSmallBytes = 2U << 10, kMediumBytes = 16U << 10;
#endif
constexpr std::uint32_t kLargeBytes = 8U << 20;

constexpr std::uint32_t kMediumWindow = 4 * kMediumBytes;
constexpr std::uint32_t kWideWindow = 16 * kMediumBytes;

// Colours are taken from a slot's own top: 15 lines at most.
constexpr PoolGeometry window(std::uint32_t window_bytes, std::uint32_t deep_bytes) {
    return {.stride_bytes = window_bytes + kGuardBytes,
            .slot_bytes = kMediumBytes,
            .guard_bytes = kGuardBytes,
            .reserve_bytes = window_bytes - kMediumBytes,
            .deep_bytes = deep_bytes,
            .colour_steps = 16};
}
// A Small slot has a line between it and the next instead of a colour, and 256-byte slots never aliased.
constexpr PoolGeometry kSmall = {.stride_bytes = kSmallBytes + 64,
                                 .slot_bytes = kSmallBytes,
                                 .canary_bytes = kCanaryBytes};
constexpr PoolGeometry kMedium = window(kMediumWindow, 0);
constexpr PoolGeometry kWide = window(kWideWindow, kWideWindow / 2);
constexpr PoolGeometry kLarge = {.stride_bytes = kLargeBytes + kGuardBytes,
                                 .slot_bytes = kLargeBytes,
                                 .guard_bytes = kGuardBytes,
                                 .colour_steps = 16,
                                 .lazy_guards = true,
                                 .keeps_word = false};

constexpr bool is_odd_in_pages(const PoolGeometry& geometry) {
    return geometry.stride_bytes % coroscope::wire::kPageBytes == 0 &&
           geometry.stride_bytes / coroscope::wire::kPageBytes % 2 == 1;
}
static_assert(is_odd_in_pages(kMedium) && is_odd_in_pages(kWide) && is_odd_in_pages(kLarge));

// The short yield looks at Micro canaries by itself (switch/park_x86_64.S).
static_assert(kPoolMicro == CPRIME_MICRO_POOL && (kSanitizerSlots || kMicroBytes == CPRIME_MICRO_SLOT_BYTES));

}  // namespace

const PoolPlan kPoolPlans[kPoolsCount] = {
    {"micro",
     SizeClass::kMicro,
     PoolPurpose::kOrdinary,
     {.stride_bytes = kMicroBytes, .slot_bytes = kMicroBytes, .canary_bytes = kCanaryBytes}},
    {"small", SizeClass::kSmall, PoolPurpose::kOrdinary, kSmall},
    {"medium", SizeClass::kMedium, PoolPurpose::kOrdinary, kMedium},
    {"large", SizeClass::kLarge, PoolPurpose::kOrdinary, kLarge},
    {"signal", SizeClass::kMedium, PoolPurpose::kSignal, kMedium},
    {"wide", SizeClass::kMedium, PoolPurpose::kWide, kWide},
    {"emergency", SizeClass::kMedium, PoolPurpose::kEmergency, kMedium},
    {"local",
     SizeClass::kMicro,
     PoolPurpose::kLocal,
     {.stride_bytes = kMicroBytes, .slot_bytes = kMicroBytes, .canary_bytes = kCanaryBytes}},
    {"signal-small", SizeClass::kSmall, PoolPurpose::kSignal, kSmall},
};

}  // namespace cprime::detail
