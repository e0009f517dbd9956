// The coroutine that a chain runs in: compiled as ordinary code, on a Medium stack, and as growable code, on a Micro one.
#include "world.h"

namespace chains::CHAINS_BUILD {
namespace {

constexpr std::uint32_t kStepsMost = 24;

// No step: where the outermost one returns to.
CHAINS_STEP void run(Chain& chain, std::uint32_t rounds) {
    chains_take_place(chain);
    for (; rounds > 0; --rounds) {
        chain.left = draw(chain, kStepsMost);
        go_on(chain);
        if (chain.depth != 0) __builtin_trap();  // a stack or a record was damaged
        world_of(chain).chains.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace
}  // namespace chains::CHAINS_BUILD

extern "C" cprime::JoinHandle<void> CHAINS_JOIN(chains_spawn_, CHAINS_BUILD)(chains::Chain& chain,
                                                                             std::uint32_t rounds) {
    return cprime::spawn({.name = "chain", .size_class = cprime::size_class::CHAINS_CLASS},
                         [&chain, rounds] { chains::CHAINS_BUILD::run(chain, rounds); });
}
