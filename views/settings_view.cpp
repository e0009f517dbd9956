// See settings_view.h.
#include "views/settings_view.h"

#include <imgui.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kSettingUnits = 96;
constexpr std::array<float, 7> kZooms = {0.8F, 0.9F, 1.0F, 1.1F, 1.25F, 1.5F, 2.0F};
constexpr const char* kZoomWords[] = {"80", "90", "100", "110", "125", "150", "200"};

void heading(Workspace& ws, const char* what, const char* about) {
    ImGui::SetCursorPosX(ws.px(16));
    ImGui::Dummy({0, ws.px(6)});
    ImGui::SetCursorPosX(ws.px(16));
    ImGui::AlignTextToFramePadding();
    text(ws.fonts.strong, ws.theme->text, what);
    ImGui::SameLine(ws.px(kSettingUnits));
    ImGui::AlignTextToFramePadding();
    text(ws.fonts.small, ws.theme->text_faint, about);
    ImGui::SetCursorPosX(ws.px(kSettingUnits));
}

}  // namespace

nlohmann::json SettingsView::dump(Workspace& ws) {
    return {{"theme", ws.theme != nullptr ? ws.theme->name : ""}, {"zoom", host_.zoom ? host_.zoom() : 1.0F}, {"tracy_mouse", ws.tracy_mouse}};
}

void SettingsView::draw(Workspace& ws) {
    ImGui::SetCursorPosY(ws.px(8));
    heading(ws, "Theme", "Ctrl+T goes through them");
    const auto& themes = all_themes();
    std::vector<const char*> names;
    for (const Theme* theme : themes)
        names.push_back(theme->name);
    int theme = static_cast<int>(std::find(themes.begin(), themes.end(), ws.theme) - themes.begin());
    if (choice(ws, "settings.theme", names.data(), static_cast<int>(names.size()), &theme)) host_.set_theme(*themes[static_cast<std::size_t>(theme)]);

    heading(ws, "Size", "of everything, in percent; Ctrl+= and Ctrl+- change it");
    const float zoom = host_.zoom();
    const auto nearest = std::min_element(kZooms.begin(), kZooms.end(), [&](float a, float b) { return std::abs(a - zoom) < std::abs(b - zoom); });
    int at = static_cast<int>(nearest - kZooms.begin());
    if (choice(ws, "settings.zoom", kZoomWords, static_cast<int>(kZooms.size()), &at)) host_.set_zoom(kZooms[static_cast<std::size_t>(at)]);

    heading(ws, "Wheel", "in the timeline and the wait graph; with Ctrl it does the other");
    static constexpr const char* kMouse[] = {"scrolls", "zooms, as in Tracy"};
    int mouse = ws.tracy_mouse ? 1 : 0;
    if (choice(ws, "settings.mouse", kMouse, 2, &mouse)) ws.tracy_mouse = mouse == 1;

    heading(ws, "Panels", "drag a tab to another panel or to an edge; F1 to F5 arrange them");
    if (button(ws, "settings.layout", "Arrange everything as it was made to be", ButtonKind::kPlain, "All five arrangements, and the present one"))
        host_.reset_layouts();
}

}  // namespace coroscope::views
