// The ends of chains, compiled at several levels of optimisation and as growable code: steps that park.
#include <chrono>

#include "world.h"

namespace chains::CHAINS_BUILD {
namespace {

using std::chrono::microseconds;

CHAINS_STEP void receive_for_good(Chain& chain) {
    CHAINS_HERE(chain);
    chains_note(chain);
    static_cast<void>(world_of(chain).nothing_comes.receive());
}
CHAINS_STEP void send_for_good(Chain& chain) {
    CHAINS_HERE(chain);
    chains_note(chain);
    static_cast<void>(world_of(chain).nobody_takes.send(chain.random));
}

CHAINS_STEP void let_others(Chain& chain) {
    CHAINS_HERE(chain);
    for (std::uint32_t left = 1 + draw(chain, 3); left > 0; --left) {
        chains_note(chain);
        static_cast<void>(cprime::yield());
    }
}
CHAINS_STEP void sleep_a_little(Chain& chain) {
    CHAINS_HERE(chain);
    chains_note(chain);
    static_cast<void>(cprime::sleep_for(microseconds(draw(chain, 2000))));
}
CHAINS_STEP void put_on_tape(Chain& chain) {
    CHAINS_HERE(chain);
    const microseconds patience(draw(chain, 4000));
    chains_note(chain);
    if (world_of(chain).tape.send_for(1, patience))
        world_of(chain).sent.fetch_add(1, std::memory_order_relaxed);
}
CHAINS_STEP void take_from_tape(Chain& chain) {
    CHAINS_HERE(chain);
    const microseconds patience(draw(chain, 4000));
    chains_note(chain);
    if (world_of(chain).tape.receive_for(patience))
        world_of(chain).received.fetch_add(1, std::memory_order_relaxed);
}

constexpr Step kHold[] = {receive_for_good, send_for_good};
constexpr Step kChurn[] = {let_others, let_others, sleep_a_little, put_on_tape, take_from_tape};

}  // namespace
}  // namespace chains::CHAINS_BUILD

extern "C" chains::Waits CHAINS_JOIN(chains_waits_, CHAINS_BUILD)() {
    return {chains::CHAINS_BUILD::kHold, chains::CHAINS_BUILD::kChurn};
}
