// Programs to be looked at: many coroutines that stay parked some frames deep, and a busy one among them whose work is counted by the processor time
// that the whole process took for it.
#include <cprime/cprime.h>

#include <ctime>

#include <vector>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

constexpr unsigned
    kFramesDeep = 6;  // of left() and right(); with the waiting one, the closure's and the trampoline: nine

struct Held {
    cprime::Channel<std::uint64_t> gate{"gate"};
    std::vector<cprime::JoinHandle<void>> handles;
    std::uint64_t parked = 0;
};
Held* held = nullptr;

[[gnu::noinline]] void wait_at_gate() {
    ++held->parked;
    static_cast<void>(held->gate.receive());
    asm volatile("" ::: "memory");
}

// Each frame is one of two functions, by a bit of `way`: 64 different stacks.
void left(unsigned way, unsigned deep);
void right(unsigned way, unsigned deep);
[[gnu::always_inline]] inline void further(unsigned way, unsigned deep) {
    if (deep == 0) {
        wait_at_gate();
    } else if ((way & 1) == 0) {
        left(way >> 1, deep - 1);
    } else {
        right(way >> 1, deep - 1);
    }
    asm volatile("" ::: "memory");
}
[[gnu::noinline, gnu::noclone]] void left(unsigned way, unsigned deep) {
    further(way, deep);
}
[[gnu::noinline, gnu::noclone]] void right(unsigned way, unsigned deep) {
    volatile unsigned before[2] = {deep, way};
    further(way, deep);
    before[0] = before[1];
}

}  // namespace

Measured hold_chains(std::uint64_t count) {
    release_held();
    held = new Held;
    held->handles.reserve(count);
    const std::uint64_t begin = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        held->handles.push_back(cprime::spawn({.name = "held", .size_class = cprime::size_class::small},
                                              [way = static_cast<unsigned>(i)] { further(way, kFramesDeep); }));
        if (i % 64 == 0) cprime::yield();
    }
    while (held->parked != count)
        cprime::yield();
    return {.elapsed_ns = now_ns() - begin, .operations = count, .extra = {}};
}

void release_held() {
    if (held == nullptr) return;
    held->gate.close();
    for (auto& handle : held->handles)
        static_cast<void>(handle.join());
    delete held;
    held = nullptr;
}

// Yields and messages among eight coroutines.
Measured busy_among_held(std::uint64_t count) {
    constexpr std::uint64_t kPairs = 4;
    auto [numbers, inbox] = cprime::make_channel<std::uint64_t>("numbers", 16);
    std::vector<cprime::JoinHandle<void>> handles;
    const std::uint64_t each = count / (2 * kPairs) + 1, begin = now_ns(), cpu_begin = process_cpu_ns();
    for (std::uint64_t pair = 0; pair < kPairs; ++pair) {
        handles.push_back(cprime::spawn("sender", [each, out = numbers] {
            for (std::uint64_t i = 0; i < each; ++i) {
                static_cast<void>(out.send(i));
                if (i % 4 == 0) cprime::yield();
            }
        }));
        handles.push_back(cprime::spawn("receiver", [each, in = inbox] {
            for (std::uint64_t i = 0; i < each; ++i)
                keep(in.receive());
        }));
    }
    for (auto& handle : handles)
        static_cast<void>(handle.join());
    Measured measured{.elapsed_ns = now_ns() - begin, .operations = each * 2 * kPairs, .extra = {}};
    measured.extra.emplace_back("cpu_ns", static_cast<double>(process_cpu_ns() - cpu_begin));
    return measured;
}

}  // namespace coroscope::bench::cprime_side
