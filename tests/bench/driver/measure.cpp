// How a row becomes figures: start, calibrate, ask in turn, keep minimum and median. The reasons stand in measure.h.
#include "driver/measure.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "driver/looks.h"
#include "driver/switch_histogram.h"
#include "driver/trace_rows.h"
#include "driver/watcher.h"

namespace coroscope::bench {
namespace {

// A process under measurement and, where the series asks for one, whoever watches it.
struct Subject {
    RunnerProcess process;
    std::unique_ptr<Watcher> watcher;
    std::uint64_t count = 0;
};

base::Result<Subject> start(const Series& series) {
    base::Result<RunnerProcess> process = RunnerProcess::start(program_folder() + "/" + series.runner,
                                                               series.environment);
    if (!process.ok()) return process.error();
    Subject subject{std::move(process).value(), nullptr, 0};
    if (series.watch != Watch::kNobody) {
        base::Result<std::unique_ptr<Watcher>> watcher = Watcher::attach(subject.process.pid(), series.watch);
        if (!watcher.ok()) return watcher.error();
        subject.watcher = std::move(watcher).value();
    }
    return base::Result<Subject>(std::move(subject));
}

// One measurement; the watcher works only meanwhile, so that it costs the other series nothing.
base::Result<Answer> ask(Subject& subject, const std::string& workload, std::uint64_t count) {
    if (subject.watcher == nullptr) return subject.process.run(workload, count);
    subject.watcher->work();
    base::Result<Answer> answer = subject.process.run(workload, count);
    const Watcher::Tally tally = subject.watcher->rest();
    if (answer.ok()) {
        answer->extra["events"] = static_cast<double>(tally.events);
        answer->extra["lost"] = static_cast<double>(tally.lost);
    }
    return answer;
}

// Finds how many operations take `batch_ns`, warming the process up meanwhile.
base::Status calibrate(Subject& subject, const std::string& workload, double batch_ns) {
    constexpr std::uint64_t kCountFirst = 2000;
    std::uint64_t count = kCountFirst;
    for (;;) {
        base::Result<Answer> answer = ask(subject, workload, count);
        if (!answer.ok()) return answer.error();
        const double elapsed_ns = std::max(answer->elapsed_ns, 1000.0);
        if (elapsed_ns >= batch_ns / 2) {
            subject.count = std::max<std::uint64_t>(
                1, static_cast<std::uint64_t>(answer->operations * batch_ns / elapsed_ns));
            return base::ok_status();
        }
        // At most tenfold: the first, cold measurement says little about a warm one.
        count = static_cast<std::uint64_t>(answer->operations * std::min(10.0, 1.1 * batch_ns / elapsed_ns)) +
                1;
    }
}

struct Samples {
    std::vector<double> values;
    Figures best;

    void add(double value, const Answer& answer) {
        if (values.empty() || value < best.minimum) {
            best.minimum = value;
            best.extra = answer.extra;
        }
        values.push_back(value);
    }
};

RowResult summary(const Row& row, std::vector<Samples>& samples) {
    RowResult result{&row, {}};
    for (Samples& of_series : samples) {
        of_series.best.median = median_of(of_series.values);
        result.series.push_back(of_series.best);
    }
    return result;
}

base::Result<RowResult> measure_time(const Row& row, const Effort& effort) {
    std::vector<Samples> samples(row.series.size());
    for (unsigned generation = 0; generation < effort.generations; ++generation) {
        std::vector<Subject> subjects;
        for (const Series& series : row.series) {
            base::Result<Subject> subject = start(series);
            if (!subject.ok()) return subject.error();
            subjects.push_back(std::move(subject).value());
            base::Status calibrated = calibrate(subjects.back(), series.workload, effort.batch_ns);
            if (!calibrated.ok()) return calibrated.error();
            samples[subjects.size() - 1].best.version = subjects.back().process.version();
        }
        for (unsigned round = 0; round < effort.rounds; ++round) {
            for (std::size_t turn = 0; turn < subjects.size(); ++turn) {
                const std::size_t i = (turn + round) % subjects.size();
                base::Result<Answer> answer = ask(subjects[i], row.series[i].workload, subjects[i].count);
                if (!answer.ok()) return answer.error();
                samples[i].add(answer->ns_per_operation(), *answer);
            }
        }
    }
    return summary(row, samples);
}

// A new process each round: what coroutines add to an empty one, or how long the first ones take, each or together.
base::Result<RowResult> measure_fresh(const Row& row, const Effort& effort) {
    const auto count = std::max<std::uint64_t>(
        1000, static_cast<std::uint64_t>(static_cast<double>(row.count) * effort.bytes_scale));
    std::vector<Samples> samples(row.series.size());
    const unsigned rounds = row.measure == Measure::kWhole ? effort.whole_rounds : effort.memory_rounds;
    for (unsigned round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < row.series.size(); ++i) {
            base::Result<Subject> subject = start(row.series[i]);
            if (!subject.ok()) return subject.error();
            base::Result<Answer> answer = subject->process.run(row.series[i].workload, count);
            if (!answer.ok()) return answer.error();
            answer->extra["coroutines"] = answer->operations;
            double value = answer->ns_per_operation();
            if (row.measure == Measure::kWhole) value = answer->elapsed_ns / 1e6;
            if (row.measure == Measure::kBytes) {
                value = answer->extra["bytes"];
                answer->extra.erase("bytes");
            }
            samples[i].add(value, *answer);
            samples[i].best.version = subject->process.version();
        }
    }
    return summary(row, samples);
}

}  // namespace

double median_of(std::vector<double> values) {
    const std::size_t half = values.size() / 2;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), values.end());
    const double upper = values[half];
    if (values.size() % 2 == 1) return upper;
    return (upper + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) / 2;
}

base::Result<RowResult> measure_row(const Row& row, const Effort& effort) {
    switch (row.measure) {
        case Measure::kTime:
            return measure_time(row, effort);
        case Measure::kBytes:
        case Measure::kCold:
        case Measure::kWhole:
            return measure_fresh(row, effort);
        case Measure::kSwitchHistogram:
            return measure_switch_histogram(row, effort);
        case Measure::kUnwind:
            return measure_unwind(row, effort);
        case Measure::kStacks:
            return measure_stacks(row, effort);
        case Measure::kWatched:
            return measure_watched(row, effort);
        case Measure::kTraceLog:
            return measure_trace_log(row, effort);
        case Measure::kTraceWrite:
            return measure_trace_write(row, effort);
        case Measure::kTraceScan:
            return measure_trace_scan(row, effort);
        case Measure::kTraceOpen:
            return measure_trace_open(row, effort);
    }
    return base::error(base::ErrorCode::kInternal, "the row " + row.name + " has no way of being measured");
}

}  // namespace coroscope::bench
