// What a program says itself, and slices of a microsecond: what recording costs those who do more than switch.
#include <cprime/cprime.h>

#include <vector>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

// About a microsecond of a processor's time at any clock from two to five gigahertz: a chain of multiplications, three cycles each.
constexpr int kLinks = 1000;

std::uint64_t compute(std::uint64_t value) {
    for (int i = 0; i < kLinks; ++i)
        value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    return value;
}

}  // namespace

// Two events each.
Measured zones(std::uint64_t count) {
    const std::uint64_t begin = now_ns();
    for (std::uint64_t n = 0; n < count; n += 2) {
        CPRIME_ZONE("zone");
    }
    return {.elapsed_ns = now_ns() - begin, .operations = (count + 1) / 2 * 2, .extra = {}};
}

// By the program's own processor time: what it loses, not what others take from it. Spawning, which paints stacks, is not in it.
Measured slices_1us(std::uint64_t count) {
    constexpr std::uint64_t kCoroutines = 100;
    const std::uint64_t each = count / kCoroutines + 1;
    std::uint64_t begin = 0, end = 0;
    std::vector<cprime::JoinHandle<void>> handles;
    for (std::uint64_t i = 0; i < kCoroutines; ++i) {
        handles.push_back(cprime::spawn("slices", [each, i, &begin, &end] {
            cprime::yield();  // everybody has started when the clock does
            if (begin == 0) begin = process_cpu_ns();
            std::uint64_t value = i;
            for (std::uint64_t n = 0; n < each; ++n) {
                value = compute(value);
                keep(value);
                cprime::yield();
            }
            if (end == 0) end = process_cpu_ns();
        }));
    }
    for (auto& handle : handles)
        static_cast<void>(handle.join());
    return {.elapsed_ns = end - begin, .operations = each * kCoroutines, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
