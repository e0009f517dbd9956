// What the chains of one program share: the channels they wait at, what they count, and the calls that the builds of waits.cpp and body.cpp make
// into main.cpp.
#pragma once

#include <cprime/cprime.h>

#include <atomic>
#include <cstdint>

#include "chain.h"

namespace chains {

struct World {
    bool churns = false;  // else everybody parks once and for good
    cprime::Channel<std::uint64_t> nothing_comes{"nothing comes"}, nobody_takes{"nobody takes"};
    cprime::Channel<std::uint64_t> tape{"tape", 8};
    std::atomic<std::uint64_t> parks{0}, chains{0}, sent{0}, received{0};  // relaxed: counted
};

inline World& world_of(const Chain& chain) {
    return *static_cast<World*>(chain.world);
}

// Waits of one build, for programs that hold and for those that churn.
struct Waits {
    std::span<const Step> hold, churn;
};

}  // namespace chains

// By the coroutine itself, first thing: makes the place its own.
extern "C" void chains_take_place(chains::Chain& chain);
// Right before it parks: writes the chain to its place.
extern "C" void chains_note(chains::Chain& chain);
// Runs the chain `rounds` times.
extern "C" cprime::JoinHandle<void> chains_spawn_ordinary(chains::Chain& chain, std::uint32_t rounds);
extern "C" cprime::JoinHandle<void> chains_spawn_growable(chains::Chain& chain, std::uint32_t rounds);
