// See histogram_model.h.
#include "views/histogram_model.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

constexpr int kBarsPerOctave = 8;

HistogramPanel make_panel(std::string title, const inspect::HistogramImage& image) {
    HistogramPanel panel;
    panel.title = std::move(title);
    panel.samples = image.samples;
    panel.below_resolution = image.below_resolution;
    panel.resolution = image.resolution_ticks;
    panel.stamp_cost = image.stamp_cost_ticks;
    panel.sample_period = image.sample_period;
    panel.measured = image.samples != 0 || image.below_resolution != 0;
    if (!panel.measured) return panel;
    panel.p50 = image.quantile(0.5);
    panel.p90 = image.quantile(0.9);
    panel.p99 = image.quantile(0.99);
    panel.p999 = image.quantile(0.999);
    panel.bars = make_bars(image.buckets, kBarsPerOctave);
    std::uint64_t above = 0;
    for (const std::uint64_t count : image.buckets)
        above += count;
    for (const HistogramBar& bar : panel.bars)
        panel.highest = std::max(panel.highest, bar.count);
    if (above != 0) panel.mean = static_cast<double>(image.sum) / static_cast<double>(above);
    return panel;
}

std::vector<HistogramPanel> panels_of(const inspect::StateImage& state, wire::HistogramKind kind) {
    std::vector<HistogramPanel> panels;
    inspect::HistogramImage all;
    all.kind = kind;
    for (const inspect::HistogramImage& image : state.histograms) {
        if (image.kind != kind) continue;
        const std::string title = image.worker == wire::kNone ? "outside"
                                                              : fmt::format("worker {}", image.worker);
        panels.push_back(make_panel(title, image));
        all.merge(image);
    }
    if (!panels.empty()) panels.insert(panels.begin(), make_panel("all workers", all));
    return panels;
}

nlohmann::json panel_json(const HistogramPanel& panel) {
    nlohmann::json bars = nlohmann::json::array();
    for (const HistogramBar& bar : panel.bars) {
        if (bar.count != 0) bars.push_back({bar.low, bar.high, bar.count});
    }
    const auto number = [](double value) {
        return value < 0 ? nlohmann::json(nullptr) : nlohmann::json(value);
    };
    return {{"title", panel.title},
            {"measured", panel.measured},
            {"samples", panel.samples},
            {"below_resolution", panel.below_resolution},
            {"resolution", panel.resolution},
            {"stamp_cost", panel.stamp_cost},
            {"sample_period", panel.sample_period},
            {"mean", number(panel.mean)},
            {"p50", number(panel.p50)},
            {"p90", number(panel.p90)},
            {"p99", number(panel.p99)},
            {"p999", number(panel.p999)},
            {"bars", std::move(bars)}};
}

}  // namespace

// Bar k covers [2^(k / per_octave), 2^((k + 1) / per_octave)); what is below 1 tick falls into bar 0.
std::vector<HistogramBar> make_bars(const std::vector<std::uint64_t>& buckets, int per_octave) {
    std::vector<double> counts;
    int first = -1;
    const auto place_of = [&](double value) { return std::log2(std::max(1.0, value)) * per_octave; };
    for (std::uint32_t b = 0; b < buckets.size() && b < wire::kHistogramBuckets; ++b) {
        if (buckets[b] == 0) continue;
        const auto low = static_cast<double>(wire::histogram_bucket_low(b));
        const double high = b + 1 < wire::kHistogramBuckets
                                ? static_cast<double>(wire::histogram_bucket_low(b + 1))
                                : low * 2;
        const double from = place_of(low), to = std::max(from + 1e-6, place_of(high));
        const int from_bar = static_cast<int>(std::floor(from)), to_bar = static_cast<int>(std::ceil(to));
        if (first < 0) first = from_bar;
        if (static_cast<std::size_t>(to_bar - first) > counts.size())
            counts.resize(static_cast<std::size_t>(to_bar - first), 0);
        for (int bar = from_bar; bar < to_bar; ++bar) {
            const double part = (std::min(to, bar + 1.0) - std::max(from, static_cast<double>(bar))) /
                                (to - from);
            counts[static_cast<std::size_t>(bar - first)] += part * static_cast<double>(buckets[b]);
        }
    }
    std::vector<HistogramBar> bars;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const double k = first + static_cast<double>(i);
        bars.push_back({std::exp2(k / per_octave), std::exp2((k + 1) / per_octave), counts[i]});
    }
    return bars;
}

std::vector<double> log_axis_ticks(double low, double high) {
    std::vector<double> ticks;
    if (!(low > 0) || !(high > low)) return ticks;
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high; decade *= 10) {
        for (const double step : {1.0, 2.0, 5.0}) {
            const double value = decade * step;
            if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push_back(value);
        }
    }
    return ticks;
}

std::string latency_rule(double low_ticks, double high_ticks, double ticks_per_ns) {
    if (!(ticks_per_ns > 0) || !(high_ticks > low_ticks)) return {};
    const double low = std::max(0.0, std::floor(low_ticks / ticks_per_ns)), high = std::ceil(high_ticks / ticks_per_ns);
    return fmt::format("resume and ready_ns >= {:.0f} and ready_ns < {:.0f}", low, high);
}

HistogramModel compute_histograms(const inspect::StateImage& state) {
    HistogramModel model;
    model.switches = panels_of(state, wire::HistogramKind::kSwitchTicks);
    model.wake_to_run = panels_of(state, wire::HistogramKind::kWakeToRunTicks);
    model.ticks_per_ns = state.clock.ticks_per_ns();
    return model;
}

nlohmann::json to_json(const HistogramModel& model) {
    nlohmann::json switches = nlohmann::json::array(), wake = nlohmann::json::array();
    for (const HistogramPanel& panel : model.switches)
        switches.push_back(panel_json(panel));
    for (const HistogramPanel& panel : model.wake_to_run)
        wake.push_back(panel_json(panel));
    return {{"unit", "ticks"},
            {"ticks_per_ns", model.ticks_per_ns},
            {"switch", std::move(switches)},
            {"wake_to_run", std::move(wake)}};
}

}  // namespace coroscope::views
