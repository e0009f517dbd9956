// Fibers that do nothing but let the next one run.
#include <boost/fiber/all.hpp>
#include <vector>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

Measured yield_among(std::size_t fibers_count, std::uint64_t count) {
    boost::fibers::pooled_fixedsize_stack stacks(kStackBytes);
    const std::uint64_t each = count / fibers_count + 1;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
    std::vector<boost::fibers::fiber> fibers;
    fibers.reserve(fibers_count);
    for (std::size_t i = 0; i < fibers_count; ++i) {
        fibers.emplace_back(boost::fibers::launch::post, std::allocator_arg, stacks, [&] {
            boost::this_fiber::yield();  // everybody has started when the clock does
            if (begin_ns == 0) begin_ns = now_ns();
            for (std::uint64_t n = 0; n < each; ++n)
                boost::this_fiber::yield();
            if (end_ns == 0) end_ns = now_ns();
        });
    }
    for (boost::fibers::fiber& fiber : fibers)
        fiber.join();
    return {.elapsed_ns = end_ns - begin_ns, .operations = each * fibers_count, .extra = {}};
}

}  // namespace

Measured yield_2(std::uint64_t count) {
    return yield_among(2, count);
}
Measured yield_1000(std::uint64_t count) {
    return yield_among(1000, count);
}

}  // namespace coroscope::bench::boost_peer
