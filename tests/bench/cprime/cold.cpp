// Spawning coroutines that wait for one channel, each on a stack that nobody has used before, and sending each of them a message.
// The clock runs from the first spawn until all wait; then the messages go round, and then memory is counted with all of them waiting
// again. Detached: a handle is not part of the bill.
#include <cprime/cprime.h>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Tally {
    std::uint64_t waiting = 0;  // for their first message
    std::uint64_t sum = 0;
    std::uint64_t received = 0;
    std::uint64_t ended = 0;
};

void spawn_one(Tally& tally, cprime::Channel<std::uint64_t>& channel, cprime::size_class size_class) {
    cprime::spawn_detached({.name = "parked", .size_class = size_class}, [&tally, &channel] {
        ++tally.waiting;
        while (const auto message = channel.receive()) {
            tally.sum += *message;
            ++tally.received;
        }
        ++tally.ended;
    });
}

Measured cold(std::uint64_t count, cprime::size_class size_class) {
    const MemoryUse empty = memory_use();
    Tally tally;
    cprime::Channel<std::uint64_t> channel("a message for each");
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        spawn_one(tally, channel, size_class);
        // They park a few at a time: no long run queue is part of the measurement, nor of the memory.
        if (i % 64 == 0) cprime::yield();
    }
    while (tally.waiting != count)
        cprime::yield();
    const std::uint64_t end_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i)
        channel.send(i);
    while (tally.received != count)
        cprime::yield();
    cprime::yield();
    const MemoryUse full = memory_use();
    if (tally.ended != 0 || tally.sum != count * (count - 1) / 2) return {};
    Measured measured = memory_result(empty, full, count);
    measured.elapsed_ns = end_ns - begin_ns;
    channel.close();
    while (tally.ended != count)
        cprime::yield();
    return measured;
}

}  // namespace

Measured cold_micro(std::uint64_t count) {
    return cold(count, cprime::size_class::micro);
}
Measured cold_medium(std::uint64_t count) {
    return cold(count, cprime::size_class::medium);
}

}  // namespace coroscope::bench::cprime_side
