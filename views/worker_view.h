// Workers: what each runs, what stands in its queues, its use over time; and as matrices who stole from whom and who woke whom. A click selects the
// coroutine that a worker runs, one on a cell somebody whom it counts.
//
// Publishes "workers.row.N" (N is the worker), "workers.header.N", "workers.page.N", "workers.steals.R.C" and "workers.wakes.R.C".
//
// The frame's thread. The rows are those of `stat` (traces/scheduling_stat.cpp); the rest: worker_model.h, past_history.h.
#pragma once

#include <tuple>
#include <vector>

#include "views/overview_model.h"
#include "views/sort_titles.h"
#include "views/view.h"
#include "views/worker_model.h"

namespace coroscope::views {

class WorkerView : public View {
public:
    const char* name() const override { return "workers"; }
    const char* title() const override { return "Workers"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return busy_; }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

private:
    void take(Workspace& ws);
    void draw_table(Workspace& ws);
    void draw_row(Workspace& ws, const traces::WorkerStat& row, std::span<const PlacedColumn> places, float height);
    void draw_use(Workspace& ws, const traces::WorkerStat& row, const PlacedColumn& place, ImVec2 at, float height);
    void draw_steals(Workspace& ws);
    void draw_wakes(Workspace& ws);

    int page_ = 0;
    SortedBy sorted_;
    OverviewTrail trail_;                         // of a program that runs: who ran somebody, look by look
    std::vector<std::vector<float>> busy_parts_;  // by worker, by part
    std::vector<float> busy_shares_;              // by worker, of the whole
    std::uint64_t parts_of_ = 0;
    // With the filter; of a recorded program of what was read by then.
    using WakingsKey = std::tuple<std::shared_ptr<const traces::Moment>, std::string, std::uint64_t>;
    Computed<WakingsKey, std::vector<analyses::HistoryWaking>> wakings_;
    const analyses::History* history_ = nullptr;  // of this frame
    bool busy_ = false;
};

}  // namespace coroscope::views
