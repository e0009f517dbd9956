// Boost.Context at its lowest: jump_fcontext between two contexts.
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>

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

}  // namespace coroscope::bench::boost_peer
