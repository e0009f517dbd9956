// Mutexes, semaphores and their kin: who holds each, what it stands at, who waits. A click selects who holds it, or who waits first.
//
// Publishes "locks.row.N". The rows are those of `stat` (traces/waitable_stat.cpp); nothing is computed here.
//
// The frame's thread.
#pragma once

#include "views/columns.h"
#include "views/view.h"

namespace coroscope::views {

class LockView : public View {
public:
    const char* name() const override { return "locks"; }
    const char* title() const override { return "Locks"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    void draw_row(Workspace& ws, const traces::WaitableStat& row, std::span<const PlacedColumn> places,
                  std::size_t number, float height);
};

}  // namespace coroscope::views
