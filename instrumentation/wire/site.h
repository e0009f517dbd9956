// Spawn sites: where in the source coroutines (and channels) are made, and which size class they get and why.
//
// Written once when the site is first used, under the runtime's site lock; the class fields may be raised later.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::wire {

// The rung of the ladder of evidence that chose the class.
enum class ClassEvidence : std::uint8_t {
    kUnknown = 0,   // nobody said anything: Medium
    kWish = 1,      // size_class stated at the spawn
    kProfiled = 2,  // row of the size table: high water + margin
    kProven = 3,    // row of the size table: static bound
    kGrown = 4,     // a stack of this site grew: the next class
    kHint = 5,      // stack_bytes stated at the spawn
    kDeclared = 6,  // coro_metadata of the function
};
inline constexpr std::uint8_t kClassEvidencesCount = 7;

// What coroutines of a site do with channels, where the spawn says it (cprime/channel_pattern.h).
enum class ChannelPattern : std::uint8_t {
    kUnknown = 0,
    kNoChannel = 1,
    kSendOnly = 2,
    kReceiveOnly = 3,
    kSendAndReceive = 4,
    kSelect = 5,
};
inline constexpr std::uint8_t kChannelPatternsCount = 6;

struct SiteRecord {          // 64 bytes
    std::uint32_t file;      // string, as the compiler gave it
    std::uint32_t function;  // string: enclosing function
    std::uint32_t name;      // string: the name given at the spawn
    std::uint32_t line;
    std::uint32_t column;
    std::atomic<SizeClass> size_class;  // that its next spawn gets
    std::atomic<ClassEvidence> evidence;
    std::atomic<ChannelPattern> pattern;  // of its coroutines, where the spawn says it
    std::uint8_t reserved0;
    std::uint32_t predicted_bytes;            // from the size table; 0 = none
    std::atomic<std::uint32_t> wished_class;  // SizeClass + 1; 0 = no wish
    std::uint64_t entry_address;              // of the coroutine's entry function
    std::atomic<std::uint64_t> spawned;       // reserved: counted from events
    // Deepest use of a stack of this site that was seen: at first parks and one in 61 others (stack pointer), when a stack grew, and, while somebody
    // profiles, by scans. A lower bound; 0 = nothing seen. Writers: workers, relaxed, since it only ever grows.
    std::atomic<std::uint32_t> high_water_bytes;
    std::uint32_t reserved1;
    std::uint64_t reserved2;
};
static_assert(sizeof(SiteRecord) == 64);

}  // namespace coroscope::wire
