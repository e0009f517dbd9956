// Mutexes, semaphores and their kin: who holds each, what it stands at, who waits. A click selects who holds it, or who waits first.
//
// Publishes "locks.row.N". The rows are those of `stat` (traces/waitable_stat.cpp); with a filter those that somebody who passes it holds or waits
// for (filtered_stat.h).
//
// The frame's thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "views/columns.h"
#include "views/view.h"

namespace coroscope::views {

class LockView : public View {
public:
    const char* name() const override { return "locks"; }
    const char* title() const override { return "Locks"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return filtered_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override { filtered_.reset(); }

private:
    using Key = std::pair<std::shared_ptr<const traces::Moment>, std::string>;  // and the filter
    Computed<Key, std::vector<traces::WaitableStat>> filtered_;

    void draw_row(Workspace& ws, const traces::WaitableStat& row, std::span<const PlacedColumn> places,
                  std::size_t number, float height);
};

}  // namespace coroscope::views
