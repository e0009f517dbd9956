// Fibers that end at once. launch::dispatch (the new fiber runs before its maker goes on) is faster than launch::post here, one at a
// time as well as by the thousand: stacks are reused while they are in the cache.
#include <boost/fiber/all.hpp>
#include <vector>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {

Measured spawn_join(std::uint64_t count) {
    boost::fibers::pooled_fixedsize_stack stacks(kStackBytes);
    std::uint64_t ran = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks, [&ran] {
            ++ran;
        }).join();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

Measured spawn_join_1000(std::uint64_t count) {
    constexpr std::size_t kBatch = 1000;
    boost::fibers::pooled_fixedsize_stack stacks(kStackBytes);
    const std::uint64_t batches = count / kBatch + 1;
    std::uint64_t ran = 0;
    std::vector<boost::fibers::fiber> fibers;
    fibers.reserve(kBatch);
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            fibers.emplace_back(boost::fibers::launch::dispatch, std::allocator_arg, stacks,
                                [&ran] { ++ran; });
        }
        for (boost::fibers::fiber& fiber : fibers)
            fiber.join();
        fibers.clear();
    }
    const std::uint64_t end_ns = now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = ran, .extra = {}};
}

}  // namespace coroscope::bench::boost_peer
