// One coroutine sends numbers, one receives them.
#include <cprime/cprime.h>

#include <utility>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

Measured pass_through(std::uint32_t capacity, std::uint64_t count) {
    auto [sender, receiver] = cprime::make_channel<std::uint64_t>("numbers", capacity);
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    auto sending = cprime::spawn("sender", [count, sender = std::move(sender)] {
        for (std::uint64_t i = 0; i < count; ++i)
            sender.send(i);
    });
    auto receiving = cprime::spawn("receiver", [&sum, receiver = std::move(receiver)] {
        while (auto value = receiver.receive())
            sum += *value;
    });
    sending.join();
    receiving.join();
    const std::uint64_t end_ns = now_ns();
    if (sum != count * (count - 1) / 2) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace

Measured channel_unbuffered(std::uint64_t count) {
    return pass_through(0, count);
}
Measured channel_buffered_128(std::uint64_t count) {
    return pass_through(128, count);
}

}  // namespace coroscope::bench::cprime_side
