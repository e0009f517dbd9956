// Boost.Context around a ring of contexts: jump_fcontext, on stacks from Boost's own allocators.
//
// Pooled stacks, as its documentation advises, where a pool of them is one block of memory that the kernel gives; those of 8 MiB come
// from malloc, one by one. Whose turn it is stands in memory that all share, as on our side.
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <map>
#include <utility>
#include <vector>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

namespace context = boost::context;
using context::detail::fcontext_t;
using context::detail::jump_fcontext;
using context::detail::make_fcontext;
using context::detail::transfer_t;

struct Ring {
    std::vector<fcontext_t> contexts;
    std::size_t current = 0;  // whose turn it is
    std::uint64_t rounds_left = 0;
    fcontext_t home = nullptr;
};
Ring* g_ring = nullptr;  // the one that turns

// A member of the ring: goes on with the next one; the last one goes home when all rounds are done. With this interface whoever
// continues learns where the other stopped and puts it down: data is null when that was the member before, the ring when it was home.
[[noreturn]] void go_round(transfer_t from) {
    for (;;) {
        Ring& ring = *g_ring;
        const std::size_t mine = ring.current;
        (mine != 0              ? ring.contexts[mine - 1]
         : from.data == nullptr ? ring.contexts.back()
                                : ring.home) = from.fctx;
        std::size_t next = mine + 1;
        if (next == ring.contexts.size()) {
            next = 0;
            if (--ring.rounds_left == 0) {
                ring.current = 0;
                from = jump_fcontext(ring.home, nullptr);
                continue;
            }
        }
        ring.current = next;
        from = jump_fcontext(ring.contexts[next], nullptr);
    }
}

void spin(Ring& ring, std::uint64_t rounds) {
    g_ring = &ring;
    ring.rounds_left = rounds;
    const transfer_t last = jump_fcontext(ring.contexts[0], &ring);
    ring.contexts.back() = last.fctx;
}

template <typename Allocator>
void fill(Ring& ring, Allocator stacks, std::size_t contexts) {
    for (std::size_t i = 0; i < contexts; ++i) {
        const context::stack_context stack = stacks.allocate();
        ring.contexts.push_back(make_fcontext(stack.sp, stack.size, go_round));
    }
}

using RingId = std::pair<std::size_t, std::size_t>;  // bytes of a stack, and how many

// Made when first asked for, and there until the process ends: nothing is set up while it is measured.
Ring& ring_of(RingId id) {
    static std::map<RingId, Ring> rings;
    Ring& ring = rings[id];
    if (!ring.contexts.empty()) return ring;
    const auto [bytes, contexts] = id;
    if (bytes < kLargeBytes) {
        static std::map<RingId, context::pooled_fixedsize_stack> kept;  // a pool ends with its last copy
        auto [place, made] = kept.try_emplace(id, bytes, contexts, contexts);
        fill(ring, place->second, contexts);
    } else {
        fill(ring, context::fixedsize_stack(bytes), contexts);
    }
    spin(ring, 2);  // everybody has run before the clock starts
    return ring;
}

}  // namespace

Measured ring(std::size_t stack_bytes, std::size_t contexts, std::uint64_t count) {
    Ring& ring = ring_of({stack_bytes, contexts});
    const std::uint64_t rounds = (count + contexts - 1) / contexts;
    const std::uint64_t begin_ns = now_ns();
    spin(ring, rounds);
    return {.elapsed_ns = now_ns() - begin_ns, .operations = rounds * contexts, .extra = {}};
}

}  // namespace coroscope::bench::boost_peer
