// RunSeries: how the run has gone so far, in equal parts of time, for all views that draw some of it: of a trace the whole of it (PastHistory), of
// a program that runs what the looks have said.
//
// Looks are taken note of while somebody asks. The frame's thread; points are computed in the background. Tested end to end in
// tests/e2e/overview_test.py and pool_modes_test.py.
#pragma once

#include "views/background.h"
#include "views/overview_model.h"

namespace coroscope::views {

class Workspace;

class RunSeries {
public:
    // Called in each frame by whoever shows it, with a session and a Moment.
    void want(Workspace& ws);
    const OverviewSeries& series() const { return series_; }  // empty = none yet
    const OverviewPoint* point() const { return point_.value(); }  // of the moment; nullptr before the first
    bool busy() const { return busy_; }
    void reset();
    // The same, computed now: for dumps. Blocks.
    OverviewSeries compute(Workspace& ws) const;

private:
    Computed<std::shared_ptr<const traces::Moment>, OverviewPoint> point_;
    OverviewTrail trail_;
    OverviewSeries series_;
    std::uint64_t series_of_ = 0;  // which history, or the look up to which, it was made of
    bool busy_ = false;
};

}  // namespace coroscope::views
