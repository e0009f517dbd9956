// Workers: what each runs, what stands in its queues, whom it took coroutines from, which timers it holds. A click selects the coroutine that
// it runs.
//
// Publishes "workers.row.N". The rows are those of `stat` (traces/scheduling_stat.cpp); nothing is computed here.
//
// The frame's thread.
#pragma once

#include "views/columns.h"
#include "views/view.h"

namespace coroscope::views {

class WorkerView : public View {
public:
    const char* name() const override { return "workers"; }
    const char* title() const override { return "Workers"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    void draw_row(Workspace& ws, const traces::WorkerStat& row, std::span<const PlacedColumn> places,
                  float height);
};

}  // namespace coroscope::views
