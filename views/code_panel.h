// The code of one function: its source, its instructions, or both beside each other, linked line by line. The code view, and the lower part of
// the stack view.
//
// Source is read off the frame and kept by path; instructions come from the session (Capstone), which finds them on its own thread; rows and
// arrows (code_model.h) are computed off the frame. A cursor stands on one instruction; the line under the mouse and the cursor's line light their
// instructions, and the other way round. A call or jump can be followed into another function, and back.
//
// Publishes "code.0/1/2" (source, both, instructions), "code.bytes", "code.back", "code.line.N" and "code.row.N" of what is visible.
//
// The frame's thread. Drawing of the instructions: code_rows.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/code.h"
#include "views/code_from.h"
#include "views/code_model.h"
#include "views/workspace.h"

namespace coroscope::views {

struct SourceText {
    std::string path;  // where it was found
    std::vector<std::string> lines;
    std::string problem;  // one sentence when it could not be read
};

class CodePanel {
public:
    enum Mode : std::uint8_t { kSource, kBoth, kInstructions };
    explicit CodePanel(Mode mode) : mode_(mode) {}

    // The frame is drawn as `context` says, or where the reader has followed a call to.
    void draw(Workspace& ws, const inspect::Frame& frame, const CodeContext& context) { draw(ws, {ws.session, nullptr}, frame, context); }
    // The same of a place in a binary file (Workspace::code_place), which going back leaves for the selected frame.
    void draw(Workspace& ws, const CodeFrom& source, const inspect::Frame& frame, const CodeContext& context);
    bool busy() const { return waiting_; }
    void reset();
    // Rows and arrows as JSON; null while nothing is shown.
    nlohmann::json dump(Workspace& ws) const;
    // Instructions with their notes, or the source around the line when they are not shown.
    std::string as_text() const;

    void next_mode() { mode_ = (mode_ + 1) % 3; }
    void toggle_bytes() { bytes_ = !bytes_; }
    // Moves the cursor by instructions, and by lines of the source that have some.
    void step(Workspace& ws, int by);
    void step_line(Workspace& ws, int by);
    // To the function that the cursor's instruction calls or jumps to (within the function: to that row), and back from there.
    bool can_follow() const;
    void follow(Workspace& ws);
    bool can_go_back() const { return !followed_.empty() || from_.file != nullptr; }
    void go_back(Workspace& ws);

private:
    struct ModelKey {
        const std::vector<inspect::Instruction>* code = nullptr;
        CodeContext context;
        bool operator==(const ModelKey&) const = default;
    };
    struct Subject {  // what is shown
        CodeContext context;
        std::uint32_t line = 0;  // of the source, to be marked
        std::uint64_t pc = 0;    // whose function
        std::string problem;     // why there are no instructions
    };

    Subject subject(Workspace& ws, const inspect::Frame& frame, const CodeContext& context);
    void update(Workspace& ws, const Subject& shown);
    float draw_head(Workspace& ws, const inspect::Frame& frame);
    void draw_source(Workspace& ws, const Subject& shown, float width, float height);
    void draw_source_line(Workspace& ws, const Subject& shown, std::size_t index, float number_width);
    void draw_instructions(Workspace& ws, const Subject& shown, float width, float height);
    // Of one row (code_rows.cpp): its text at `at`, and what the mouse does to it.
    void draw_row(Workspace& ws, std::size_t index, float gutter);
    void draw_arrows(Workspace& ws, float top, float gutter, std::size_t first, std::size_t last) const;
    float gutter_width(const Workspace& ws) const;
    void set_cursor(Workspace& ws, std::size_t row);
    bool model_stands() const { return model_.value() != nullptr && code_ != nullptr; }

    int mode_;
    CodeFrom from_;  // of what is shown
    bool bytes_ = false;
    bool waiting_ = false;
    Computed<std::string, SourceText> source_;
    Computed<ModelKey, CodeModel> model_;
    const std::vector<inspect::Instruction>* code_ = nullptr;  // that model_ is of
    std::vector<std::uint64_t> followed_;                      // addresses of functions, the one shown last
    std::uint64_t shown_pc_ = 0;                               // whose frame was drawn last
    std::uint64_t shown_selection_ = 0;  // Selection::changes then, and which frame of it
    std::size_t shown_frame_ = 0;
    std::string shown_file_;
    std::size_t cursor_ = kNoRow;
    std::uint32_t lit_line_ = 0, lit_next_ = 0;  // under the mouse, last frame and this
    std::size_t hovered_row_ = kNoRow, hovered_next_ = kNoRow;
    bool scroll_source_ = false, scroll_code_ = false;
    float source_height_ = 0, code_height_ = 0;  // last frame
};

// Text with tabs turned into spaces (to columns of `tab`) and control characters into dots.
std::string plain_line(const std::string& line, std::size_t tab = 4);

}  // namespace coroscope::views
