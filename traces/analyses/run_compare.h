// Two recorded runs held against each other: distributions, spawn sites, pools and totals. `coroscope diff` and the Compare view.
//
// A side is taken by two walks through its trace (take_run()); holding two sides together (compare_runs()) is cheap. Sites are matched as in a size
// table (traces/size_join.h), so that one that moved between two builds is one row. What makes figures of the two not comparable is said in
// sentences: another clock, another length, another number of workers, another program, losses.
//
// Distributions are of nanoseconds, in one grid of eight bars a doubling, as shares of each side's samples, so that runs of different lengths can be
// laid over each other.
//
//   switch   from one coroutine leaving a worker to the next one running there, without sleep in between
//   slice    from a resume to the suspend or exit that ends it
//   wake     from becoming ready by a wake-up to running
//   blocked  from parking to becoming ready
//
// Thread: pure functions; any. take_run() blocks: it reads the trace twice, some 150 ns an event, and ends early when the search is not wanted any
// more. Tested in tests/unit/analyses/run_compare_test.cpp and tests/e2e/past_views_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/analyses/profile.h"
#include "traces/search.h"
#include "traces/size_rows.h"

namespace coroscope::analyses {

enum class Distribution : std::uint8_t { kSwitch, kSlice, kWake, kBlocked };
inline constexpr std::size_t kDistributionsCount = 4;
inline constexpr std::array<const char*, kDistributionsCount> kDistributionNames = {"switch", "slice", "wake", "blocked"};

struct RunSite {
    std::string site, name;
    std::uint64_t coroutines = 0, alive = 0;
    std::int64_t running_ns = 0, ready_ns = 0, blocked_ns = 0;
};
struct RunPool {
    std::string size_class, purpose;
    std::uint64_t slots = 0, high_water_slots = 0, slot_bytes = 0;
};
// What is taken of one run.
struct Run {
    std::string path, program;
    traces::SizeBuild build;
    double ticks_per_ns = 0;
    std::int64_t duration_ns = 0;
    std::uint64_t workers = 0, events = 0, losses = 0;  // losses: intervals
    std::uint64_t spawned = 0, exited = 0, runs = 0, suspends = 0;
    std::int64_t running_ns = 0, ready_ns = 0, blocked_ns = 0;
    std::array<Latencies, kDistributionsCount> ticks;  // by Distribution
    std::vector<RunSite> sites;
    std::vector<RunPool> pools;
    std::vector<inspect::HistogramImage> histograms;  // that the program kept itself, as of its end
    traces::SizeRows sizes;
};
// Errors: those of opening the trace.
base::Result<std::shared_ptr<const Run>> take_run(const std::shared_ptr<const traces::TraceReader>& reader,
                                                  traces::Search& search);
base::Result<std::shared_ptr<const Run>> take_run(const std::string& path, traces::Search& search);

struct DistributionSide {
    std::uint64_t samples = 0;
    double p50_ns = -1, p90_ns = -1, p99_ns = -1, p999_ns = -1;  // -1 = nothing was measured
};
struct DistributionBar {
    double low_ns = 0, high_ns = 0;
    double before = 0, after = 0;  // share of the side's samples
};
struct DistributionChange {
    Distribution of = Distribution::kSwitch;
    DistributionSide before, after;
    std::vector<DistributionBar> bars;  // ascending, without gaps
};
struct SiteSide {
    bool ran = false;
    std::uint64_t coroutines = 0, peak_coroutines = 0;
    std::int64_t running_ns = 0, blocked_ns = 0;
    std::uint64_t resident_bytes = 0;  // of its stacks, as many as lived at once
};
struct SiteChange {
    std::string site, name;  // as the newer build has it
    std::string moved_from;  // where the other run has it; "" = in the same place
    SiteSide before, after;
    double moved = 0;  // how much it changed, by which sites are sorted: 0 = not at all, 1 = as much as all of them do together
};
struct PoolChange {
    std::string size_class, purpose;
    std::uint64_t slots_before = 0, slots_after = 0, high_water_before = 0, high_water_after = 0;
    std::uint64_t bytes_before = 0, bytes_after = 0;  // of all slots that were used at once
};
struct TotalChange {
    std::string name, unit;  // unit: "ns", "bytes", "1/s", "share", "" = a count
    double before = 0, after = 0;
};
struct RunComparison {
    std::string before, after;       // paths
    std::vector<std::string> notes;  // why figures may not be held against each other, one sentence each
    bool same_length = true;         // sums can be held against each other
    std::vector<TotalChange> totals;
    std::vector<DistributionChange> distributions;
    std::vector<SiteChange> sites;  // what changed most first
    std::vector<PoolChange> pools;
};
RunComparison compare_runs(const Run& before, const Run& after);

// after / before; 0 when one of them is not known or nothing.
double ratio_of(double before, double after);

nlohmann::json to_json(const RunComparison& comparison);
std::string to_text(const RunComparison& comparison);

}  // namespace coroscope::analyses
