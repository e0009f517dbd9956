// Ten thousand fibers send to one. The clock runs from when all have begun until the last message is here.
#include <boost/fiber/all.hpp>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {

Measured fan_in_10k(std::uint64_t count) {
    constexpr std::uint64_t kSenders = 10'000;
    const std::uint64_t each = count / kSenders + 1;
    const std::uint64_t messages = kSenders * each;
    boost::fibers::pooled_fixedsize_stack stacks(kStackBytes, 32, 512);  // why 512: parked.cpp
    boost::fibers::unbuffered_channel<std::uint64_t> channel;
    std::uint64_t ready = 0;
    std::uint64_t ended = 0;
    for (std::uint64_t sender = 0; sender < kSenders; ++sender) {
        boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks,
                             [&, first = sender * each] {
                                 ++ready;
                                 for (std::uint64_t i = first; i < first + each; ++i)
                                     channel.push(i);
                                 ++ended;
                             })
            .detach();
    }
    if (ready != kSenders) return {};  // dispatched fibers have begun when they are made
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < messages; ++i)
        sum += channel.value_pop();
    const std::uint64_t end_ns = now_ns();
    while (ended != kSenders)
        boost::this_fiber::yield();
    if (sum != messages * (messages - 1) / 2) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = messages, .extra = {}};
}

}  // namespace coroscope::bench::boost_peer
