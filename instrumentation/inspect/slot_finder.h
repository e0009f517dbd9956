// From any address of the target to the stack slot that it lies in: for words that point somewhere.
//
// Thread: built once, then read by any. Tested in tests/unit/inspect/raw_stack_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::inspect {

class SlotFinder {
public:
    explicit SlotFinder(const StateImage& state);

    struct Place {
        std::uint8_t pool = 0;
        std::uint32_t slot = 0;
    };
    // The slot whose stride (guard and colour included) holds the address; nothing when none does.
    std::optional<Place> find(std::uint64_t address) const;

private:
    struct Slab {
        std::uint64_t low = 0, high = 0, stride = 0;
        std::uint32_t first_slot = 0;
        std::uint8_t pool = 0;
    };
    std::vector<Slab> slabs_;  // by low
};

}  // namespace coroscope::inspect
