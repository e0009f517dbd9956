// The overview: how the program goes, at a glance. Numbers of the moment, what should worry somebody, and over time: coroutines by state,
// switches, spawned and ended, the workers' use, stack slots by class, events lost.
//
// A click into a chart goes to that time, a drag selects a range, a click on an alarm shows whom it is about in the view that tells more.
// Publishes "overview.chart", "overview.alarm.N" and "overview.number.N".
//
// The frame's thread. What it shows: overview_model.h, past_history.h.
#pragma once

#include <optional>

#include "views/chart.h"
#include "views/overview_model.h"
#include "views/view.h"

namespace coroscope::views {

class OverviewView : public View {
public:
    const char* name() const override { return "overview"; }
    const char* title() const override { return "Overview"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return busy_; }  // the series were, in the last frame
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

private:
    struct Number {
        const char* label;
        std::string value, unit, hover;
        ImU32 colour = 0;
    };
    std::vector<Number> numbers(const Workspace& ws) const;
    void draw_numbers(Workspace& ws);
    void draw_alarms(Workspace& ws);
    void draw_charts(Workspace& ws);
    void draw_states(Workspace& ws, Rect area, std::optional<traces::TimeNs> at);
    void draw_rates(Workspace& ws, Rect area, std::size_t at, bool spawns);
    void draw_workers(Workspace& ws, Rect area, std::size_t at);
    void draw_slots(Workspace& ws, Rect area, std::optional<traces::TimeNs> at);
    void draw_label(Workspace& ws, Rect area, int line, const char* label, const std::string& value, ImU32 colour);
    std::string text_at(std::size_t part, traces::TimeNs t) const;

    // What the frame shows, of Workspace::run_series.
    const OverviewPoint* point_ = nullptr;
    const OverviewSeries* series_ = nullptr;
    bool busy_ = false;
    bool compact_ = false;                   // a low panel: one line of numbers, low charts
    std::optional<traces::TimeNs> hovered_;  // in the last frame
};

}  // namespace coroscope::views
