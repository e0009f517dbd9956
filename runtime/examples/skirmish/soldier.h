// A soldier's script: what he does, in the order in which he does it.
//
// What waits returns false when there is no next frame. Each waits wherever a frame's thinking ends, also in the midst of a loop.
#pragma once

#include <cstdint>

#include "field.h"
#include "frame_clock.h"

namespace skirmish {

class Soldier {
public:
    Soldier(Field& field, FrameClock& clock, std::uint32_t me) : field_(field), clock_(clock), me_(me) {}

    // A whole life, until there is no next frame. What his coroutine runs.
    void live();

private:
    bool march();
    bool fight();
    bool recover();
    bool wait(int frames);

    Field& field_;
    FrameClock& clock_;
    const std::uint32_t me_;
};

}  // namespace skirmish
