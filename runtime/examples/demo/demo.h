// The demo as a whole: its parts, and the conductor that leads them through two acts and a hold.
#pragma once

#include <memory>
#include <vector>

#include "options.h"
#include "part.h"
#include "schedule.h"
#include "statistics.h"

namespace demo {

// Everything that the demo's coroutines look at lives in here, and it outlives them: it goes after run() has returned.
class Demo {
public:
    // `start`: when the program started. In a coroutine.
    Demo(const Options& options, Clock::time_point start);

    // Leads through the whole run; returns when every part has ended, or when it is asked to end.
    void conduct();

private:
    void open();
    bool wait_for_rest();
    bool hold();

    const Options options_;
    const Clock::time_point start_;
    Schedule schedule_;
    Statistics statistics_;
    std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace demo
