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

// Mean of the middle half: a median that resolves more finely than the counter's step.
double middle_of(std::vector<std::uint32_t>& values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t quarter = values.size() / 4;
    std::uint64_t sum = 0;
    for (std::size_t i = quarter; i < values.size() - quarter; ++i)
        sum += values[i];
    return static_cast<double>(sum) / static_cast<double>(values.size() - 2 * quarter);
}

struct StampQuality {
    double cost_ticks = 0;  // of two stamps with nothing in between
    double step_ticks = 0;  // smallest difference that two of these intervals have: the counter advances in steps
};

StampQuality stamp_quality() {
    std::vector<std::uint32_t> ticks(10000);
    for (std::uint32_t& each : ticks) {
        const std::uint64_t begin = base::read_tsc_fenced();
        const std::uint64_t end = base::read_tsc_fenced();
        each = static_cast<std::uint32_t>(end - begin);
    }
    StampQuality quality;
    quality.cost_ticks = middle_of(ticks);  // leaves them sorted
    // A step that is no whole number of ticks shows as two values one tick apart: those are one.
    for (std::size_t i = 1; i < ticks.size(); ++i) {
        const std::uint32_t step = ticks[i] - ticks[i - 1];
        if (step > 1 && (quality.step_ticks == 0 || step < quality.step_ticks)) quality.step_ticks = step;
    }
    quality.step_ticks = std::max(quality.step_ticks, 1.0);
    return quality;
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
    const StampQuality quality = stamp_quality();
    return {.elapsed_ns = end_ns - begin_ns,
            .operations = operations,
            .extra = {{"p50_ticks", middle_of(stamps.ticks) - quality.cost_ticks},
                      {"stamp_cost_ticks", quality.cost_ticks},
                      {"resolution_ticks", quality.step_ticks}}};
}

}  // namespace coroscope::bench::cprime_side
