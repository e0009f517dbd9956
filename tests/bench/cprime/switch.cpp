// The bare switch of the runtime (cprime_switch: the same registers and the same way out as a parking coroutine's), between two
// contexts and around a ring of a thousand. The scheduler takes no part.
#include <cprime/cprime.h>

#include <cstdlib>
#include <vector>

#include "cprime/workloads.h"
#include "runtime/switch/switch.h"

namespace coroscope::bench::cprime_side {
namespace {

using cprime::detail::cprime_switch;
using cprime::detail::make_first_frame;

struct Pair {
    void* caller = nullptr;
    void* other = nullptr;
};

void answer_always(void* argument) {
    auto* pair = static_cast<Pair*>(argument);
    for (;;)
        cprime_switch(&pair->other, pair->caller);
}

constexpr std::size_t kRing = 1000;

struct Ring {
    void* contexts[kRing];
    std::size_t current = 0;  // whose turn it is
    std::uint64_t left = 0;
    void* home = nullptr;
};
Ring g_ring;

// A member of the ring: goes on with the next one, or home when all is done.
void go_round(void*) {
    Ring& ring = g_ring;
    const std::size_t mine = ring.current;
    const std::size_t next = mine + 1 == kRing ? 0 : mine + 1;
    for (;;) {
        if (--ring.left == 0) {
            cprime_switch(&ring.contexts[mine], ring.home);
        } else {
            ring.current = next;
            cprime_switch(&ring.contexts[mine], ring.contexts[next]);
        }
    }
}

// Goes round for `count` switches, home included.
void spin(std::uint64_t count) {
    g_ring.left = count;
    cprime_switch(&g_ring.home, g_ring.contexts[g_ring.current]);
}

// Where a coroutine that waits has room left on its stack: below everything that its parking needs.
constexpr std::uintptr_t kRoomBelowBytes = 1024;

}  // namespace

Measured switch_pair(std::uint64_t count) {
    constexpr std::uintptr_t kPageBytes = 4096;
    alignas(kPageBytes) static char stack[4 * kPageBytes];
    Pair pair;
    // Half a page apart from our own frame: stores and loads whose low 12 bits agree hold each other up (2.5-3.5 instead of 2.0
    // ns). The colours of the pools keep coroutines apart; the peer's main stack lies elsewhere in each process.
    const std::uintptr_t apart = (reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) +
                                  kPageBytes / 2) %
                                 kPageBytes;
    const std::uintptr_t top = reinterpret_cast<std::uintptr_t>(stack + sizeof stack) - kPageBytes +
                               (apart & ~std::uintptr_t{63});
    pair.other = reinterpret_cast<void*>(make_first_frame(top, answer_always, &pair));
    const std::uint64_t round_trips = (count + 1) / 2;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < round_trips; ++i)
        cprime_switch(&pair.caller, pair.other);
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = 2 * round_trips, .extra = {}};
}

// The contexts live on the stacks of a thousand Medium coroutines that wait meanwhile, so their addresses (stride, colour) are
// those that programs get.
Measured switch_ring_1000(std::uint64_t count) {
    cprime::Channel<int> gate("gate");
    std::vector<std::uintptr_t> rooms;
    rooms.reserve(kRing);
    std::vector<cprime::JoinHandle<void>> waiting;
    waiting.reserve(kRing);
    for (std::size_t i = 0; i < kRing; ++i) {
        waiting.push_back(cprime::spawn("ring stack", [&] {
            rooms.push_back(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - kRoomBelowBytes);
            gate.receive();
        }));
    }
    while (rooms.size() != kRing)
        cprime::yield();
    for (std::size_t i = 0; i < kRing; ++i) {
        g_ring.contexts[i] = reinterpret_cast<void*>(
            make_first_frame(rooms[i] & ~std::uintptr_t{63}, go_round, nullptr));
    }
    g_ring.current = 0;
    spin(2 * kRing);  // everybody has run before the clock starts
    const std::uint64_t begin_ns = now_ns();
    spin(count);
    const std::uint64_t end_ns = now_ns();
    gate.close();
    for (auto& handle : waiting)
        handle.join();
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
