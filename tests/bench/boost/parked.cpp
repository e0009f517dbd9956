// Fibers that wait for one channel, what memory each has added meanwhile, and how long it took to start them. Detached: a handle is
// not part of the bill.
#include <boost/fiber/all.hpp>
#include <memory>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {
namespace {

Measured parked(std::size_t stack_bytes, std::uint64_t count) {
    take_first_lock();
    const MemoryUse empty = memory_use();
    MemoryUse full;
    std::uint64_t parked_count = 0;
    std::uint64_t ended = 0;
    std::uint64_t elapsed_ns = 0;
    {
        boost::fibers::unbuffered_channel<std::uint64_t> channel;
        // Growing by at most 512 stacks: a pool that doubles has touched many more than are in use.
        boost::fibers::pooled_fixedsize_stack stacks(stack_bytes, 32, 512);
        const std::uint64_t begin_ns = now_ns();
        for (std::uint64_t i = 0; i < count; ++i) {
            boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks, [&] {
                ++parked_count;
                std::uint64_t value = 0;
                channel.pop(value);
                ++ended;
            }).detach();
        }
        elapsed_ns = now_ns() - begin_ns;
        full = memory_use();
        if (parked_count != count || ended != 0) return {};
        channel.close();
        while (ended != count)
            boost::this_fiber::yield();
    }
    Measured measured = memory_result(empty, full, count);
    measured.elapsed_ns = elapsed_ns;
    return measured;
}

}  // namespace

void take_first_lock() {
    boost::fibers::mutex mutex;
    mutex.lock();
    mutex.unlock();
}

Measured parked_micro(std::uint64_t count) {
    return parked(kSmallestStackBytes, count);
}
Measured parked_medium(std::uint64_t count) {
    return parked(kStackBytes, count);
}

}  // namespace coroscope::bench::boost_peer
