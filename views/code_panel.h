// The code of one frame: source lines around it, or its function's instructions. The lower part of the stack view.
//
// Source is read off the frame and kept by path; instructions come from the session (Capstone), which finds them on its own thread.
//
// The frame's thread.
#pragma once

#include <string>
#include <vector>

#include "instrumentation/inspect/code.h"
#include "views/workspace.h"

namespace coroscope::views {

struct SourceText {
    std::vector<std::string> lines;
    std::string problem;  // one sentence when it could not be read
};

class CodePanel {
public:
    void draw(Workspace& ws, const inspect::Frame& frame);
    bool busy() const { return waiting_; }
    void toggle() { mode_ = 1 - mode_; }
    void reset();

private:
    void draw_source(Workspace& ws, const inspect::Frame& frame);
    void draw_instructions(Workspace& ws, const inspect::Frame& frame);
    void draw_instruction(Workspace& ws, const inspect::Instruction& instruction, bool here);

    int mode_ = 0;  // 0 source, 1 instructions
    bool waiting_ = false;
    Computed<std::string, SourceText> source_;
    std::uint64_t scrolled_pc_ = 0;
    std::string scrolled_to_;
    float height_ = 0;  // of the lines, last frame
};

// Text with tabs turned into spaces (to columns of `tab`) and control characters into dots.
std::string plain_line(const std::string& line, std::size_t tab = 4);

}  // namespace coroscope::views
