// See run_compare.h.
#include "traces/analyses/run_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "instrumentation/wire/histogram.h"
#include "traces/analyses/profiler.h"
#include "traces/pool_words.h"
#include "traces/size_compare.h"
#include "traces/size_join.h"

namespace coroscope::analyses {
namespace {

constexpr int kBarsAnOctave = 8;
constexpr double kSameLength = 1.2, kSameClock = 1.001;  // as much as lengths and clocks may differ without a word

// Adds up distributions beside a profile, in one walk.
class RunTaker final : public SpanVisitor {
public:
    explicit RunTaker(const TraceWalk& walk) : profiler_(walk, ProfileOptions()) {}

    void event(const OrderedEvent& event) override { profiler_.event(event); }
    void began(const Life& life) override { profiler_.began(life); }
    void enter(const Life& life, const Span& span) override { profiler_.enter(life, span); }
    void leave(const Life& life, const Span& span) override {
        profiler_.leave(life, span);
        // What is cut off at the end, or began before the walk, is no length of anything.
        if (span.reaches_end || span.begin_ticks <= life.begin_ticks) return;
        if (span.activity == Activity::kRunning) slices_.add(span.end_ticks - span.begin_ticks);
        if (span.activity == Activity::kBlocked) blocked_.add(span.end_ticks - span.begin_ticks);
    }
    void ended(const Life& life, LifeEnd how, std::uint64_t ticks) override { profiler_.ended(life, how, ticks); }

    void finish(Profile& profile, Run& run) {
        profiler_.finish(profile);
        run.ticks[static_cast<std::size_t>(Distribution::kSlice)] = slices_;
        run.ticks[static_cast<std::size_t>(Distribution::kBlocked)] = blocked_;
        run.ticks[static_cast<std::size_t>(Distribution::kWake)] = profile.totals.wake_to_run;
        for (const SwitchCost& cost : profile.switches)
            run.ticks[static_cast<std::size_t>(Distribution::kSwitch)].merge(cost.ticks);
    }

private:
    Profiler profiler_;
    Latencies slices_, blocked_;
};

std::vector<RunPool> pools_of(const inspect::StateImage& state) {
    std::vector<RunPool> pools;
    for (const inspect::PoolImage& pool : state.pools) {
        pools.push_back({inspect::size_class_name(pool.size_class), traces::purpose_name(pool.purpose), pool.slots(),
                         std::max(pool.high_water_slots, pool.used()), pool.slot_bytes});
    }
    return pools;
}

// Bars of both sides over one grid.
std::vector<DistributionBar> bars_of(const Run& before, const Run& after, Distribution of) {
    std::map<int, std::array<double, 2>> sums;
    const auto take = [&](const Run& run, std::size_t side) {
        const Latencies& ticks = run.ticks[static_cast<std::size_t>(of)];
        if (ticks.samples() == 0 || run.ticks_per_ns <= 0) return;
        for (const auto& [bucket, count] : ticks.buckets()) {
            const double low = static_cast<double>(wire::histogram_bucket_low(bucket)),
                         high = bucket + 1 < wire::kHistogramBuckets ? static_cast<double>(wire::histogram_bucket_low(bucket + 1))
                                                                     : low + 1;
            const double ns = std::max(1.0, (low + high) / 2 / run.ticks_per_ns);
            sums[static_cast<int>(std::floor(std::log2(ns) * kBarsAnOctave))][side] += static_cast<double>(count) /
                                                                                       static_cast<double>(ticks.samples());
        }
    };
    take(before, 0);
    take(after, 1);
    std::vector<DistributionBar> bars;
    if (sums.empty()) return bars;
    for (int at = sums.begin()->first; at <= sums.rbegin()->first; ++at) {
        DistributionBar bar{std::exp2(static_cast<double>(at) / kBarsAnOctave),
                            std::exp2(static_cast<double>(at + 1) / kBarsAnOctave)};
        if (const auto found = sums.find(at); found != sums.end()) {
            bar.before = found->second[0];
            bar.after = found->second[1];
        }
        bars.push_back(bar);
    }
    return bars;
}

DistributionSide side_of(const Run& run, Distribution of) {
    const Latencies& ticks = run.ticks[static_cast<std::size_t>(of)];
    DistributionSide side;
    side.samples = ticks.samples();
    if (side.samples == 0 || run.ticks_per_ns <= 0) return side;
    const auto ns = [&](double q) { return ticks.quantile(q) / run.ticks_per_ns; };
    side.p50_ns = ns(0.5);
    side.p90_ns = ns(0.9);
    side.p99_ns = ns(0.99);
    side.p999_ns = ns(0.999);
    return side;
}

// Sites of both sides by the row that they are in of a size table over both.
class SiteMatcher {
public:
    SiteMatcher(const Run& before, const Run& after) {
        traces::SizeRows both = before.sizes;
        both.merge(after.sizes);
        joined_ = both.joined();
        take(before, &SiteChange::before);
        take(after, &SiteChange::after);
        take_memory(traces::compare_sizes(before.sizes, after.sizes));
    }

