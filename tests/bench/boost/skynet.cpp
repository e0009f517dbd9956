// The skynet program: each fiber makes ten others, down to `count` leaves; each leaf sends its number to its parent, each parent the sum
// of what its ten sent. Since channels have no room, all leaves live at once: the smallest stacks are the fastest, and pools by thread are
// faster than pooled_fixedsize_stack even on one. A channel is everybody's who uses it: a sender still looks at it when its item
// has been taken.
#include <boost/fiber/all.hpp>
#include <memory>

#include "boost/two_threads.h"
#include "boost/workloads.h"
#include "runner/skynet.h"

namespace coroscope::bench::boost_peer {
namespace {

using Channel = boost::fibers::unbuffered_channel<std::uint64_t>;

std::uint64_t children(LocalStacks& stacks, std::uint64_t first, std::uint64_t leaves) {
    const auto in = std::make_shared<Channel>();
    const std::uint64_t each = leaves / kSkynetChildren;
    for (std::uint64_t i = 0; i < kSkynetChildren; ++i) {
        boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks,
                             [&stacks, out = in, number = first + i * each, each] {
                                 out->push(each == 1 ? number : children(stacks, number, each));
                                 TwoThreads::note_end();
                             })
            .detach();
    }
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < kSkynetChildren; ++i)
        sum += in->value_pop();
    return sum;
}

// How many fibers a tree of so many leaves has without its root.
std::uint64_t fibers_count(std::uint64_t leaves) {
    std::uint64_t count = 0;
    for (std::uint64_t level = leaves; level > 1; level /= kSkynetChildren)
        count += level;
    return count;
}

Measured skynet(std::uint64_t count) {
    LocalStacks stacks;
    const std::uint64_t leaves = skynet_leaves(count);
    const std::uint64_t ended_after = TwoThreads::ended() + fibers_count(leaves);
    const std::uint64_t begin_ns = now_ns();
    const std::uint64_t sum = children(stacks, 0, leaves);
    const std::uint64_t end_ns = now_ns();
    while (TwoThreads::ended() != ended_after)
        boost::this_fiber::yield();
    if (sum != skynet_sum(leaves)) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = leaves, .extra = {}};
}

}  // namespace

Measured skynet_1_worker(std::uint64_t count) {
    take_first_lock();
    return skynet(count);
}

Measured skynet_2_workers(std::uint64_t count) {
    TwoThreads& threads = TwoThreads::instance();
    take_first_lock();
    threads.begin();
    const Measured measured = skynet(count);
    threads.end();
    return measured;
}

}  // namespace coroscope::bench::boost_peer
