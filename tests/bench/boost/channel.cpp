// One fiber sends numbers, one receives them.
#include <boost/fiber/all.hpp>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

template <typename Channel>
Measured pass_through(Channel& channel, std::uint64_t count) {
    boost::fibers::pooled_fixedsize_stack stacks(kStackBytes);
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    boost::fibers::fiber sender(boost::fibers::launch::post, std::allocator_arg, stacks, [&] {
        for (std::uint64_t i = 0; i < count; ++i)
            channel.push(i);
        channel.close();
    });
    boost::fibers::fiber receiver(boost::fibers::launch::post, std::allocator_arg, stacks, [&] {
        std::uint64_t value = 0;
        while (channel.pop(value) == boost::fibers::channel_op_status::success)
            sum += value;
    });
    sender.join();
    receiver.join();
    const std::uint64_t end_ns = now_ns();
    if (sum != count * (count - 1) / 2) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace

Measured channel_unbuffered(std::uint64_t count) {
    boost::fibers::unbuffered_channel<std::uint64_t> channel;
    return pass_through(channel, count);
}

Measured channel_buffered_128(std::uint64_t count) {
    boost::fibers::buffered_channel<std::uint64_t> channel(128);
    return pass_through(channel, count);
}

}  // namespace coroscope::bench::boost_peer
