// The Stepper: goes from event to event through the past of a session, and says at which one it stands.
//
// Keys and scripts ask for steps; each is a search of its own thread (Workspace::searches) that can be cancelled, and what it finds becomes the time
// that is looked at. Steps asked for meanwhile wait their turn. Whoever looks at another time stands nowhere: the next step begins at that time.
//
// The frame's thread. Tested in tests/e2e/steps_test.py; what a step is: traces/rules/event_steps.h.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "traces/rules/event_steps.h"
#include "views/workspace.h"

namespace coroscope::views {

class Stepper {
public:
    ~Stepper() { cancel(); }

    // To the next event of what is selected (a coroutine, a channel, else any), or, with a rule, to the next that matches it.
    void go(Workspace& ws, rules::Direction direction, std::shared_ptr<const rules::Rule> rule);
    // Takes what was found, and begins what waits. Once a frame.
    void poll(Workspace& ws);
    // Forgets what is looked for and what waits. False when there was nothing.
    bool cancel();
    // Until the last step asked for is taken and its moment is shown.
    bool busy(const Workspace& ws) const;
    // Where one stands, how far the search is, or that there is nothing further; "" = nothing to say.
    std::string sentence(const Workspace& ws) const;
    // Where one stands; null when somewhere else is looked at.
    const rules::Step* standing(const Workspace& ws) const;
    void reset();

private:
    struct Wish {
        rules::Direction direction = rules::Direction::kNext;
        std::shared_ptr<const rules::Rule> rule;
    };
    // Shared with the search's thread.
    struct Looking {
        Wish wish;
        traces::Search search;
        std::mutex mutex;
        std::optional<base::Result<std::optional<rules::Step>>> found;  // guarded by mutex
    };
    void begin(Workspace& ws, Wish wish);
    void take(Workspace& ws, const Wish& wish, const base::Result<std::optional<rules::Step>>& found);
    rules::StepFilter filter_of(const Workspace& ws) const;

    std::deque<Wish> waiting_;
    std::shared_ptr<Looking> looking_;
    std::optional<rules::Step> standing_;
    std::string nothing_;  // there is no such event; holds until the time changes
    traces::TimeNs nothing_at_ = 0;
};

}  // namespace coroscope::views
