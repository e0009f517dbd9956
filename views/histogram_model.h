// Row model of the histograms, in TSC ticks on a logarithmic axis: what a context switch cost and how long who was woken waited for a worker, per
// worker and together; how long coroutines ran and were blocked at once, all together. Beside each the same of another run, in ticks of this one.
//
// Bars are counts of log-linear buckets (wire/histogram.h) summed into the bars of an axis with a fixed number of bars an octave, so
// that every bar is equally wide on the screen. What lies below resolution is counted apart and never drawn as zero; what was
// not measured says so.
//
// Pure functions; any thread. Tested in tests/unit/views/histogram_model_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/state_image.h"
#include "traces/analyses/run_compare.h"

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

// What is measured.
enum class Measured : std::uint8_t { kSwitch, kWakeToRun, kRunning, kBlocked };
inline constexpr std::size_t kMeasuredCount = 4;
inline constexpr std::array<const char*, kMeasuredCount> kMeasuredNames = {"switch", "wake_to_run", "running", "blocked"};
// The last two are added up from events of the past; the others are kept by the program or its viewer.
inline bool measured_in_past(Measured what) {
    return what == Measured::kRunning || what == Measured::kBlocked;
}

struct HistogramModel {
    // By Measured: [0] = all workers together, then one a worker. Of the past only the first. Empty: it is not kept, or was not read.
    std::array<std::vector<HistogramPanel>, kMeasuredCount> panels;
    double ticks_per_ns = 0;
    std::string other_name;                       // the file of the other run; "" = there is none
    std::shared_ptr<const HistogramModel> other;  // its panels, in ticks of this run's clock; nullptr = there is none

    const std::vector<HistogramPanel>& of(Measured what) const { return panels[static_cast<std::size_t>(what)]; }
    // The other run's panel of the same title; nullptr where it has none, or measured nothing there.
    const HistogramPanel* other_of(Measured what, std::string_view title) const;
};

// Lengths within [low, high) ticks as a rule about the events that they end with, of the blocked ones those that they begin with, in whole
// nanoseconds: what a range that is dragged filters by. "" where no event says them, or where ticks are not known to be so long.
std::string range_rule(Measured what, double low_ticks, double high_ticks, double ticks_per_ns);

// `run`: the past of the same program; `other`: the run that it is compared with; each nullptr where there is none.
HistogramModel compute_histograms(const inspect::StateImage& state, const analyses::Run* run = nullptr, const analyses::Run* other = nullptr);
nlohmann::json to_json(const HistogramModel& model);

// Bars of one histogram, `per_octave` of them a doubling, from the first to the last that is not empty. Values are taken times `scale`.
std::vector<HistogramBar> make_bars(const std::vector<std::uint64_t>& buckets, int per_octave, double scale = 1);
// Values for ticks on a logarithmic axis between low and high: 1, 2, 5, 10, 20 ...
std::vector<double> log_axis_ticks(double low, double high);
// Nanoseconds as an axis says them: "5 µs", where a measured value would be "5.00 µs".
std::string axis_duration(double ns);

}  // namespace coroscope::views
