// Selects in an image: the arms of those that wait, and what became of the arms of each select in the program's code.
//
// Value types without hidden state; everything in them may come from another process or a file. Tested in tests/unit/inspect.
#pragma once

#include <array>
#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/select_arm.h"

namespace coroscope::inspect {

// One arm of a coroutine that is parked in a select. Arms without a channel (a time limit, an empty handle) are not there.
struct SelectArmImage {
    std::uint32_t coroutine = wire::kNone;  // index
    std::uint32_t channel = wire::kNone;    // index
    std::uint8_t position = 0;              // of the arm in its select
    bool receives = false;                  // else it sends
    bool operator==(const SelectArmImage&) const = default;
};

// One select in the code: wire::SelectRecord says what each count is.
struct SelectImage {
    std::uint64_t address = 0;    // where the call returns to
    std::uint32_t arms = 0;       // of the call
    std::uint32_t receives = 0;   // bit n: arm n receives
    std::uint32_t other_arm = 0;  // position + 1 of the time limit, or of otherwise(); 0 = there is none
    std::uint64_t parked = 0, timed_out = 0, declined = 0;
    std::array<std::uint64_t, wire::kSelectArmsCounted> fired{}, passed_over{};
    bool operator==(const SelectImage&) const = default;
};

}  // namespace coroscope::inspect
