// The bare switch around a ring of contexts, on stacks from the runtime's own pools: their strides, colours and guards are
// what programs get. The scheduler takes no part.
//
// Whose turn it is stands in memory that all share, as in a run queue: no switch waits for what the last one loaded from a stack.
#include <map>
#include <utility>
#include <vector>

#include "cprime/workloads.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/switch/switch.h"

namespace coroscope::bench::cprime_side {
namespace {

using cprime::detail::cprime_switch;
using cprime::detail::g_runtime;
using cprime::detail::Worker;

struct Ring {
    std::vector<void*> contexts;
    std::size_t current = 0;  // whose turn it is
    std::uint64_t rounds_left = 0;
    void* home = nullptr;
};

Ring* g_ring = nullptr;  // the one that turns

// A member of the ring: goes on with the next one; the last one goes home when all rounds are done.
void go_round(void*) {
    for (;;) {
        Ring& ring = *g_ring;
        const std::size_t mine = ring.current;
        std::size_t next = mine + 1;
        if (next == ring.contexts.size()) {
            next = 0;
            if (--ring.rounds_left == 0) {
                ring.current = 0;
                cprime_switch(&ring.contexts[mine], ring.home);
                continue;
            }
        }
        ring.current = next;
        cprime_switch(&ring.contexts[mine], ring.contexts[next]);
    }
}

void spin(Ring& ring, std::uint64_t rounds) {
    g_ring = &ring;
    ring.rounds_left = rounds;
    cprime_switch(&ring.home, ring.contexts[0]);
}

using RingId = std::pair<SizeClass, std::size_t>;  // the class of its stacks, and how many

// Made when first asked for, and there until the process ends: nothing is set up while it is measured.
Ring& ring_of(RingId id) {
    static std::map<RingId, Ring> rings;
    Ring& ring = rings[id];
    if (!ring.contexts.empty()) return ring;
    const auto pool = static_cast<std::uint8_t>(id.first);
    Worker& worker = *cprime::detail::cprime_current_worker;
    for (std::size_t i = 0; i < id.second; ++i) {
        const std::uint32_t slot = g_runtime->pools.allocate(&worker, pool);
        if (slot == coroscope::wire::kNone) return ring;
        const std::uint64_t top = g_runtime->pools.bounds(pool, slot).high;
        ring.contexts.push_back(cprime::detail::make_first_bare_frame(top, go_round, nullptr));
    }
    spin(ring, 2);  // everybody has run before the clock starts
    return ring;
}

}  // namespace

Measured ring(SizeClass size_class, std::size_t contexts, std::uint64_t count) {
    Ring& ring = ring_of({size_class, contexts});
    if (ring.contexts.size() != contexts) return {};
    const std::uint64_t rounds = (count + contexts - 1) / contexts;
    const std::uint64_t begin_ns = now_ns();
    spin(ring, rounds);
    return {.elapsed_ns = now_ns() - begin_ns, .operations = rounds * contexts, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
