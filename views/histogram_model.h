// Row model of the histograms: what a context switch cost, per worker and together, in TSC ticks on a logarithmic axis.
//
// Bars are counts of log-linear buckets (wire/histogram.h) summed into the bars of an axis with a fixed number of bars an octave, so
// that every bar is equally wide on the screen. What lies below resolution is counted apart and never drawn as zero; what was
// not measured says so.
//
// Pure functions; any thread. Tested in tests/unit/views/histogram_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::views {

struct HistogramBar {
    double low = 0, high = 0;  // ticks: low <= value < high
    double count = 0;  // samples; a bucket that reaches over an edge is shared out by the length on either side
};

struct HistogramPanel {
    std::string title;          // "worker 0", "all workers"
    bool measured = false;      // somebody listened and at least one sample fell
    std::uint64_t samples = 0;  // with those below resolution
    std::uint64_t below_resolution = 0;
    double resolution = 0;  // ticks
    double stamp_cost = 0;  // ticks, subtracted from every sample
    std::uint32_t sample_period = 0;
    double mean = -1;                                // of the samples above resolution
    double p50 = -1, p90 = -1, p99 = -1, p999 = -1;  // ticks; -1 = no sample
    std::vector<HistogramBar> bars;                  // first to last that holds something
    double highest = 0;                              // count of the tallest bar
};

struct HistogramModel {
    std::vector<HistogramPanel> switches;  // [0] = all workers together, then one a worker
    std::vector<HistogramPanel>
        wake_to_run;  // the same for the time from wake to run; empty when the target does not keep it
    double ticks_per_ns = 0;
};

// Latencies from wake-up to run within [low, high) ticks as a rule about events, in whole nanoseconds: what a range that is dragged filters by.
// "" where ticks are not known to be so long.
std::string latency_rule(double low_ticks, double high_ticks, double ticks_per_ns);

HistogramModel compute_histograms(const inspect::StateImage& state);
nlohmann::json to_json(const HistogramModel& model);

// Bars of one histogram, `per_octave` of them a doubling, from the first to the last that is not empty.
std::vector<HistogramBar> make_bars(const std::vector<std::uint64_t>& buckets, int per_octave);
// Values for ticks on a logarithmic axis between low and high: 1, 2, 5, 10, 20 ...
std::vector<double> log_axis_ticks(double low, double high);

}  // namespace coroscope::views
