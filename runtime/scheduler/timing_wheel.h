// TimingWheel: deadlines in order, armed and cancelled in constant time however many there are.
//
// Time is cut into granules of 2^granule_shift ticks (about 8 to 16 us). A deadline belongs to the granule that begins at it or after it, so nothing
// is ever early, and late by a granule at most. Granule numbers are written in digits of six bits; each digit has a level of 64 slots, each slot a
// ring of nodes. An entry stands on the level of the highest digit in which its granule differs from `elapsed_`, in the slot which that digit names:
//
//   elapsed_ = 0:2:61      level 0   0 .. 61 62 63     granule 0:2:62 (due after one more) stands here
//                          level 1   0 1 2 3 .. 63     granule 0:3:07 here, until 0:3:00 comes
//                          level 2   0 1 .. 63         granule 5:0:00 here
//
// Invariants
//   W1  Every entry's granule is >= elapsed_, and a slot behind elapsed_'s digit is empty on each level: slots never wrap around, and
//       the first slot in use of a level is found in one word.
//   W2  Of all slots in use the one that begins first holds the entry that is due first; a slot of a higher level that begins where a lower one
//       does goes first. When it begins, its entries move down a level or more; on level 0 they are due.
//   W3  elapsed_ is never beyond the beginning of a slot in use, so W1 lasts although slots are emptied in several steps: entries left in
//       a slot that has begun are in the slot of elapsed_'s own digit, which is thus the first of all.
//
// An entry moves at most once a level: five times for a day, never for what is cancelled before. A binary heap would keep cancelled
// entries or need to know where each stands, and costs log n cache misses per step (a million: 20); a wheel without levels wants a slot per
// granule; sorting within a granule is not worth anything to programs whose threads are scheduled by a kernel.
//
// Thread: one at a time; Timers holds a lock around it. Blocks: never. Tested against a model in tests/unit/runtime/timing_wheel_test.cpp.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/scheduler/timer_nodes.h"
#include "runtime/scheduler/zero_pages.h"

namespace cprime::detail {

inline constexpr std::uint64_t kNoDeadline = ~0ULL;

class TimingWheel {
public:
    // Wheels that share the nodes have different numbers, below 2^16. granule_shift: 6 to 32. Nothing is armed; time begins at `now`.
    void start(TimerNodes& nodes, std::uint32_t number, std::uint32_t granule_shift, std::uint64_t now);

    // Arms `index`, which is not armed. `sequence` is handed back when it is due. A deadline that has passed is due at once. `now`: only looked at
    // when nothing was armed.
    void arm(std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline, std::uint64_t now);

    // Takes it out. False if it is not armed, or in another wheel. Any index of a node that find() knows.
    bool cancel(std::uint32_t index);

    struct Due {
        std::uint64_t deadline;
        std::uint32_t index, sequence;
    };
    // Takes out what is due at `now` (ticks; never less than before), at most `room` entries, in the order of their granules, and within one in the
    // order in which they were armed as far as they came by the same levels. Returns how many. Moves at most kMovesMost entries between levels,
    // so it may return before all is done, even with nothing: then next() says so.
    std::uint32_t collect(std::uint64_t now, Due* out, std::uint32_t room);
    static constexpr std::uint32_t kMovesMost = 512;

    // The first tick at which collect() has something to do; kNoDeadline when nothing is armed. Not after the earliest deadline's granule.
    std::uint64_t next() const;

    std::uint32_t armed() const { return armed_; }
    std::uint32_t armed_in_chunk(std::uint32_t chunk) { return chunk_use(chunk) & ~kTouched; }
    // Whether anybody in the chunk was armed since the last time that it said so.
    bool take_touched(std::uint32_t chunk);

    // Where a node's place says that it stands.
    static std::uint32_t wheel_of(std::uint32_t place) { return place >> 16; }

private:
    static constexpr std::uint32_t kDigitBits = 6;
    static constexpr std::uint32_t kSlots = 1U << kDigitBits;
    static constexpr std::uint32_t kLevels = 10;  // 60 bits of granules: all of 64 bits of ticks
    static constexpr std::uint16_t kTouched = 1U << 15;

    struct Slot {
        std::uint32_t level, number;
        std::uint64_t begin;  // granule
    };
    bool first_slot(Slot& slot) const;
    void link(std::uint32_t index, TimerNode& node);
    void detach(std::uint32_t index, TimerNode& node);  // its place is the caller's to store
    std::uint64_t granule_of(std::uint64_t deadline) const;
    std::uint16_t& chunk_use(std::uint32_t chunk) { return chunk_use_.at<std::uint16_t>(chunk); }

    TimerNodes* nodes_ = nullptr;
    std::uint32_t number_ = 0;
    std::uint32_t granule_shift_ = 0;
    std::uint64_t elapsed_ = 0;  // granule: everything before it has been collected
    std::uint32_t armed_ = 0;
    std::uint32_t levels_in_use_ = 0;                    // bit l: a slot of level l is in use
    std::array<std::uint64_t, kLevels> in_use_{};        // bit s: the slot has entries
    std::array<std::uint32_t, kLevels * kSlots> heads_;  // first of the ring; only where in_use_ says so
    ZeroPages chunk_use_{TimerNodes::kChunksMax *
                         sizeof(std::uint16_t)};  // armed here, by chunk of nodes; and kTouched
};

}  // namespace cprime::detail
