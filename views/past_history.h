// PastHistory: the History of the trace that is looked at (traces/analyses/history.h), read once for all views that show some of it.
//
// A closed trace is read when somebody first wants it, and again when another range is selected. One that still grows is read again when it has
// become half as long again, so that all readings together cost a few times the last. Of a live session there is none: what it keeps of the past
// changes with each look, and views then show what their looks say.
//
// The frame's thread; reading is on the searches' thread. Tested end to end in tests/e2e/overview_test.py.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "traces/analyses/history.h"
#include "traces/session.h"
#include "views/past_look.h"

namespace coroscope::views {

class Workspace;

// Whether a trace that has grown since it was read is read again: when it is half as long again, or has come to its end.
bool worth_reading_again(const traces::Replay* read, const traces::Replay& newest, const traces::SessionInfo& info);

class PastHistory {
public:
    // Called in each frame by whoever shows it; nullptr where there is none (yet).
    const analyses::History* want(Workspace& ws);
    // There is one, or will be.
    bool possible() const { return replay_ != nullptr; }
    bool busy() const { return look_.in_flight(); }
    // Why there is none; "" = there is, or will be.
    const std::string& error() const { return error_; }
    float share() const { return look_.share(); }
    std::uint64_t changes() const { return look_.changes(); }
    void reset();
    // The same, computed now: for dumps. Blocks.
    static std::optional<analyses::History> compute(Workspace& ws);

private:
    struct Found {
        std::optional<analyses::History> history;
        std::string error;
    };
    using Range = std::optional<std::pair<traces::TimeNs, traces::TimeNs>>;
    PastLook<std::pair<std::shared_ptr<const traces::Replay>, Range>, Found> look_;
    std::shared_ptr<const traces::Replay> replay_;
    std::string error_;
};

}  // namespace coroscope::views
