// The start page: launch a program, attach to one that runs, open a recent trace.
//
// Three columns that say what can be done here and what is missing when a list is empty. Publishes "launch.program",
// "launch.arguments", "launch.directory", "launch.environment", "launch.run", "attach.PID", "recent.N", "open.path", "open.run".
//
// The frame's thread; lists come from Workspace::lists (filled by app/).
#pragma once

#include <string>

#include "views/workspace.h"

namespace coroscope::views {

class StartPage {
public:
    void draw(Workspace& ws, Rect area);
    // Puts a spec into the form.
    void fill(const LaunchSpec& spec);
    // What the form says now. Arguments are split like a shell's words: spaces, '…', "…" and \.
    LaunchSpec spec() const;
    // Puts the keyboard into the first field at the next frame.
    void focus() { focus_wanted_ = true; }

private:
    void draw_launch(Workspace& ws, float width);
    void draw_attach(Workspace& ws, float width);
    void draw_traces(Workspace& ws, float width);
    void request_launch(Workspace& ws);

    std::string program_, arguments_, environment_, directory_, trace_path_, attach_filter_;
    bool focus_wanted_ = true;
};

// Splits a line into words as a shell would, without expansions. An unfinished quote ends with the line.
std::vector<std::string> split_words(const std::string& line);
// The opposite: quotes where needed.
std::string join_words(const std::vector<std::string>& words);

}  // namespace coroscope::views
