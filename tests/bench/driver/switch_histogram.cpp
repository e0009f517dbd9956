// Reads the histogram from the segment before and after each measurement, so that rounds do not mix. What is compared with
// what, and why it may differ a little: switch_histogram.h.
#include "driver/switch_histogram.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "instrumentation/inspect/target.h"

namespace coroscope::bench {
namespace {

constexpr std::uint64_t kYields = 400'000;  // a measurement
constexpr unsigned kRoundsMax = 5;          // a generation; p50s hardly differ between them
constexpr std::uint32_t kEverySwitch = 1;
constexpr std::uint32_t kDefaultPeriod = 0;

// Histogram of the first worker's switches as it stands now.
base::Result<inspect::HistogramImage> read_histogram(inspect::Target& target) {
    base::Result<inspect::StateImage> state = target.read_state();
    if (!state.ok()) return state.error();
    for (const inspect::HistogramImage& histogram : state->histograms) {
        if (histogram.kind == wire::HistogramKind::kSwitchTicks) return histogram;
    }
    inspect::HistogramImage none;  // nothing was measured yet
    none.buckets.resize(wire::kHistogramBuckets);
    return none;
}

// What `after` has more than `before`.
inspect::HistogramImage gained(inspect::HistogramImage after, const inspect::HistogramImage& before) {
    after.samples -= before.samples;
    after.below_resolution -= before.below_resolution;
    after.sum -= before.sum;
    for (std::size_t i = 0; i < after.buckets.size() && i < before.buckets.size(); ++i) {
        after.buckets[i] -= before.buckets[i];
    }
    return after;
}

// Runs yields while every `period`th switch is stamped, and returns what the histogram gained.
base::Result<inspect::HistogramImage> profiled_yields(RunnerProcess& process, inspect::Target& target,
                                                      std::uint32_t period) {
    base::Result<inspect::HistogramImage> before = read_histogram(target);
    if (!before.ok()) return before.error();
    base::Status listening = target.listen(wire::kProfileSwitches, wire::RingMode::kDropAndCount, period);
    if (!listening.ok()) return listening.error();
    base::Result<Answer> answer = process.run("yield_2", kYields);
    if (!answer.ok()) return answer.error();
    listening = target.listen(0, wire::RingMode::kOff);
    if (!listening.ok()) return listening.error();
    base::Result<inspect::HistogramImage> after = read_histogram(target);
    if (!after.ok()) return after.error();
    inspect::HistogramImage sampled = gained(std::move(after).value(), *before);
    if (sampled.samples == 0) {
        return base::error(
            base::ErrorCode::kUnreadable,
            "the histogram gained no sample while switches were profiled; is the runtime built with probes?");
    }
    return sampled;
}

struct Rounds {
    std::vector<double> histogram, bench, histogram_default_period;
    Figures ours, peer;
};

base::Status one_round(RunnerProcess& process, inspect::Target& target, Rounds& rounds) {
    base::Result<inspect::HistogramImage> every = profiled_yields(process, target, kEverySwitch);
    if (!every.ok()) return every.error();
    base::Result<Answer> stamped = process.run("stamped_yield_2", kYields);
    if (!stamped.ok()) return stamped.error();
    base::Result<inspect::HistogramImage> sampled = profiled_yields(process, target, kDefaultPeriod);
    if (!sampled.ok()) return sampled.error();
    base::Result<Answer> plain = process.run("yield_2", kYields);
    if (!plain.ok()) return plain.error();

    const double half_bucket = every->quantile(0.5) / (2 * wire::kHistogramSubBuckets);
    rounds.histogram.push_back(every->quantile(0.5));
    rounds.histogram_default_period.push_back(sampled->quantile(0.5));
    rounds.bench.push_back(stamped->extra["p50_ticks"]);
    rounds.ours.extra = {{"samples", static_cast<double>(every->samples)},
                         {"below_resolution", static_cast<double>(every->below_resolution)},
                         {"stamp_cost_ticks", static_cast<double>(every->stamp_cost_ticks)},
                         {"resolution_ticks", std::max<double>(every->resolution_ticks, half_bucket)},
                         {"p50_default_period", median_of(rounds.histogram_default_period)},
                         {"samples_default_period", static_cast<double>(sampled->samples)}};
    rounds.peer.extra = {{"stamp_cost_ticks", stamped->extra["stamp_cost_ticks"]},
                         {"resolution_ticks", stamped->extra["resolution_ticks"]},
                         {"yield_ns_unstamped", plain->ns_per_operation()}};
    return base::ok_status();
}

}  // namespace

base::Result<RowResult> measure_switch_histogram(const Row& row, const Effort& effort) {
    const Series& series = row.series.front();
    Rounds rounds;
    for (unsigned generation = 0; generation < effort.generations; ++generation) {
        base::Result<RunnerProcess> process = RunnerProcess::start(program_folder() + "/" + series.runner,
                                                                   series.environment);
        if (!process.ok()) return process.error();
        auto target = inspect::Target::attach(static_cast<std::uint32_t>(process->pid()),
                                              {.role = wire::Role::kRecorder});
        if (!target.ok()) return target.error();
        for (unsigned round = 0; round < std::min(effort.rounds, kRoundsMax); ++round) {
            base::Status measured = one_round(*process, **target, rounds);
            if (!measured.ok()) return measured.error();
        }
        rounds.ours.version = process->version();
        rounds.peer.version = process->version();
    }
    rounds.ours.minimum = *std::min_element(rounds.histogram.begin(), rounds.histogram.end());
    rounds.ours.median = median_of(rounds.histogram);
    rounds.peer.minimum = *std::min_element(rounds.bench.begin(), rounds.bench.end());
    rounds.peer.median = median_of(rounds.bench);
    const double difference = rounds.ours.median - rounds.peer.median;
    const double resolution = 2 *
                              rounds.ours.extra["resolution_ticks"];  // the bench's stamps resolve no better
    rounds.ours.extra["difference_ticks"] = difference;
    rounds.ours.extra["agrees"] = std::abs(difference) <= resolution ? 1 : 0;
    return RowResult{&row, {rounds.ours, rounds.peer}};
}

}  // namespace coroscope::bench
