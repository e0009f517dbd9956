// Counting measured switches, and what measuring costs.
#include "runtime/scheduler/switch_histogram.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kDefaultPeriod = 64;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void count_sample(wire::HistogramRecord& histogram, std::uint64_t ticks) {
    add(histogram.samples, 1);
    const std::uint64_t cost = histogram.stamp_cost_ticks.load(std::memory_order_relaxed);
    if (ticks <= cost) {
        add(histogram.below_resolution, 1);
        return;
    }
    add(histogram.sum, ticks - cost);
    add(histogram.buckets[wire::histogram_bucket(ticks - cost)], 1);
}

}  // namespace

void calibrate_stamps(Worker& worker) {
    std::array<std::uint64_t, 1024> pairs;
    for (std::uint64_t& pair : pairs)
        pair = cprime_stamp_pair(&worker);
    std::sort(pairs.begin(), pairs.end());
    // What a stamp pair costs between other work: the mean of the middle half, because counters that step by many ticks (virtual
    // machines: 24 and more) make the median jump. Neither a step nor how far that half spreads can be told from nothing.
    const auto first = pairs.begin() + pairs.size() / 4, last = pairs.begin() + pairs.size() * 3 / 4;
    const std::uint64_t cost = std::accumulate(first, last, std::uint64_t{0}) /
                               static_cast<std::uint64_t>(last - first);
    std::uint64_t resolution = std::max<std::uint64_t>(*last - *first, 1);
    const auto next = std::upper_bound(first, pairs.end(), *first);
    if (next != pairs.end()) resolution = std::max(resolution, *next - *first);
    worker.histogram->stamp_cost_ticks.store(static_cast<std::uint32_t>(cost), std::memory_order_relaxed);
    worker.histogram->resolution_ticks.store(static_cast<std::uint32_t>(resolution),
                                             std::memory_order_relaxed);
    worker.stamp_in = worker.stamp_out = 0;
}

void note_measured_switch(Worker& worker) {
    if (worker.sampling == 2) {
        worker.sample_pending = true;
        return;
    }
    if (worker.sampling == 1) return;  // armed: the next call is measured
    if (worker.sample_pending) {
        worker.sample_pending = false;
        count_sample(*worker.histogram, worker.stamp_out - worker.stamp_in);
    }
    if (--worker.sample_countdown != 0) return;
    std::uint32_t period = emit::g_listen.sample_period.load(std::memory_order_relaxed);
    if (period == 0) period = kDefaultPeriod;
    // Two resumes of each period are the arming one and the measured one.
    worker.sample_countdown = period > 2 ? period - 1 : 1;
    worker.histogram->sample_period.store(std::max(period, 2U), std::memory_order_relaxed);
    worker.sampling = 1;
}

}  // namespace cprime::detail
