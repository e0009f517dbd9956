// See sort_titles.h.
#include "views/sort_titles.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/widgets.h"

namespace coroscope::views {

bool draw_sort_titles(Workspace& ws, const std::string& name, std::span<const Column> columns, std::span<const PlacedColumn> places,
                      SortedBy* sorted) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(30), gap = ws.px(12);
    ImDrawList* list = ImGui::GetWindowDrawList();
    bool changed = false;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!places[i].shown) continue;
        ImGui::SetCursorScreenPos({at.x + places[i].x - ws.px(4), at.y});
        const std::string id = fmt::format("{}.header.{}", name, i);
        if (ImGui::InvisibleButton(id.c_str(), {std::max(1.0F, places[i].width - ws.px(4)), height})) {
            *sorted = sorted->column == i ? SortedBy{i, !sorted->descending} : SortedBy{i, columns[i].number};
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
            changed = true;
        }
        publish_item(ws, id);
        const bool by_this = sorted->column == i, number = columns[i].number;
        const ImU32 colour = by_this ? theme.text : ImGui::IsItemHovered() ? theme.text_dim : theme.text_faint;
        const float room = places[i].width - gap, arrow = by_this ? ws.px(kSortArrowUnits + 4) : 0;
        const float x = at.x + places[i].x, y = at.y + ws.px(8);
        const std::string title = cut_to(ws.fonts.small, columns[i].title, room - arrow);
        draw_text(list, ws.fonts.small, {number ? x + room - arrow : x, y}, colour, title, number ? 1.0F : 0.0F);
        if (!by_this) continue;
        const float left = number ? x + room - ws.px(kSortArrowUnits) : x + text_width(ws.fonts.small, title) + ws.px(4);
        draw_sort_arrow(ws, list, {left, y}, sorted->descending, colour);
    }
    ImGui::SetCursorScreenPos({at.x, at.y + height});
    return changed;
}

}  // namespace coroscope::views
