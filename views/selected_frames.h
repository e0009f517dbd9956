// The frames of the selected coroutine, as far as they are named, and which of them is selected: what the code view and the stack words view
// share with the stack view.
//
// The frame's thread. Blocks nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/inspect/stack.h"
#include "views/code_model.h"
#include "views/workspace.h"

namespace coroscope::views {

struct SelectedFrames {
    const inspect::CoroutineImage* coroutine = nullptr;  // nullptr: none is selected, or it is gone
    std::vector<inspect::Frame> frames;                  // innermost first; empty when it has no stack
    std::size_t chosen = 0;
    bool unwound = false;  // else only where it parked is known
    bool named = true;     // false: names are on their way
};
SelectedFrames selected_frames(Workspace& ws);

// Names of the functions of each level, innermost first: inlined calls are left out, but for the program's own in a function of the runtime's.
std::vector<std::string> level_names(const std::vector<inspect::Frame>& frames);
// Which level a frame belongs to, and the first frame of a level.
std::size_t level_of(const std::vector<inspect::Frame>& frames, std::size_t frame);
std::size_t first_of_level(const std::vector<inspect::Frame>& frames, std::size_t level);

// What the code view must know of a frame.
CodeContext code_context(const Workspace& ws, const inspect::CoroutineImage& coroutine,
                         const std::vector<inspect::Frame>& frames, std::size_t chosen);

}  // namespace coroscope::views
