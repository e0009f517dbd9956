// What the window remembers from one start to the next: theme, size, arrangements, what the wheel does, programs launched, traces opened or recorded.
//
// One JSON file, $XDG_STATE_HOME/coroscope/window.json (~/.local/state without it), written beside and renamed. A file that cannot be read
// or is damaged is as good as none: nothing of value is in it.
//
// Thread: one at a time. Blocks for reading and writing a small file. Tested in tests/unit/app/saved_state_test.cpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "views/requests.h"

namespace coroscope::app {

struct SavedState {
    static constexpr std::size_t kRecentMax = 12;

    std::string theme;
    std::string layout, preset;
    std::map<std::string, std::string> arranged;  // what was rearranged by hand, by preset
    double zoom = 1;
    bool tracy_mouse = false;
    std::vector<views::LaunchSpec> launches;  // newest first
    std::vector<std::string> traces;          // absolute paths, newest first
    std::vector<std::string> muted_lints;     // analyses::Mutes

    void remember_launch(const views::LaunchSpec& spec);
    void remember_trace(const std::string& path);
};

// Path of the file; "" when neither XDG_STATE_HOME nor HOME is set.
std::string saved_state_path();
SavedState load_saved_state();
// Errors: kIo. What is lost by one is a convenience.
base::Status save_state(const SavedState& state);
// Loads, adds a trace, saves: for `record`, so that the start page lists what was recorded.
void remember_recorded_trace(const std::string& path);

// The traces that still exist, with size and age.
std::vector<views::RecentTrace> recent_traces(const SavedState& state);

}  // namespace coroscope::app
