// Timers: who is woken by a deadline and when, the first one first; how soon they are due; and, of recorded programs, how late deadlines woke and
// how much later the woken ran. A click selects the coroutine, one on "due within" shows those alone.
//
// Publishes "timers.row.N" (N counts the rows shown), "timers.header.N", "timers.due.N" and "timers.filter".
//
// The frame's thread. What it shows: timer_model.h, past_history.h.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "views/sort_titles.h"
#include "views/timer_model.h"
#include "views/view.h"

namespace coroscope::views {

class TimerView : public View {
public:
    const char* name() const override { return "timers"; }
    const char* title() const override { return "Timers"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return busy_; }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

private:
    // What is shown, and what it was made of.
    using Key = std::tuple<std::shared_ptr<const traces::Moment>, std::string, SortedBy, int, std::optional<TimeRange>>;
    struct Shown {
        TimerModel model;
        std::vector<std::uint32_t> order;
    };
    Key key(const Workspace& ws) const { return {ws.moment, ws.filter, sorted_, due_, ws.selection().range}; }
    static Shown compute(const Key& key);
    void draw_head(Workspace& ws, const TimerModel& model);
    void draw_due(Workspace& ws, const TimerModel& model);
    void draw_rows(Workspace& ws, const Shown& shown, float height);
    void draw_row(Workspace& ws, const Shown& shown, std::size_t number, std::span<const PlacedColumn> places, float height);
    void draw_late(Workspace& ws, const analyses::History* history);

    Computed<Key, Shown> shown_;
    SortedBy sorted_{static_cast<std::size_t>(TimerColumn::kDue), false};
    int due_ = -1;  // the field that is shown alone; -1 = all
    bool busy_ = false;
};

}  // namespace coroscope::views
