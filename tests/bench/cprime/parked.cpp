// Coroutines that wait for one channel, and what memory each has added meanwhile: stack, control block, bitmaps, page tables.
// Detached: a handle is not part of the bill. The channel is the spawner's, which outlives them; a handle of one's own, as a
// program that passes channels around would have, is a row of its own.
#include <cprime/cprime.h>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Tally {
    std::uint64_t parked = 0;
    std::uint64_t ended = 0;
};

template <typename Spawn>
Measured parked(std::uint64_t count, Spawn spawn_one) {
    const MemoryUse empty = memory_use();
    Tally tally;
    cprime::Channel<std::uint64_t> channel("never sent to");
    for (std::uint64_t i = 0; i < count; ++i) {
        spawn_one(tally, channel);
        // Let each one park before the next is made: nobody wants the memory of a long run queue measured.
        if (i % 64 == 0) cprime::yield();
    }
    while (tally.parked != count)
        cprime::yield();
    const MemoryUse full = memory_use();
    if (tally.ended != 0) return {};
    channel.close();
    while (tally.ended != count)
        cprime::yield();
    return memory_result(empty, full, count);
}

void spawn_waiting(Tally& tally, cprime::Channel<std::uint64_t>& channel, cprime::size_class size_class) {
    cprime::spawn_detached({.name = "parked", .size_class = size_class}, [&tally, &channel] {
        ++tally.parked;
        channel.receive();
        ++tally.ended;
    });
}

}  // namespace

Measured parked_micro(std::uint64_t count) {
    return parked(count, [](Tally& tally, cprime::Channel<std::uint64_t>& channel) {
        spawn_waiting(tally, channel, cprime::size_class::micro);
    });
}

Measured parked_medium(std::uint64_t count) {
    return parked(count, [](Tally& tally, cprime::Channel<std::uint64_t>& channel) {
        spawn_waiting(tally, channel, cprime::size_class::medium);
    });
}

Measured parked_micro_own_handle(std::uint64_t count) {
    return parked(count, [](Tally& tally, cprime::Channel<std::uint64_t>& channel) {
        cprime::spawn_detached({.name = "parked", .size_class = cprime::size_class::micro},
                               [&tally, receiver = channel.receiver()] {
                                   ++tally.parked;
                                   receiver.receive();
                                   ++tally.ended;
                               });
    });
}

}  // namespace coroscope::bench::cprime_side
