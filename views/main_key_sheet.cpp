// The key sheet: the table of actions as a page over the window (main_window.h).
#include <algorithm>
#include <cmath>

#include "views/main_window.h"
#include "views/widgets.h"

namespace coroscope::views {

// Every action with its key; typing filters, Enter runs the first, a click runs any.
void MainWindow::draw_key_sheet() {
    if (!key_sheet_open_) return;
    const Theme& theme = *ws_.theme;
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float width = std::min(ws_.px(880), size.x - ws_.px(48)),
                height = std::min(ws_.px(640), size.y - ws_.px(48));
    const ImVec2 corner = {std::floor((size.x - width) / 2), std::floor((size.y - height) / 2)};
    ImGui::SetNextWindowPos(corner);
    ImGui::SetNextWindowSize({width, height});
    ImGui::SetNextWindowFocus();
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ws_.px(24), ws_.px(20)});
    ImGui::Begin("key sheet", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBackground);
    // What lies under it steps back, panels and all: they are drawn over what holds them, so this is drawn here.
    ImDrawList* ground = ImGui::GetWindowDrawList();
    ground->PushClipRectFullScreen();
    ground->AddRectFilled({0, 0}, size, with_alpha(theme.ground, 0.7F));
    ground->AddRectFilled(corner, {corner.x + width, corner.y + height}, theme.raised, ws_.px(8));
    ground->PopClipRect();
    text(ws_.fonts.title, theme.text, "Keys and actions");
    ImGui::SameLine();
    ImGui::SetCursorPosX(width - ws_.px(24 + 240));
    if (key_sheet_focus_) ImGui::SetKeyboardFocusHere();
    key_sheet_focus_ = false;
    text_field(ws_, "keys.filter", "Type to find an action", &key_sheet_filter_, ws_.px(240));
    ImGui::Dummy({0, ws_.px(8)});
    ImGui::BeginChild("actions");
    const float column = std::floor((width - ws_.px(48 + 32 + 16)) / 2);  // 16: the scrollbar
    std::vector<const Action*> shown;
    for (const Action& action : actions_.all()) {
        if (contains_folded(action.title, key_sheet_filter_) ||
            contains_folded(action.group, key_sheet_filter_))
            shown.push_back(&action);
    }
    // A group stands together where its first action does.
    const auto place_of = [&](const Action* action) {
        return std::find_if(actions_.all().begin(), actions_.all().end(),
                            [&](const Action& other) { return other.group == action->group; }) - actions_.all().begin();
    };
    std::stable_sort(shown.begin(), shown.end(),
                     [&](const Action* a, const Action* b) { return place_of(a) < place_of(b); });
    std::string to_run;
    if (ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter), false) && !shown.empty())
        to_run = shown.front()->id;
    // The second column begins with the group that reaches over the middle.
    std::size_t per_column = shown.size();
    for (std::size_t i = shown.size() / 2; i < shown.size() && per_column == shown.size(); ++i) {
        if (i != 0 && shown[i]->group != shown[i - 1]->group) per_column = i;
    }
    const float top = ImGui::GetCursorPosY();
    std::string group;
    float y = top;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const Action& action = *shown[i];
        const float x = i < per_column ? 0 : column + ws_.px(32);
        if (i == per_column) y = top;
        if (action.group != group || i == per_column) {
            group = action.group;
            ImGui::SetCursorPos({x, y + ws_.px(8)});
            text(ws_.fonts.small, theme.text_faint, group);
            y += ws_.px(28);
        }
        ImGui::SetCursorPos({x, y});
        const bool possible = !action.possible || action.possible();
        const ImVec2 at = ImGui::GetCursorScreenPos();
        if (ImGui::InvisibleButton(action.id.c_str(), {std::max(1.0F, column), ws_.px(24)}) && possible) to_run = action.id;
        publish_item(ws_, "action." + action.id);
        ImDrawList* list = ImGui::GetWindowDrawList();
        if (ImGui::IsItemHovered())
            list->AddRectFilled(at, {at.x + column, at.y + ws_.px(24)}, theme.hover, ws_.px(4));
        std::string keys;
        for (const std::string& chord : action.chords)
            keys += (keys.empty() ? "" : "  ") + chord_title(chord);
        const float room = column - ws_.px(20) - text_width(ws_.fonts.mono_small, keys);
        draw_text(list, ws_.fonts.text, {at.x + ws_.px(4), at.y + ws_.px(4)},
                  possible ? theme.text : theme.text_faint, cut_to(ws_.fonts.text, action.title, room));
        const float keys_y = at.y + ws_.px(4) + onto_line_of(ws_.fonts.text, ws_.fonts.mono_small);
        draw_text(list, ws_.fonts.mono_small, {at.x + column - ws_.px(4), keys_y}, theme.text_dim, keys, 1);
        y += ws_.px(24);
    }
    if (shown.empty()) text(ws_.fonts.text, theme.text_faint, "No action is called that.");
    ImGui::EndChild();
    ImGui::End();
    ImGui::PopStyleVar();
    if (!to_run.empty()) {
        key_sheet_open_ = false;
        key_sheet_filter_.clear();
        actions_.run(to_run);
    }
}

}  // namespace coroscope::views
