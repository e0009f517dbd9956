// Where the Lints view takes its findings from: a recorded program is read from its begin to the moment, a running one is compared with a look that
// the view has kept since it was shown, a core is what it is.
//
// Reports of a running program are made for each of its looks; of a trace, for each moment that is asked for, on the searches'
// thread, which reads the trace as a whole once.
//
// Thread: the frame's. Tested end to end in tests/e2e/lints_test.py.
#pragma once

#include <memory>
#include <optional>

#include "traces/analyses/lints.h"
#include "views/past_look.h"
#include "views/workspace.h"

namespace coroscope::views {

class LintBook {
public:
    // Asks for what belongs to the Moment that is shown; call it each frame in which the view is seen.
    void update(Workspace& ws);
    // The newest report; nullptr before the first.
    std::shared_ptr<const analyses::LintReport> report() const;
    // Grows with every new report.
    std::uint64_t changes() const { return changes_; }
    // How far a trace is read; 1 when nothing is being read.
    float share() const { return recorded_ ? past_.share() : 1; }
    bool busy() const { return recorded_ ? past_.in_flight() : now_.in_flight(); }
    const std::string& problem() const { return problem_; }
    // Of the Moment that is shown, computed now; blocks as long as that takes.
    analyses::LintReport compute(Workspace& ws);
    void reset();

private:
    using MomentPtr = std::shared_ptr<const traces::Moment>;
    struct PastKey {
        std::shared_ptr<const traces::Replay> replay;
        traces::TimeNs t = 0;
        bool operator==(const PastKey&) const = default;
    };
    struct PastReport {
        std::shared_ptr<const analyses::LintReport> report;
        std::string problem;
    };
    // What is read once of a trace; the searches' thread alone, one job at a time.
    struct Whole {
        std::shared_ptr<const traces::Replay> of;
        std::shared_ptr<const analyses::LintPast> past;
    };
    static PastReport report_of_past(Whole& whole, const std::shared_ptr<const traces::Replay>& replay,
                                     traces::Session& session, traces::TimeNs t, const traces::Search& search);
    // A look that lies long enough before this one; nullptr while there is none.
    MomentPtr look_before(const MomentPtr& now);

    bool recorded_ = false;
    Computed<MomentPtr, analyses::LintReport> now_;
    PastLook<PastKey, PastReport> past_;
    std::shared_ptr<Whole> whole_ = std::make_shared<Whole>();
    MomentPtr earlier_, later_;  // the two that are kept, the former long enough ago once there are both
    const void* seen_ = nullptr;
    std::uint64_t changes_ = 0;
    std::string problem_;
};

}  // namespace coroscope::views
