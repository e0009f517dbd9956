// See columns.h.
#include "views/columns.h"

#include <algorithm>
#include <cmath>

#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kMarginUnits = 12;
constexpr float kGapUnits = 12;
constexpr float kTitlesUnits = 30;

}  // namespace

std::vector<PlacedColumn> place_columns(std::span<const Column> columns, float width, float scale) {
    const float room = width - 2 * kMarginUnits * scale;
    std::vector<PlacedColumn> places(columns.size());
    int rank_most = 0;
    for (const Column& column : columns)
        rank_most = std::max(rank_most, column.rank);
    float needed = 0;
    for (int rank = rank_most; rank >= 0; --rank) {
        needed = 0;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            places[i].shown = columns[i].rank <= rank;
            if (places[i].shown) needed += columns[i].units * scale;
        }
        if (needed <= room) break;
    }
    float weights = 0;
    for (std::size_t i = 0; i < columns.size(); ++i)
        weights += places[i].shown ? columns[i].weight : 0;
    const float rest = std::max(0.0F, room - needed);
    float x = kMarginUnits * scale;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!places[i].shown) continue;
        places[i].x = std::floor(x);
        places[i].width = std::floor(columns[i].units * scale +
                                     (weights > 0 ? rest * columns[i].weight / weights : 0));
        x += places[i].width;
    }
    return places;
}

void draw_column_titles(Workspace& ws, std::span<const Column> columns, std::span<const PlacedColumn> places) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!places[i].shown) continue;
        const float end = places[i].width - ws.px(kGapUnits);
        draw_text(ImGui::GetWindowDrawList(), ws.fonts.small,
                  {at.x + places[i].x + (columns[i].number ? end : 0), at.y + ws.px(8)}, ws.theme->text_faint,
                  cut_to(ws.fonts.small, columns[i].title, end), columns[i].number ? 1.0F : 0.0F);
    }
    ImGui::SetCursorScreenPos({at.x, at.y + ws.px(kTitlesUnits)});
}

void draw_cell(Workspace& ws, const Column& column, const PlacedColumn& place, ImVec2 at, float row_height,
               ImU32 colour, std::string_view what) {
    if (!place.shown || what.empty()) return;
    ImFont* font = column.number ? ws.fonts.mono_small : ws.fonts.small;
    const float room = place.width - ws.px(kGapUnits);
    const float y = at.y + std::floor((row_height - font->FontSize) / 2);
    draw_text(ImGui::GetWindowDrawList(), font, {at.x + place.x + (column.number ? room : 0), y}, colour,
              cut_to(font, what, room), column.number ? 1.0F : 0.0F);
}

}  // namespace coroscope::views
