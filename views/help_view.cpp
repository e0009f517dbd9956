// See help_view.h.
#include "views/help_view.h"

#include <imgui.h>

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/widgets.h"

namespace coroscope::views {
namespace {

struct HelpEntry {
    const char* word;
    const char* says;
};

constexpr HelpEntry kHelpWords[] = {
    {"coroutine", "a function that can stop in its midst (park) and go on later (wake) without holding a thread"},
    {"worker", "a thread that runs coroutines, one after the other"},
    {"slot", "the piece of memory that a coroutine's stack lies in; slots of one size class form a pool"},
    {"high water", "how deep stacks have been: what a size class must hold"},
    {"site", "the line that spawned a coroutine; what comes from one site mostly does the same"},
    {"event", "something that happened, with its time: spawned, suspended, woken, sent, received …"},
    {"exact, torn, running", "how far a stack can be trusted: copied while it was parked, while it moved, or not at all"},
    {"lost", "events that nobody could keep; what they would have said is shown as unknown, never guessed"},
    {"wait graph", "who waits for what, and (dashed) who could wake them; a red cycle never ends by itself"},
    {"live, rewound", "the right end of the time line is now; dragging it back shows every view as it was then"},
};
constexpr HelpEntry kHelpMouse[] = {
    {"click", "selects: a row, a slot, a node, a name in blue; every view shows what was selected"},
    {"hover", "says on the bottom line what it is, and lights the coroutine up in the other views; Ctrl+C copies it"},
    {"drag a tab", "to another panel, or to an edge of one, which splits it; middle button: closes; double click: alone, and back"},
    {"drag a bar", "between two panels: divides the room"},
    {"Ctrl+wheel", "zooms; Shift+wheel goes sideways; Settings (Ctrl+,) has the plain wheel zoom, as in Tracy"},
    {"Alt+←, Alt+→", "back to what was selected before, and forward"},
};

void heading(Workspace& ws, const char* what) {
    ImGui::Dummy({0, ws.px(10)});
    ImGui::SetCursorPosX(ws.px(16));
    text(ws.fonts.strong, ws.theme->text, what);
    ImGui::Dummy({0, ws.px(2)});
}

template <std::size_t N>
void list_of(Workspace& ws, const HelpEntry (&entries)[N]) {
    for (const HelpEntry& entry : entries) {
        ImGui::SetCursorPosX(ws.px(16));
        text(ws.fonts.text, ws.theme->text, entry.word);
        ImGui::SameLine(ws.px(170));
        ImGui::PushStyleColor(ImGuiCol_Text, ws.theme->text_dim);
        ImGui::PushTextWrapPos(ImGui::GetWindowContentRegionMax().x - ws.px(16));
        ImGui::TextUnformatted(entry.says);
        ImGui::PopTextWrapPos();
        ImGui::PopStyleColor();
    }
}

}  // namespace

nlohmann::json HelpView::dump(Workspace& /*ws*/) {
    nlohmann::json words = nlohmann::json::array();
    for (const HelpEntry& entry : kHelpWords)
        words.push_back({{"word", entry.word}, {"says", entry.says}});
    return {{"words", std::move(words)}, {"actions", actions_ != nullptr ? actions_->all().size() : 0}};
}

void HelpView::draw_keys(Workspace& ws) {
    std::string group;
    for (const Action& action : actions_->all()) {
        if (action.chords.empty()) continue;
        if (group != action.group) {
            group = action.group;
            ImGui::Dummy({0, ws.px(4)});
            ImGui::SetCursorPosX(ws.px(16));
            text(ws.fonts.small, ws.theme->text_faint, group);
        }
        std::string keys;
        for (const std::string& chord : action.chords)
            keys += (keys.empty() ? "" : "  ") + chord_title(chord);
        ImGui::SetCursorPosX(ws.px(16));
        text(ws.fonts.mono_small, ws.theme->text, keys);
        ImGui::SameLine(ws.px(170));
        text(ws.fonts.text, ws.theme->text_dim, action.title);
    }
}

void HelpView::draw(Workspace& ws) {
    ImGui::BeginChild("help");
    heading(ws, "What the words mean");
    list_of(ws, kHelpWords);
    heading(ws, "What colours and marks stand for");
    for (std::size_t i = 0; i < kLooksCount; ++i) {
        const auto look = static_cast<Look>(i);
        ImGui::SetCursorPosX(ws.px(16));
        swatch(ws, look, 14);
        ImGui::SameLine(0, ws.px(10));
        text(ws.fonts.text, ws.theme->text_dim, look_name(look));
    }
    heading(ws, "What the mouse does");
    list_of(ws, kHelpMouse);
    heading(ws, "Keys; Ctrl+Shift+P finds any of them by its name");
    if (actions_ != nullptr) draw_keys(ws);
    ImGui::Dummy({0, ws.px(16)});
    ImGui::EndChild();
}

}  // namespace coroscope::views
