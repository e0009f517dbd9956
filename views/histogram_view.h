// The histograms: what a context switch cost, how long who was woken waited for a worker, how long coroutines ran and were blocked at once;
// all workers together on top and one strip a worker below, on one shared axis.
//
// Where there is another run to compare with (run_pair.h), each chart is laid over with that run's as an outline, both as shares of their
// samples, with marks and percentiles of its own. A range that is dragged over the large chart becomes the filter: a rule about the events
// that say such lengths.
//
// Publishes "histograms.kind.N" (by Measured), "histograms.panel.N", "histograms.panel.large" and "histograms.update". Row model: histogram_model.h.
//
// The frame's thread; the past is walked on the searches'. Drawn in histogram_view.cpp and histogram_chart.cpp.
#pragma once

#include <memory>

#include "views/histogram_model.h"
#include "views/run_pair.h"
#include "views/view.h"

namespace coroscope::views {

class HistogramView : public View {
public:
    const char* name() const override { return "histograms"; }
    const char* title() const override { return "Histograms"; }
    void draw(Workspace& ws) override;
    bool busy() const override;
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // Puts the next worker's histogram into the large chart.
    void next() { ++chosen_; }
    void next_kind() { kind_ = (kind_ + 1) % static_cast<int>(kMeasuredCount); }
    // The runs that another view lets be chosen.
    void use_runs(std::shared_ptr<RunPair> runs) { runs_ = std::move(runs); }
    bool has_other() const { return !runs_->path().empty(); }
    void toggle_other() { shows_other_ = !shows_other_; }

private:
    struct Axis {
        double low = 1, high = 2;  // ticks
        float x0 = 0, x1 = 1;
        double ticks_per_ns = 0;
        bool in_time = false;  // it says nanoseconds and more, not ticks
        float x_of(double value) const;
        double value_at(float x) const;
        std::string text(double ticks) const;  // a value of it
    };
    // One histogram, and what is laid over it (nullptr: nothing).
    struct Pair {
        const HistogramPanel& own;
        const HistogramPanel* other = nullptr;
        double highest() const;                           // at the upper edge: samples, or of two runs the share of them
        double height(const HistogramPanel& of, double count) const;  // in the same unit
    };
    // How one run's percentiles stand over a chart: words in lines [first, first + lines).
    struct MarkStyle {
        ImU32 colour = 0;
        int first = 0, lines = 0;  // no lines: no words
        float shift = 0;           // of the dashes, so that two runs' can be told apart where they meet
    };
    struct Key {
        std::shared_ptr<const traces::Moment> moment;
        std::shared_ptr<const analyses::Run> own, other;
        bool operator==(const Key&) const = default;
    };

    Measured measured() const { return static_cast<Measured>(kind_); }
    bool wants_other() const { return shows_other_ && has_other(); }
    void want(Workspace& ws);
    Pair pair_of(const HistogramModel& model, const HistogramPanel& panel) const;
    Axis axis_over(const HistogramModel& model, float x0, float x1, float scale) const;
    void say_nothing(Workspace& ws) const;
    void draw_head(Workspace& ws);
    void draw_title(Workspace& ws, const HistogramPanel& panel, bool sampled);
    float draw_numbers(Workspace& ws, const HistogramModel& model, const Axis& axis, const Pair& pair);
    void draw_percentiles(Workspace& ws, const Axis& axis, const HistogramPanel& panel, const HistogramPanel* before);
    void draw_strips(Workspace& ws, const HistogramModel& model, const Axis& axis, float width);
    void draw_strip(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, std::size_t index);
    void take_drag(Workspace& ws, const Axis& axis, Rect area);

    // histogram_chart.cpp
    void draw_chart(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, bool large);
    void draw_ground(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, float top);
    void draw_outline(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, float top);
    void draw_marks(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area, MarkStyle style);
    void draw_axis(Workspace& ws, const Axis& axis, Rect area);
    std::string bar_text(const Pair& pair, const Axis& axis, const HistogramBar& bar) const;

    Computed<Key, HistogramModel> model_;
    std::shared_ptr<RunPair> runs_ = std::make_shared<RunPair>();
    int kind_ = 0;
    std::size_t chosen_ = 0;
    bool shows_other_ = true, drawn_ = false;
};

}  // namespace coroscope::views
