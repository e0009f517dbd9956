// The histograms: what a context switch cost, all workers together on top and one strip a worker below, on one shared axis.
//
// A range of latencies from wake to run that is dragged over the large chart becomes the filter: a rule about the events that they end with.
//
// Publishes "histograms.kind.0/1" (switch, wake to run), "histograms.panel.N" and "histograms.panel.large". Row model: histogram_model.h.
//
// The frame's thread.
#pragma once

#include <memory>

#include "views/histogram_model.h"
#include "views/view.h"

namespace coroscope::views {

class HistogramView : public View {
public:
    const char* name() const override { return "histograms"; }
    const char* title() const override { return "Switch cost"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return model_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // Puts the next worker's histogram into the large chart.
    void next() { ++chosen_; }

private:
    struct Axis {
        double low = 1, high = 2;
        float x0 = 0, x1 = 1;
        float x_of(double value) const;
        double value_at(float x) const;
    };
    void draw_numbers(Workspace& ws, const HistogramPanel& panel);
    void draw_chart(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area, bool large,
                    double ticks_per_ns);
    void draw_marks(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area, bool words);
    void take_drag(Workspace& ws, const Axis& axis, Rect area, double ticks_per_ns);
    void draw_axis(Workspace& ws, const Axis& axis, Rect area, double ticks_per_ns);
    void draw_strip(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area,
                    std::size_t index);

    Computed<std::shared_ptr<const traces::Moment>, HistogramModel> model_;
    int kind_ = 0;
    std::size_t chosen_ = 0;
};

}  // namespace coroscope::views
