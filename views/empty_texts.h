// Advice that several empty views give.
#pragma once

#include "views/workspace.h"

namespace coroscope::views {

// Where no coroutine is alive at the Moment that is shown.
inline const char* nobody_alive(const Workspace& ws) {
    return ws.info.kind == traces::SessionKind::kRecorded
               ? "At this time of the recording none is alive: drag the bar above, or press , and . for the events before and after."
               : "The program has ended its coroutines, or has not spawned the first one yet.";
}

}  // namespace coroscope::views
