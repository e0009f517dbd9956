// Selects: each select in the program's code with its arms: which fire, which are never ready, which starve. A click on a select selects a
// coroutine that waits in it, a click on an arm its channel.
//
// Publishes "selects.N" and "selects.N.arm.M". The rows are those of `stat` (traces/scheduling_stat.cpp); nothing is computed here.
//
// The frame's thread.
#pragma once

#include "views/columns.h"
#include "views/view.h"

namespace coroscope::views {

class SelectView : public View {
public:
    const char* name() const override { return "selects"; }
    const char* title() const override { return "Selects"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    void draw_select(Workspace& ws, const traces::SelectStat& row, std::size_t number);
    void draw_arm(Workspace& ws, const traces::SelectStat& row, std::size_t number, std::size_t arm,
                  std::span<const PlacedColumn> places);
};

}  // namespace coroscope::views
