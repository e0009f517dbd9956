// Selects: each select in the program's code with its arms: which fire, which are never ready, which starve. A click on a select selects a
// coroutine that waits in it, a click on an arm its channel.
//
// Publishes "selects.N" and "selects.N.arm.M". The rows are those of `stat` (traces/scheduling_stat.cpp); with a filter
// those in which somebody who passes it waits (filtered_stat.h).
//
// The frame's thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "views/columns.h"
#include "views/view.h"

namespace coroscope::views {

class SelectView : public View {
public:
    const char* name() const override { return "selects"; }
    const char* title() const override { return "Selects"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return filtered_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override { filtered_.reset(); }

private:
    using Key = std::pair<std::shared_ptr<const traces::Moment>, std::string>;  // and the filter
    Computed<Key, std::vector<traces::SelectStat>> filtered_;

    void draw_select(Workspace& ws, const traces::SelectStat& row, std::size_t number);
    void draw_arm(Workspace& ws, const traces::SelectStat& row, std::size_t number, std::size_t arm,
                  std::span<const PlacedColumn> places);
};

}  // namespace coroscope::views
