// Growable code: hops.h says what is measured.
#include "growable/hops.h"

#include <cprime/cprime.h>
#include <cprime/micro_pool.h>
#include <x86intrin.h>

namespace coroscope::bench::growable {
namespace {

constexpr std::size_t kFrameBytes = 700;  // more than Micro has, less than Small

[[gnu::noinline]] int frame(int value) {
    volatile char bytes[kFrameBytes];
    bytes[0] = static_cast<char>(value);
    return bytes[0];
}

enum class On : std::uint8_t { kMicro, kMedium };

// A slot that stays Micro: a site whose stacks grow gets larger ones.
cprime::MicroPool<1> g_micro;

// Runs body() on a coroutine; it answers with the ticks that count, here told per operation and in nanoseconds.
template <typename Body>
Measured on(On on, std::uint64_t count, Body body) {
    Measured measured;
    std::uint64_t ticks = 0;
    const std::uint64_t begin_ns = now_ns(), begin = __rdtsc();
    const auto run = [&] { ticks = body(); };
    if (on == On::kMicro) {
        g_micro.spawn("hops", run).join();
    } else {
        cprime::spawn("hops", run).join();
    }
    const std::uint64_t all = __rdtsc() - begin, all_ns = now_ns() - begin_ns;
    measured.operations = count;
    measured.elapsed_ns = static_cast<std::uint64_t>(static_cast<double>(ticks) *
                                                     static_cast<double>(all_ns) / static_cast<double>(all));
    measured.extra = {{"cycles", static_cast<double>(ticks) / static_cast<double>(count)}};
    return measured;
}

[[gnu::noinline]] std::uint64_t calls(std::uint64_t count) {
    const std::uint64_t begin = __rdtsc();
    for (std::uint64_t i = 0; i < count; ++i)
        frame(1);
    return __rdtsc() - begin;
}

[[gnu::noinline]] std::uint64_t bigger(std::uint64_t count, std::size_t bytes) {
    std::uint64_t sum = 0;
    const std::uint64_t begin = __rdtsc();
    for (std::uint64_t i = 0; i < count; ++i)
        cprime::call_on_bigger_stack(bytes, [&sum] { keep(++sum); });
    return __rdtsc() - begin;
}

}  // namespace

Measured call_with_room(std::uint64_t count) {
    return on(On::kMedium, count, [count] { return calls(count); });
}
Measured call_over_a_hop(std::uint64_t count) {
    return on(On::kMicro, count, [count] { return calls(count); });
}

// A wait gives the segment back, so that the next call needs one again. Only the calls are counted.
Measured call_over_first_hop(std::uint64_t count) {
    cprime::Channel<int> wake("wake");
    auto waker = cprime::spawn("waker", [&wake, count] {
        for (std::uint64_t i = 0; i < count; ++i)
            wake.send(0);
    });
    Measured measured = on(On::kMicro, count, [&wake, count] {
        std::uint64_t ticks = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            wake.receive();
            const std::uint64_t begin = __rdtsc();
            frame(1);
            ticks += __rdtsc() - begin;
        }
        return ticks;
    });
    waker.join();
    return measured;
}

Measured bigger_stack_with_room(std::uint64_t count) {
    return on(On::kMedium, count, [count] { return bigger(count, 1024); });
}
Measured bigger_stack_cached(std::uint64_t count) {
    return on(On::kMicro, count, [count] { return bigger(count, 1024); });
}

}  // namespace coroscope::bench::growable
