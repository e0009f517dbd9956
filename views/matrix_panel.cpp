// See matrix_panel.h. Colour grows with the logarithm of the count, so that one in a thousand is still seen.
#include "views/matrix_panel.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kCellHeightUnits = 24, kTitleUnits = 24, kEdgeUnits = 12;

std::string cell_text(std::uint64_t count) {
    if (count >= 10'000'000) return fmt::format("{} M", count / 1'000'000);
    return count >= 100'000 ? fmt::format("{} k", count / 1000) : format_count(count);
}

}  // namespace

std::size_t matrix_columns_fit(const Workspace& ws, float width, float cell_units, float label_units) {
    return static_cast<std::size_t>(std::max(1.0F, (width - ws.px(label_units + 2 * kEdgeUnits)) / ws.px(cell_units)));
}

std::optional<MatrixCell> draw_matrix(Workspace& ws, const std::string& name, const Matrix& matrix, const MatrixWords& words, float cell_units,
                                      float label_units) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float left = at.x + ws.px(kEdgeUnits + label_units), width = ws.px(cell_units), height = ws.px(kCellHeightUnits);
    const float gap = std::max(1.0F, ws.px(1)), top = at.y + ws.px(kTitleUnits);
    ImDrawList* list = ImGui::GetWindowDrawList();
    draw_text(list, ws.fonts.small, {at.x + ws.px(kEdgeUnits), at.y + ws.px(5)}, theme.text_faint,
              fmt::format("{} ↓  {} →", words.rows, words.columns));
    const auto is_lit = [&](const std::vector<std::string>& sites, std::size_t i) {
        return !words.lit_site.empty() && i < sites.size() && sites[i] == words.lit_site;
    };
    for (std::size_t c = 0; c < matrix.columns.size(); ++c)
        draw_text(list, ws.fonts.small, {left + width * (static_cast<float>(c) + 0.5F), at.y + ws.px(5)},
                  is_lit(matrix.column_sites, c) ? theme.accent : theme.text_dim,
                  cut_to(ws.fonts.small, matrix.columns[c], width - ws.px(4)), 0.5F);
    std::optional<MatrixCell> clicked;
    const double scale = std::log1p(static_cast<double>(std::max<std::uint64_t>(1, matrix.most)));
    for (std::size_t r = 0; r < matrix.rows.size(); ++r) {
        const float y = top + height * static_cast<float>(r), text_y = y + std::floor((height - ws.fonts.small->FontSize) / 2);
        draw_text(list, ws.fonts.small, {left - ws.px(8), text_y}, is_lit(matrix.row_sites, r) ? theme.accent : theme.text_dim,
                  cut_to(ws.fonts.small, matrix.rows[r], ws.px(label_units - 12), true), 1);
        for (std::size_t c = 0; c < matrix.columns.size(); ++c) {
            const float x = left + width * static_cast<float>(c);
            const std::uint64_t count = matrix.cells[matrix.at(r, c)];
            const ImVec2 low = {x, y}, high = {x + width - gap, y + height - gap};
            list->AddRectFilled(low, high, theme.field);
            if (count == 0) continue;
            const auto share = static_cast<float>(std::log1p(static_cast<double>(count)) / scale);
            const float alpha = 0.15F + 0.75F * share;
            list->AddRectFilled(low, high, with_alpha(theme.accent, alpha));
            const std::string id = fmt::format("{}.{}.{}", name, r, c);
            ImGui::SetCursorScreenPos(low);
            if (ImGui::InvisibleButton(id.c_str(), {std::max(1.0F, high.x - low.x), std::max(1.0F, high.y - low.y)})) clicked = MatrixCell{r, c};
            publish_item(ws, id);
            if (is_lit(matrix.column_sites, c) || is_lit(matrix.row_sites, r)) {
                list->AddRect(low, high, theme.accent, 0, 0, std::max(1.0F, std::floor(ws.scale)));
                ws.show_lit(id);
            }
            if (ImGui::IsItemHovered()) {
                if (const std::size_t cell = matrix.at(r, c); cell < matrix.examples.size()) ws.hover_coroutine(matrix.examples[cell]);
                list->AddRect(low, high, theme.text, 0, 0, std::max(1.0F, std::floor(ws.scale)));
                ws.hovered = words.sentence({r, c});
            }
            draw_text(list, ws.fonts.mono_small, {(low.x + high.x) / 2, y + std::floor((height - ws.fonts.mono_small->FontSize) / 2)},
                      alpha > 0.6F ? theme.on_accent : theme.text, cut_to(ws.fonts.mono_small, cell_text(count), width - ws.px(4)), 0.5F);
        }
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({ws.px(kEdgeUnits + label_units) + width * static_cast<float>(matrix.columns.size()),
                  ws.px(kTitleUnits) + height * static_cast<float>(matrix.rows.size())});
    return clicked;
}

}  // namespace coroscope::views
