// A list of code lines of one height, of which those that can be seen are drawn: what the source and the instructions of a code panel share.
//
// The frame's thread, inside a child window of ImGui that scrolls.
#pragma once

#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "views/workspace.h"

namespace coroscope::views {

inline constexpr float kCodeLineUnits = 20;

// How much of a line's length can be seen, from the window's left edge: without the bar that scrolls lines, under which nothing is.
inline float seen_width() {
    return ImGui::GetWindowContentRegionMax().x + ImGui::GetScrollX();
}

// Calls draw(i) with the cursor at the left of line i. Scrolls so that line `centre` (negative: none) can be seen well when `scroll` is set, or when
// the window's height is not `last_height` any more.
template <typename Draw>
void draw_lines(Workspace& ws, std::size_t count, std::ptrdiff_t centre, bool scroll, float& last_height,
                Draw&& draw) {
    const float height = ws.px(kCodeLineUnits), room = ImGui::GetWindowHeight();
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    if ((std::exchange(last_height, room) != room || scroll) && centre >= 0) {
        const float at = (static_cast<float>(centre) + 0.5F) * height;
        // A step of the cursor that stays in view moves nothing.
        const float seen = at - ImGui::GetScrollY();
        if (seen < 2 * height || seen > room - 2 * height)
            ImGui::SetScrollY(std::max(0.0F, std::floor((at - room * 0.45F) / height) * height));
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(count), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            ImGui::SetCursorPosY(static_cast<float>(i) * height);
            draw(static_cast<std::size_t>(i));
        }
    }
    ImGui::SetCursorPosY(static_cast<float>(count) * height);
    ImGui::Dummy({1, 1});
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
