// The palette: a line to type into over the window, and under it what it finds. Commands (Ctrl+Shift+P), everything (Ctrl+P: the omnibox), or a
// question that takes a line of text (a note).
//
// No key is lost, however slow frames are: what is typed before the field has the keyboard is taken from ImGui's queue, and Enter waits until
// what was typed before it has been looked for. Publishes "palette.text" and "palette.N" for the lines that can be seen.
//
// The frame's thread; the state is searched in the background. What is found: palette_model.h. Tested in tests/unit/app/palette_window_test.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "views/palette_model.h"
#include "views/workspace.h"

namespace coroscope::views {

class Palette {
public:
    enum class Mode : std::uint8_t { kClosed, kCommands, kEverything, kQuestion };

    // Opens; in the mode that it is in already, closes.
    void toggle(Mode mode);
    // Asks for a line of text; `done` gets it with Enter.
    void ask(const std::string& title, const std::string& text, std::function<void(const std::string&)> done);
    void close();
    bool is_open() const { return mode_ != Mode::kClosed; }
    // A chord while it is open; true when it is the palette's.
    bool press(const std::string& chord);
    // Draws over everything. What was chosen, once; it is closed then.
    std::optional<PaletteHit> draw(Workspace& ws, const Actions& actions);
    bool busy(const Workspace& ws) const;
    nlohmann::json dump() const;

private:
    using Key = std::pair<std::shared_ptr<const traces::Moment>, std::string>;

    void open(Mode mode);
    void draw_field(Workspace& ws, float width);
    void find(Workspace& ws, const Actions& actions);
    void draw_hits(Workspace& ws, ImVec2 at, float width, std::size_t lines);
    void draw_hit(Workspace& ws, const PaletteHit& hit, ImVec2 at, float width, bool lit);

    Mode mode_ = Mode::kClosed;
    std::string text_, title_;
    std::function<void(const std::string&)> done_;
    std::vector<PaletteHit> hits_;
    std::size_t at_ = 0, first_ = 0;  // the line that Enter takes; the first that is drawn
    std::string found_for_;           // the text that `at_` belongs to
    bool field_active_ = false, focus_wanted_ = false, enter_ = false, clicked_ = false;
    std::uint64_t opened_ = 0;  // how often: each time it is another field to ImGui, which remembers what was typed into one
    bool whole_ = true;  // nothing of this text is still looked for
    Computed<Key, std::vector<PaletteHit>> state_hits_;
};

}  // namespace coroscope::views