    std::vector<SiteChange> take_all() {
        std::array<double, 3> all{};  // changes of running time, blocked time, memory
        const auto changes = [](const SiteChange& change) {
            const auto difference = [](auto before, auto after) {
                return std::abs(static_cast<double>(after) - static_cast<double>(before));
            };
            return std::array<double, 3>{difference(change.before.running_ns, change.after.running_ns),
                                         difference(change.before.blocked_ns, change.after.blocked_ns),
                                         difference(change.before.resident_bytes, change.after.resident_bytes)};
        };
        std::vector<SiteChange> sites;
        for (auto& [name, change] : changes_) {
            const auto one = changes(change);
            for (std::size_t i = 0; i < all.size(); ++i)
                all[i] += one[i];
            sites.push_back(std::move(change));
        }
        for (SiteChange& change : sites) {
            const auto one = changes(change);
            for (std::size_t i = 0; i < all.size(); ++i)
                if (all[i] > 0) change.moved = std::max(change.moved, one[i] / all[i]);
        }
        std::stable_sort(sites.begin(), sites.end(), [](const SiteChange& a, const SiteChange& b) { return a.moved > b.moved; });
        return sites;
    }

private:
    void take(const Run& run, SiteSide SiteChange::*side) {
        for (const RunSite& row : run.sites) {
            const auto place = joined_.row_of.find({run.build, row.site});
            const std::string name = place == joined_.row_of.end() ? row.site : place->second;
            SiteChange& change = changes_[name];
            change.site = name;
            if (!row.name.empty()) change.name = row.name;
            if (name != row.site) change.moved_from = row.site;
            SiteSide& one = change.*side;
            one.ran = true;
            one.coroutines += row.coroutines;
            one.running_ns += row.running_ns;
            one.blocked_ns += row.blocked_ns;
        }
    }
    void take_memory(const traces::SizeComparison& sizes) {
        for (const traces::SizeChange& size : sizes.sites) {
            const auto found = changes_.find(size.site);
            if (found == changes_.end()) continue;
            const auto add = [](SiteSide& side, const traces::SizeSide& from) {
                side.peak_coroutines += from.peak_coroutines;
                side.resident_bytes += from.resident_bytes;
            };
            add(found->second.before, size.before);
            add(found->second.after, size.after);
        }
    }

