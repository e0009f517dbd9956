// Two coroutines that yield to each other with fenced stamps of the bench's own around each switch: the last thing before yield() in
// one, the first thing after it in the other. For the row that checks the runtime's histogram.
#include <cprime/cprime.h>

#include <algorithm>
#include <vector>

#include "cprime/workloads.h"
#include "instrumentation/base/tsc.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Stamps {
    std::uint64_t begin = 0;
    std::uint64_t each = 0;
    std::vector<std::uint32_t> ticks;
};

void stamping_yielder(Stamps& stamps) {
    for (std::uint64_t n = 0; n < stamps.each; ++n) {
        stamps.begin = base::read_tsc_fenced();
        cprime::yield();
        const std::uint64_t end = base::read_tsc_fenced();
        if (stamps.begin != 0)
            stamps.ticks.push_back(
                static_cast<std::uint32_t>(std::min<std::uint64_t>(end - stamps.begin, 1U << 30)));
    }
    stamps.begin = 0;  // whoever runs next was not switched to from a stamp
}

std::uint32_t middle(std::vector<std::uint32_t>& values) {
    if (values.empty()) return 0;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

// Two stamps with nothing in between.
std::uint32_t stamp_cost_ticks() {
    std::vector<std::uint32_t> ticks(10000);
    for (std::uint32_t& each : ticks) {
        const std::uint64_t begin = base::read_tsc_fenced();
        const std::uint64_t end = base::read_tsc_fenced();
        each = static_cast<std::uint32_t>(end - begin);
    }
    return middle(ticks);
}

}  // namespace

Measured stamped_yield_2(std::uint64_t count) {
    Stamps stamps;
    stamps.each = count / 2 + 1;
    stamps.ticks.reserve(2 * stamps.each);
    const std::uint64_t begin_ns = now_ns();
    auto first = cprime::spawn("stamping yielder", [&stamps] { stamping_yielder(stamps); });
    auto second = cprime::spawn("stamping yielder", [&stamps] { stamping_yielder(stamps); });
    first.join();
    second.join();
    const std::uint64_t end_ns = now_ns();
    const std::uint64_t operations = stamps.ticks.size();
    return {.elapsed_ns = end_ns - begin_ns,
            .operations = operations,
            .extra = {{"p50_ticks", static_cast<double>(middle(stamps.ticks))},
                      {"stamp_cost_ticks", static_cast<double>(stamp_cost_ticks())}}};
}

}  // namespace coroscope::bench::cprime_side
