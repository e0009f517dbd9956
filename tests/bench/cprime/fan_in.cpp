// Ten thousand coroutines send to one. The clock runs from when all have begun until the last message is here.
#include <cprime/cprime.h>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Senders {
    std::uint64_t ready = 0;
    std::uint64_t ended = 0;
};

void spawn_sender(Senders& senders, const cprime::Channel<std::uint64_t>& channel, std::uint64_t first,
                  std::uint64_t end) {
    cprime::spawn_detached({.name = "sender", .size_class = cprime::size_class::micro},
                           [&senders, &channel, first, end] {
                               ++senders.ready;
                               for (std::uint64_t i = first; i < end; ++i)
                                   channel.send(i);
                               ++senders.ended;
                           });
}

}  // namespace

Measured fan_in_10k(std::uint64_t count) {
    constexpr std::uint64_t kSenders = 10'000;
    const std::uint64_t each = count / kSenders + 1;
    const std::uint64_t messages = kSenders * each;
    const cprime::Channel<std::uint64_t> channel("fan in");
    Senders senders;
    for (std::uint64_t i = 0; i < kSenders; ++i)
        spawn_sender(senders, channel, i * each, (i + 1) * each);
    while (senders.ready != kSenders)
        cprime::yield();
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < messages; ++i) {
        if (const auto value = channel.receive()) sum += *value;
    }
    const std::uint64_t end_ns = now_ns();
    while (senders.ended != kSenders)
        cprime::yield();
    if (sum != messages * (messages - 1) / 2) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = messages, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
