// All events of a program that never ran, in the order of their stamps, which are all different: what the tests of rules walk through.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "synthetic_program.h"

namespace coroscope::rules {

struct Happened {
    wire::DecodedEvent event;
    std::uint32_t ring = 0;
};

inline std::vector<Happened> history(const traces::SyntheticProgram& program) {
    std::vector<Happened> all;
    for (std::uint32_t ring = 0; ring < program.rings_count(); ++ring) {
        wire::EventDecoder decoder;
        decoder.seed(1'000'000'000, wire::kNone, true);
        decoder.feed(program.ring(ring), [&](const wire::DecodedEvent& event) {
            all.push_back({event, ring});
        });
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Happened& a, const Happened& b) { return a.event.tsc < b.event.tsc; });
    return all;
}

}  // namespace coroscope::rules
