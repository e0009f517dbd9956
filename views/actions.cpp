// See actions.h.
#include "views/actions.h"

#include <algorithm>
#include <cctype>

namespace coroscope::views {
namespace {

std::vector<std::string> parts_of(std::string_view chord) {
    std::vector<std::string> parts;
    std::string part;
    for (std::size_t i = 0; i < chord.size(); ++i) {
        // A '+' at the end, or after another one, is the key itself.
        if (chord[i] == '+' && !part.empty() && i + 1 < chord.size()) {
            parts.push_back(part);
            part.clear();
            continue;
        }
        part += static_cast<char>(std::tolower(static_cast<unsigned char>(chord[i])));
    }
    parts.push_back(part);
    return parts;
}

}  // namespace

void Actions::add(Action action) {
    actions_.push_back(std::move(action));
}

bool Actions::press(std::string_view chord, bool typing, std::string_view view_in_use) {
    // Nobody types with a function key, nor with this.
    const bool never_typed = chord == "ctrl+shift+p" || chord == "ctrl+p" ||
                             (chord.size() >= 2 && chord[0] == 'f' && chord[1] >= '1' && chord[1] <= '9');
    const auto closeness = [&](const Action& action) { return action.view.empty() ? 1 : action.view == view_in_use ? 2 : 0; };
    const Action* best = nullptr;
    for (const Action& action : actions_) {
        if (std::find(action.chords.begin(), action.chords.end(), chord) == action.chords.end()) continue;
        if (typing && !action.while_typing && !never_typed) continue;
        if (best != nullptr && closeness(action) <= closeness(*best)) continue;
        if (!action.possible || action.possible()) best = &action;
    }
    if (best == nullptr) return false;
    best->run();
    return true;
}

bool Actions::run(std::string_view id) {
    for (const Action& action : actions_) {
        if (action.id != id || (action.possible && !action.possible())) continue;
        action.run();
        return true;
    }
    return false;
}

std::string chord_title(std::string_view chord) {
    std::string title;
    for (const std::string& part : parts_of(chord)) {
        if (!title.empty()) title += '+';
        if (part == "left") {
            title += "←";
        } else if (part == "right") {
            title += "→";
        } else if (part == "up") {
            title += "↑";
        } else if (part == "down") {
            title += "↓";
        } else if (part == "escape") {
            title += "Esc";
        } else {
            std::string word = part;
            word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
            title += word;
        }
    }
    return title;
}

std::string normal_chord(std::string_view chord) {
    bool ctrl = false, shift = false, alt = false;
    std::string key;
    for (const std::string& part : parts_of(chord)) {
        if (part.empty()) return {};
        if (part == "ctrl" || part == "control") {
            ctrl = true;
        } else if (part == "shift") {
            shift = true;
        } else if (part == "alt") {
            alt = true;
        } else if (!key.empty()) {
            return {};
        } else {
            key = part == "esc" ? "escape" : part == "return" ? "enter" : part;
        }
    }
    if (key.empty()) return {};
    return std::string(ctrl ? "ctrl+" : "") + (shift ? "shift+" : "") + (alt ? "alt+" : "") + key;
}

}  // namespace coroscope::views