    traces::JoinedSizes joined_;
    std::map<std::string, SiteChange> changes_;
};

std::string seconds(std::int64_t ns) {
    return fmt::format("{:.3g} s", static_cast<double>(ns) * 1e-9);
}

// How many times one is the other; 1 where either is not known.
double apart(double a, double b) {
    return a <= 0 || b <= 0 ? 1.0 : std::max(a / b, b / a);
}

std::vector<std::string> notes_of(const Run& before, const Run& after) {
    std::vector<std::string> notes;
    if (before.program != after.program)
        notes.push_back(fmt::format("the runs are of two programs, {} and {}: sites match only where their files and lines do",
                                    before.program, after.program));
    else if (before.build.build_id != after.build.build_id)
        notes.push_back("the runs are of two builds of the program: sites are matched by function where their lines have moved");
    if (apart(before.ticks_per_ns, after.ticks_per_ns) > kSameClock)
        notes.push_back(
            fmt::format("the clocks tick {:.3g} and {:.3g} times a nanosecond: the runs were made on different machines, and "
                        "times differ for that too",
                        before.ticks_per_ns, after.ticks_per_ns));
    if (apart(static_cast<double>(before.duration_ns), static_cast<double>(after.duration_ns)) > kSameLength)
        notes.push_back(
            fmt::format("the runs last {} and {}: counts and sums differ for that; compare rates, shares and percentiles",
                        seconds(before.duration_ns), seconds(after.duration_ns)));
    if (before.workers != after.workers)
        notes.push_back(
            fmt::format("the runs have {} and {} workers: waits for a worker differ for that", before.workers, after.workers));
    for (const Run* run : {&before, &after}) {
        if (run->losses != 0)
            notes.push_back(fmt::format("{} lacks events in {} {}: what happened there is not counted", run->path, run->losses,
                                        run->losses == 1 ? "place" : "places"));
    }
    return notes;
}

std::vector<TotalChange> totals_of(const Run& before, const Run& after) {
    std::vector<TotalChange> totals;
    const auto add = [&](const char* name, const char* unit, auto&& of) {
        totals.push_back({name, unit, of(before), of(after)});
    };
    const auto rate = [](const Run& run, std::uint64_t count) {
        return run.duration_ns <= 0 ? 0 : static_cast<double>(count) * 1e9 / static_cast<double>(run.duration_ns);
    };
    const auto number = [](auto value) { return static_cast<double>(value); };
    add("duration", "ns", [&](const Run& run) { return number(run.duration_ns); });
    add("workers", "", [&](const Run& run) { return number(run.workers); });
    add("events", "", [&](const Run& run) { return number(run.events); });
    add("spawned", "", [&](const Run& run) { return number(run.spawned); });
    add("exited", "", [&](const Run& run) { return number(run.exited); });
    add("runs", "", [&](const Run& run) { return number(run.runs); });
    add("runs a second", "1/s", [&](const Run& run) { return rate(run, run.runs); });
    add("spawned a second", "1/s", [&](const Run& run) { return rate(run, run.spawned); });
    add("running", "ns", [&](const Run& run) { return number(run.running_ns); });
    add("use of workers", "share", [&](const Run& run) {
        const double room = number(run.duration_ns) * number(run.workers);
        return room <= 0 ? 0 : number(run.running_ns) / room;
    });
    add("ready", "ns", [&](const Run& run) { return number(run.ready_ns); });
    add("blocked", "ns", [&](const Run& run) { return number(run.blocked_ns); });
    return totals;
}

std::vector<PoolChange> pools_between(const Run& before, const Run& after) {
    std::vector<PoolChange> pools;
    const auto take = [&](const Run& run, bool is_after) {
        for (const RunPool& pool : run.pools) {
            auto row = std::find_if(pools.begin(), pools.end(), [&](const PoolChange& other) {
                return other.size_class == pool.size_class && other.purpose == pool.purpose;
            });
            if (row == pools.end()) row = pools.insert(pools.end(), PoolChange{pool.size_class, pool.purpose});
            (is_after ? row->slots_after : row->slots_before) += pool.slots;
            (is_after ? row->high_water_after : row->high_water_before) += pool.high_water_slots;
            (is_after ? row->bytes_after : row->bytes_before) += pool.high_water_slots * pool.slot_bytes;
        }
    };
    take(before, false);
    take(after, true);
    return pools;
}

}  // namespace

double ratio_of(double before, double after) {
    return before > 0 && after > 0 ? after / before : 0;
}

base::Result<std::shared_ptr<const Run>> take_run(const std::string& path, traces::Search& search) {
    auto reader = traces::TraceReader::open(path);
    if (!reader) return reader.error();
    return take_run(std::shared_ptr<const traces::TraceReader>(std::move(*reader)), search);
}

base::Result<std::shared_ptr<const Run>> take_run(const std::shared_ptr<const traces::TraceReader>& reader,
                                                  traces::Search& search) {
    auto walk = TraceWalk::make(reader);
    if (!walk) return walk.error();
    auto run = std::make_shared<Run>();
    Profile profile;
    RunTaker taker(**walk);
    const WalkCounts counts = (*walk)->run(taker, &search);
    taker.finish(profile, *run);
    if (search.wanted()) {
        if (auto status = run->sizes.add_trace(*reader, &search); !status) return status.error();
    }
    run->path = reader->path();
    run->program = reader->meta().program.substr(reader->meta().program.rfind('/') + 1);
    if (!run->sizes.builds().empty()) run->build = run->sizes.builds().begin()->first;
    run->ticks_per_ns = reader->meta().clock.ticks_per_ns();
    const auto ns = [&](std::uint64_t ticks) { return (*walk)->duration_ns(ticks); };
    run->duration_ns = ns((*walk)->end_ticks() - (*walk)->begin_ticks());
    for (const inspect::WorkerImage& worker : (*walk)->end().state.workers)
        run->workers += worker.state != wire::WorkerState::kAbsent ? 1 : 0;
    run->events = counts.events;
    run->losses = counts.losses.size();
    run->spawned = profile.spawned;
    run->exited = profile.exited;
    run->runs = profile.totals.runs;
    run->suspends = profile.totals.suspends;
    run->running_ns = ns(profile.totals.of(Activity::kRunning));
    run->ready_ns = ns(profile.totals.of(Activity::kReady));
    run->blocked_ns = ns(profile.totals.of(Activity::kBlocked));
    for (const ProfileRow& row : profile.rows) {
        run->sites.push_back({row.label, row.name, row.coroutines, row.alive, ns(row.times.of(Activity::kRunning)),
                              ns(row.times.of(Activity::kReady)), ns(row.times.of(Activity::kBlocked))});
    }
    run->pools = pools_of((*walk)->end().state);
    run->histograms = (*walk)->end().state.histograms;
    return std::shared_ptr<const Run>(std::move(run));
}

RunComparison compare_runs(const Run& before, const Run& after) {
    RunComparison comparison;
    comparison.before = before.path;
    comparison.after = after.path;
    comparison.notes = notes_of(before, after);
    comparison.same_length = apart(static_cast<double>(before.duration_ns), static_cast<double>(after.duration_ns)) <= kSameLength;
    comparison.totals = totals_of(before, after);
    for (std::size_t i = 0; i < kDistributionsCount; ++i) {
        const auto of = static_cast<Distribution>(i);
        comparison.distributions.push_back({of, side_of(before, of), side_of(after, of), bars_of(before, after, of)});
    }
    comparison.sites = SiteMatcher(before, after).take_all();
    comparison.pools = pools_between(before, after);
    return comparison;
}

}  // namespace coroscope::analyses
