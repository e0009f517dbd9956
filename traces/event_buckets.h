// How many events fell into which part of a chunk's time: what a timeline that is zoomed far out draws, without decoding.
//
// A chunk's time [ticks_min, ticks_max] is cut into parts of 2^shift ticks, as few as make at most kTimeBuckets of them. Counted are events of the
// program; bookkeeping (SYNC, LOSS, MASK, PAD) is not. A count that does not fit says 65535.
//
// Thread: pure functions. Tested in tests/unit/traces/event_columns_test.cpp.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/wire/event.h"
#include "traces/format.h"

namespace coroscope::traces {

inline constexpr std::uint32_t kBucketEventsMin = 256;  // of a chunk: fewer are decoded as fast as looked up

// The shift that belongs to a chunk's time.
inline unsigned bucket_shift(std::uint64_t ticks_min, std::uint64_t ticks_max) {
    const auto bits = static_cast<unsigned>(std::bit_width(ticks_max - ticks_min));
    constexpr unsigned kBits = std::bit_width(kTimeBuckets - 1U);
    return bits > kBits ? bits - kBits : 0;
}

// kTimeBuckets counts; empty when the chunk holds too few events. `header` says its time and the stamp before it.
std::vector<std::uint16_t> count_buckets(const ChunkHeader& header, std::span<const wire::EventSlot> slots);

}  // namespace coroscope::traces
