// Actions: everything that a key can do, in one table that is also the key sheet and the palette.
//
// Chords are text: "ctrl+shift+p", "f1", "?", "escape", "left". The platform turns its own key codes into such text (app/), scripts
// write it down, and nothing else knows keys. Modifiers come in the order ctrl, shift, alt; shift is not named for characters
// that already carry it ("?", not "shift+/").
//
// The frame's thread. Tested in tests/unit/views/actions_test.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coroscope::views {

struct Action {
    std::string id;                   // "view.pools": as scripts and tests name it
    std::string title;                // "Show the stack pools"
    std::string group;                // heading in the key sheet
    std::vector<std::string> chords;  // the first is shown
    std::function<void()> run;
    std::function<bool()> possible;  // empty = always
    bool while_typing = false;       // also when a text field has the keyboard
    std::string view = {};           // whose action it is: while that one is in use its chords come before all others; "" = the window's
};

class Actions {
public:
    void add(Action action);
    const std::vector<Action>& all() const { return actions_; }
    // Runs the action of a chord: that of the view in use, else the window's, else another view's; false when there is none that is possible now.
    bool press(std::string_view chord, bool typing, std::string_view view_in_use = {});
    bool run(std::string_view id);

private:
    std::vector<Action> actions_;
};

// "Ctrl+Shift+P" for "ctrl+shift+p": as people write it.
std::string chord_title(std::string_view chord);
// Brings a chord typed by a person into the form above ("Ctrl+shift+P" -> "ctrl+shift+p"); "" when a part is empty.
std::string normal_chord(std::string_view chord);

}  // namespace coroscope::views
