// The bare switch of the runtime (cprime_switch: the same registers and the same way out as a parking coroutine's), between two
// contexts. The scheduler takes no part.
#include "runtime/switch/switch.h"
#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

using cprime::detail::cprime_switch;
using cprime::detail::make_first_bare_frame;

struct Pair {
    void* caller = nullptr;
    void* other = nullptr;
};

void answer_always(void* argument) {
    auto* pair = static_cast<Pair*>(argument);
    for (;;)
        cprime_switch(&pair->other, pair->caller);
}

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
    pair.other = make_first_bare_frame(top, answer_always, &pair);
    const std::uint64_t round_trips = (count + 1) / 2;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < round_trips; ++i)
        cprime_switch(&pair.caller, pair.other);
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = 2 * round_trips, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
