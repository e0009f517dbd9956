// See histogram_model.h.
#include "views/histogram_model.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"

namespace coroscope::views {
namespace {

constexpr int kBarsPerOctave = 8;
constexpr double kSameClock = 1.001;  // clocks that differ by less are one

// `scale`: of its ticks, in those that are shown.
HistogramPanel make_panel(std::string title, const inspect::HistogramImage& image, double scale) {
    HistogramPanel panel;
    panel.title = std::move(title);
    panel.samples = image.samples;
    panel.below_resolution = image.below_resolution;
    panel.resolution = image.resolution_ticks * scale;
    panel.stamp_cost = image.stamp_cost_ticks * scale;
    panel.sample_period = image.sample_period;
    panel.measured = image.samples != 0 || image.below_resolution != 0;
    if (!panel.measured) return panel;
    panel.p50 = image.quantile(0.5) * scale;
    panel.p90 = image.quantile(0.9) * scale;
    panel.p99 = image.quantile(0.99) * scale;
    panel.p999 = image.quantile(0.999) * scale;
    panel.bars = make_bars(image.buckets, kBarsPerOctave, scale);
    std::uint64_t above = 0;
    for (const std::uint64_t count : image.buckets)
        above += count;
    for (const HistogramBar& bar : panel.bars)
        panel.highest = std::max(panel.highest, bar.count);
    if (above != 0) panel.mean = scale * static_cast<double>(image.sum) / static_cast<double>(above);
    return panel;
}

std::vector<HistogramPanel> panels_of(const std::vector<inspect::HistogramImage>& histograms, wire::HistogramKind kind, double scale) {
    std::vector<HistogramPanel> panels;
    inspect::HistogramImage all;
    all.kind = kind;
    for (const inspect::HistogramImage& image : histograms) {
        if (image.kind != kind) continue;
        const std::string title = image.worker == wire::kNone ? "outside"
                                                              : fmt::format("worker {}", image.worker);
        panels.push_back(make_panel(title, image, scale));
        all.merge(image);
    }
    if (!panels.empty()) panels.insert(panels.begin(), make_panel("all workers", all, scale));
    return panels;
}

// What a walk through the past added up, as a histogram of the program would stand.
inspect::HistogramImage image_of(const analyses::Latencies& latencies) {
    inspect::HistogramImage image;
    image.samples = latencies.samples();
    image.sum = latencies.sum_ticks();
    image.buckets.resize(wire::kHistogramBuckets);
    for (const auto& [bucket, count] : latencies.buckets())
        if (bucket < image.buckets.size()) image.buckets[bucket] = count;
    return image;
}

HistogramModel model_of(const std::vector<inspect::HistogramImage>& histograms, const analyses::Run* run, double scale) {
    HistogramModel model;
    const auto panels = [&](Measured what) -> auto& {
        return model.panels[static_cast<std::size_t>(what)];
    };
    panels(Measured::kSwitch) = panels_of(histograms, wire::HistogramKind::kSwitchTicks, scale);
    panels(Measured::kWakeToRun) = panels_of(histograms, wire::HistogramKind::kWakeToRunTicks, scale);
    if (run == nullptr) return model;
    const auto past = [&](Measured what, analyses::Distribution of) {
        panels(what).push_back(make_panel("all workers", image_of(run->ticks[static_cast<std::size_t>(of)]), scale));
    };
    past(Measured::kRunning, analyses::Distribution::kSlice);
    past(Measured::kBlocked, analyses::Distribution::kBlocked);
    return model;
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

void add_panels(nlohmann::json& json, const HistogramModel& model) {
    for (std::size_t what = 0; what < kMeasuredCount; ++what) {
        nlohmann::json& list = json[kMeasuredNames[what]] = nlohmann::json::array();
        for (const HistogramPanel& panel : model.panels[what])
            list.push_back(panel_json(panel));
    }
}

}  // namespace

// Bar k covers [2^(k / per_octave), 2^((k + 1) / per_octave)); what is below 1 tick falls into bar 0.
std::vector<HistogramBar> make_bars(const std::vector<std::uint64_t>& buckets, int per_octave, double scale) {
    std::vector<double> counts;
    int first = -1;
    const auto place_of = [&](double value) { return std::log2(std::max(1.0, value * scale)) * per_octave; };
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

std::string axis_duration(double ns) {
    std::string text = format_duration(std::llround(ns));
    const std::size_t point = text.find('.'), space = text.find(' ');
    if (point == std::string::npos || space == std::string::npos || point > space) return text;
    const std::size_t last = text.find_last_not_of("0", space - 1), from = last == point ? point : last + 1;
    return text.erase(from, space - from);
}

std::string range_rule(Measured what, double low_ticks, double high_ticks, double ticks_per_ns) {
    if (!(ticks_per_ns > 0) || !(high_ticks > low_ticks)) return {};
    const double low = std::max(0.0, std::floor(low_ticks / ticks_per_ns)), high = std::ceil(high_ticks / ticks_per_ns);
    const auto rule = [&](const char* events, const char* field) {
        return fmt::format("{0} and {1} >= {2:.0f} and {1} < {3:.0f}", events, field, low, high);
    };
    switch (what) {
        case Measured::kSwitch:
            break;  // what a switch cost is in no event
        case Measured::kWakeToRun:
            return rule("resume", "ready_ns");
        case Measured::kRunning:
            return rule("(suspend or exit)", "run_ns");
        case Measured::kBlocked:
            return rule("suspend", "blocked_ns");
    }
    return {};
}

const HistogramPanel* HistogramModel::other_of(Measured what, std::string_view title) const {
    if (other == nullptr) return nullptr;
    for (const HistogramPanel& panel : other->of(what))
        if (panel.title == title) return panel.measured ? &panel : nullptr;
    return nullptr;
}

HistogramModel compute_histograms(const inspect::StateImage& state, const analyses::Run* run, const analyses::Run* other) {
    HistogramModel model = model_of(state.histograms, run, 1);
    model.ticks_per_ns = state.clock.ticks_per_ns();
    if (other == nullptr) return model;
    double scale = model.ticks_per_ns > 0 && other->ticks_per_ns > 0 ? model.ticks_per_ns / other->ticks_per_ns : 1;
    if (scale < kSameClock && scale > 1 / kSameClock) scale = 1;
    model.other_name = other->path.substr(other->path.rfind('/') + 1);
    model.other = std::make_shared<const HistogramModel>(model_of(other->histograms, other, scale));
    return model;
}

nlohmann::json to_json(const HistogramModel& model) {
    nlohmann::json json = {{"unit", "ticks"}, {"ticks_per_ns", model.ticks_per_ns}, {"other", nullptr}};
    add_panels(json, model);
    if (model.other == nullptr) return json;
    json["other"] = {{"name", model.other_name}};
    add_panels(json["other"], *model.other);
    return json;
}

}  // namespace coroscope::views
