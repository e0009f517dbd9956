// Boost.Context at its lowest: jump_fcontext between two contexts, and around a ring of a thousand.
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <vector>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

namespace context = boost::context;
using context::detail::fcontext_t;
using context::detail::jump_fcontext;
using context::detail::make_fcontext;
using context::detail::transfer_t;

[[noreturn]] void answer_always(transfer_t from) {
    for (;;)
        from = jump_fcontext(from.fctx, nullptr);
}

constexpr std::size_t kRing = 1000;

struct Ring {
    fcontext_t contexts[kRing];
    std::size_t current = 0;  // whose turn it is
    std::uint64_t left = 0;
    fcontext_t home = nullptr;
};
Ring g_ring;

// A member of the ring: goes on with the next one, or home when all is done. With this interface whoever continues learns where
// the other stopped and puts it down: data is null when that was the member before, the ring when it was home.
[[noreturn]] void go_round(transfer_t from) {
    Ring& ring = g_ring;
    const std::size_t mine = ring.current;
    const std::size_t next = mine + 1 == kRing ? 0 : mine + 1;
    fcontext_t& previous = ring.contexts[mine == 0 ? kRing - 1 : mine - 1];
    for (;;) {
        (from.data == nullptr ? previous : ring.home) = from.fctx;
        if (--ring.left == 0) {
            from = jump_fcontext(ring.home, nullptr);
        } else {
            ring.current = next;
            from = jump_fcontext(ring.contexts[next], nullptr);
        }
    }
}

// Goes round for `count` switches, home included.
void spin(std::uint64_t count) {
    g_ring.left = count;
    const std::size_t first = g_ring.current;
    const transfer_t last = jump_fcontext(g_ring.contexts[first], &g_ring);
    g_ring.contexts[g_ring.current] = last.fctx;
}

}  // namespace

Measured switch_pair(std::uint64_t count) {
    context::pooled_fixedsize_stack stacks(kStackBytes);
    context::stack_context stack = stacks.allocate();
    transfer_t other = {make_fcontext(stack.sp, stack.size, answer_always), nullptr};
    const std::uint64_t round_trips = (count + 1) / 2;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < round_trips; ++i)
        other = jump_fcontext(other.fctx, nullptr);
    const std::uint64_t end_ns = now_ns();
    stacks.deallocate(stack);
    return {.elapsed_ns = end_ns - begin_ns, .operations = 2 * round_trips, .extra = {}};
}

Measured switch_ring_1000(std::uint64_t count) {
    context::pooled_fixedsize_stack stacks(kStackBytes, kRing, kRing);
    std::vector<context::stack_context> held;
    g_ring.current = 0;
    for (fcontext_t& made : g_ring.contexts) {
        held.push_back(stacks.allocate());
        made = make_fcontext(held.back().sp, held.back().size, go_round);
    }
    spin(2 * kRing);  // everybody has run before the clock starts
    const std::uint64_t begin_ns = now_ns();
    spin(count);
    const std::uint64_t end_ns = now_ns();
    for (context::stack_context& stack : held)
        stacks.deallocate(stack);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::boost_peer
