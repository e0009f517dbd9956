// Stack pools in an image: which slots there are, which are used, where they lie, what guards them.
//
// A value type without hidden state; everything in it may come from another process or a file and is checked where it is used.
// Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"

namespace coroscope::inspect {

struct SlabImage {
    std::uint32_t owner = wire::kNone;
    std::uint64_t stack_base = 0;
    std::uint32_t slots = wire::kSlotsPerSlab;  // fewer in a MicroPool, none once it has ended
    std::uint32_t guarded_slots = 0;  // with a guard page; the others have a canary, or were never used
    wire::SlabGuards guards = wire::SlabGuards::kCanaries;
    std::uint64_t used[wire::kSlabWords] = {};  // owned & ~remote; no bit at or above `slots`

    // Sets how many slots it has, and forgets bits of others.
    void set_slots(std::uint32_t count);
};

struct PoolImage {
    wire::SizeClass size_class = wire::SizeClass::kMedium;
    wire::PoolPurpose purpose = wire::PoolPurpose::kOrdinary;
    std::uint32_t slot_bytes = 0;
    std::uint64_t stride_bytes = 0;
    std::uint32_t guard_bytes = 0;
    std::uint32_t colour_steps = 1;
    std::uint32_t canary_bytes = 0;
    std::uint32_t name = wire::kNone;
    std::uint64_t high_water_slots = 0;
    std::uint64_t trimmed_bytes = 0;  // given back to the kernel by trims so far
    bool guards_known = false;        // false: the trace is of before, and its slabs say nothing about guards
    std::vector<SlabImage> slabs;

    std::uint64_t slots() const;          // that there are
    std::uint64_t guarded_slots() const;  // of them, those with a guard page
    std::uint64_t used() const;           // population count over the slabs
    // Numbers of slots are below this: slot s is number s % 512 of slab s / 512, and not every slab has 512.
    std::uint64_t slot_numbers() const { return slabs.size() * std::uint64_t{wire::kSlotsPerSlab}; }
    bool has(std::uint32_t slot) const {
        return slot < slot_numbers() && slot % wire::kSlotsPerSlab < slabs[slot / wire::kSlotsPerSlab].slots;
    }
    // Bounds of a slot's stack in the target; {0,0} when the slot lies outside.
    wire::StackBounds bounds(std::uint32_t slot) const;
};

// A slot on which the frames of a coroutine go on (wire/stack_segment.h).
struct StackSegmentImage {
    std::uint32_t coroutine = wire::kNone;  // index
    std::uint32_t slot = 0;
    std::uint8_t pool = 0;
};

}  // namespace coroscope::inspect
