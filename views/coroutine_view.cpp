// See coroutine_view.h.
#include "views/coroutine_view.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/describe.h"
#include "views/empty_texts.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowUnits = 24;
constexpr std::size_t kDumpRowsMax = 1000;

// Widths at scale 1; 0 = shares what is left, by weight.
constexpr float kColumnUnits[kTableColumnsCount] = {140, 64, 0, 0, 72, 152, 68, 72, 52, 0, 0};
constexpr float kColumnWeights[kTableColumnsCount] = {0, 0, 1.0F, 1.2F, 0, 0, 0, 0, 0, 1.2F, 1.0F};
// From which width of the table a column is shown: the first things first where there is little room.
constexpr float kShownFromUnits[kTableColumnsCount] = {0, 0, 0, 0, 500, 1060, 780, 860, 960, 640, 1240};

}  // namespace

void CoroutineView::reset() {
    model_.reset();
    query_.filter.clear();
    query_.pins.clear();
}

nlohmann::json CoroutineView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    query_.filter = ws.filter;
    query_.pins = ws.pins();
    return to_json(compute_table(ws.moment, query_), kDumpRowsMax);
}

// As they are shown, all of them.
std::string CoroutineView::copy_text(Workspace& /*ws*/) {
    const TableModel* model = model_.value();
    if (model == nullptr) return {};
    std::string text;
    for (int i = 0; i < kTableColumnsCount; ++i)
        text += fmt::format("{}{}", i == 0 ? "" : "\t", column_title(static_cast<TableColumn>(i)));
    for (const std::uint32_t position : model->order) {
        for (int i = 0; i < kTableColumnsCount; ++i) {
            const auto& row = model->moment->state.coroutines[position];
            text += fmt::format("{}{}", i == 0 ? '\n' : '\t', table_cell(*model->moment, row, static_cast<TableColumn>(i)));
        }
    }
    return text + '\n';
}

std::ptrdiff_t CoroutineView::row_of(const TableModel& model, std::uint64_t identity) const {
    const auto& rows = model.moment->state.coroutines;
    const auto found = std::find_if(model.order.begin(), model.order.end(),
                                    [&](std::uint32_t at) { return rows[at].identity == identity; });
    return found == model.order.end() ? -1 : found - model.order.begin();
}

void CoroutineView::move(Workspace& ws, int by) {
    const TableModel* model = model_.value();
    if (model == nullptr || model->order.empty()) return;
    const std::ptrdiff_t now = ws.selection().coroutine != 0 ? row_of(*model, ws.selection().coroutine) : -1;
    const std::ptrdiff_t next = std::clamp<std::ptrdiff_t>(now < 0 ? 0 : now + by, 0,
                                                           std::ssize(model->order) - 1);
    ws.select_coroutine(model->moment->state.coroutines[model->order[static_cast<std::size_t>(next)]].identity);
}

// Under the field, the caret under its place.
static void draw_mistake(Workspace& ws, const std::string& mistake) {
    std::istringstream lines(mistake);
    ImGui::SetCursorPosY(ws.px(44));
    for (std::string line; std::getline(lines, line);) {
        ImGui::SetCursorPosX(ws.px(12));
        text(ws.fonts.mono_small, ws.theme->bad, line);
    }
}

void CoroutineView::draw(Workspace& ws) {
    query_.filter = ws.filter;
    query_.pins = ws.pins();
    if (ws.moment != nullptr) {
        model_.want(ws.background, Key{ws.moment, query_},
                    [moment = ws.moment, query = query_] { return compute_table(moment, query); });
    }
    const TableModel* model = model_.value();
    draw_head(ws, model);
    if (model == nullptr) {
        empty_state(ws, "No coroutines yet", "They are listed as soon as the program's runtime has started.");
        return;
    }
    if (model->order.empty()) {
        if (!model->mistake.empty()) {
            draw_mistake(ws, model->mistake);
        } else if (model->query.filter.empty()) {
            empty_state(ws, "No coroutine is alive", nobody_alive(ws));
        } else {
            empty_state(ws, "No coroutine matches",
                        "All words of the filter must occur in a row, or its rule hold. Esc in the field clears it.");
        }
        return;
    }
    draw_table(ws, *model);
}

void CoroutineView::draw_head(Workspace& ws, const TableModel* model) {
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    if (focus_wanted_) ImGui::SetKeyboardFocusHere();
    focus_wanted_ = false;
    const float field = std::clamp(ImGui::GetContentRegionAvail().x * 0.5F, ws.px(300), ws.px(560));
    if (text_field(ws, "table.filter", "Filter: words, or a rule: blocked_ns > 10ms …   ( / )", &ws.filter, field))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);  // the next one asks for what was typed
    if (model == nullptr) return;
    ImGui::SameLine(0, ws.px(12));
    ImGui::AlignTextToFramePadding();
    const std::size_t total = model->moment->state.coroutines.size();
    if (model->query.filter.empty()) {
        text(ws.fonts.mono_small, ws.theme->text_dim, format_count(total));
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.small, ws.theme->text_faint, total == 1 ? "coroutine" : "coroutines");
    } else {
        if (model->about_events) {
            text(ws.fonts.small, ws.theme->text_faint, "about events:  >  next match   <  last match");
        } else {
            text(ws.fonts.mono_small, ws.theme->text_dim, format_count(model->order.size()));
            ImGui::SameLine(0, ws.px(6));
            text(ws.fonts.small, ws.theme->text_faint, fmt::format("of {} match", format_count(total)));
        }
        ImGui::SameLine(0, ws.px(8));
        ImGui::SetCursorPosY(ws.px(6));
        if (button(ws, "table.clear", "Clear", ButtonKind::kQuiet)) ws.filter.clear();
    }
}

void CoroutineView::draw_headers(Workspace& ws) {
    ImGui::TableNextRow(ImGuiTableRowFlags_Headers, ws.px(kRowUnits));
    const ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs();
    const int sorted = specs != nullptr && specs->SpecsCount > 0 ? specs->Specs[0].ColumnIndex : -1;
    for (int i = 0; i < kTableColumnsCount; ++i) {
        if (!ImGui::TableSetColumnIndex(i)) continue;
        const auto column = static_cast<TableColumn>(i);
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float width = ImGui::GetContentRegionAvail().x;
        ImGui::PushStyleColor(ImGuiCol_Text, 0);  // its own arrow stands on no line of ours
        ImGui::TableHeader(fmt::format("##header{}", i).c_str());
        ImGui::PopStyleColor();
        publish_item(ws, fmt::format("table.header.{}", i));
        const float arrow = i == sorted ? ws.px(kSortArrowUnits + 4) : 0;
        const float y = std::floor(at.y + (ws.px(kRowUnits) - ws.px(4) - ws.fonts.small->FontSize) / 2);
        const ImU32 colour = i == sorted ? ws.theme->text : ws.theme->text_faint;
        ImDrawList* list = ImGui::GetWindowDrawList();
        if (column_is_number(column)) {
            draw_text(list, ws.fonts.small, {at.x + width - arrow, y}, colour, column_title(column), 1);
        } else {
            draw_text(list, ws.fonts.small, {at.x, y}, colour, column_title(column));
        }
        if (i != sorted) continue;
        const float left = column_is_number(column) ? at.x + width - ws.px(kSortArrowUnits)
                                                    : at.x + text_width(ws.fonts.small, column_title(column)) + ws.px(4);
        draw_sort_arrow(ws, list, {left, y}, specs->Specs[0].SortDirection == ImGuiSortDirection_Descending, colour);
    }
}

void CoroutineView::draw_row(Workspace& ws, const TableModel& model, std::size_t row) {
    const traces::Moment& moment = *model.moment;
    const inspect::CoroutineImage& coroutine = moment.state.coroutines[model.order[row]];
    const bool selected = coroutine.identity == ws.selection().coroutine;
    ImGui::TableNextRow(0, ws.px(kRowUnits));
    if (selected || ws.lit(coroutine.identity))
        ImGui::TableSetBgColor(ImGuiTableBgTarget_RowBg0, selected ? ws.theme->accent_soft : ws.theme->hover);
    if (ws.lit(coroutine.identity)) ws.show_lit(fmt::format("row.{}", coroutine.identity));
    for (int i = 0; i < kTableColumnsCount; ++i) {
        if (!ImGui::TableSetColumnIndex(i)) continue;
        const auto column = static_cast<TableColumn>(i);
        if (i == 0) {
            const ImVec2 at = ImGui::GetCursorPos();
            ImGui::PushStyleColor(ImGuiCol_HeaderHovered, ws.theme->hover);
            const std::string id = fmt::format("##row{}", coroutine.identity);
            if (ImGui::Selectable(id.c_str(), false, ImGuiSelectableFlags_SpanAllColumns,
                                  {0, ws.px(kRowUnits - 4)})) {
                ws.select_coroutine(coroutine.identity);
                seen_selection_ = ws.selection().changes;
            }
            ImGui::PopStyleColor();
            publish_item(ws, fmt::format("row.{}", coroutine.identity));
            if (ImGui::IsItemHovered()) {
                ws.hovered = one_line(moment, coroutine);
                ws.hover_coroutine(coroutine.identity);
            }
            ImGui::SetCursorPos(at);
            swatch(ws, look_of(coroutine));
            ImGui::SameLine(0, ws.px(8));
            text_cut(ws.is_pinned(coroutine.identity) ? ws.fonts.strong : ws.fonts.text, ws.theme->text,
                     table_cell(moment, coroutine, column), ImGui::GetContentRegionAvail().x);
            continue;
        }
        const std::string cell = table_cell(moment, coroutine, column);
        if (cell.empty()) continue;
        const float width = ImGui::GetContentRegionAvail().x;
        const ImVec2 at = ImGui::GetCursorScreenPos();
        ImDrawList* list = ImGui::GetWindowDrawList();
        if (column_is_number(column)) {
            draw_text(list, ws.fonts.mono_small, {at.x + width, at.y + onto_line_of(ws.fonts.text, ws.fonts.mono_small)},
                      column == TableColumn::kIdentity ? ws.theme->text : ws.theme->text_dim, cell, 1);
        } else {
            const bool name = column == TableColumn::kName;
            const bool site = column == TableColumn::kSite;
            const std::string_view shown = site ? short_path(cell) : std::string_view(cell);
            draw_text(list, ws.fonts.text, at, name ? ws.theme->text : ws.theme->text_dim,
                      cut_to(ws.fonts.text, shown, width, site));
        }
    }
}

void CoroutineView::draw_table(Workspace& ws, const TableModel& model) {
    ImGui::SetCursorPosY(ws.px(40));
    const ImGuiTableFlags flags = ImGuiTableFlags_ScrollY | ImGuiTableFlags_Sortable |
                                  ImGuiTableFlags_Resizable | ImGuiTableFlags_Hideable |
                                  ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerV |
                                  ImGuiTableFlags_NoBordersInBody | ImGuiTableFlags_NoSavedSettings |
                                  ImGuiTableFlags_PadOuterX;
    if (!ImGui::BeginTable("coroutines", kTableColumnsCount, flags)) return;
    ImGui::TableSetupScrollFreeze(0, 1);
    const float width = ImGui::GetContentRegionAvail().x;
    for (int i = 0; i < kTableColumnsCount; ++i) {
        const float units = kColumnUnits[i];
        const ImGuiTableColumnFlags column = units > 0 ? ImGuiTableColumnFlags_WidthFixed
                                                       : ImGuiTableColumnFlags_WidthStretch;
        const bool first_sorted = i == static_cast<int>(TableColumn::kIdentity);
        ImGui::TableSetupColumn(column_title(static_cast<TableColumn>(i)),
                                column | (first_sorted ? ImGuiTableColumnFlags_DefaultSort : 0),
                                units > 0 ? ws.px(units) : kColumnWeights[i]);
    }
    // Only when the width passes a threshold: in between the header's menu decides.
    for (int i = 0; i < kTableColumnsCount; ++i) {
        const bool was = width_ >= ws.px(kShownFromUnits[i]), is = width >= ws.px(kShownFromUnits[i]);
        if (was != is || width_ == 0) ImGui::TableSetColumnEnabled(i, is);
    }
    width_ = width;
    if (const ImGuiTableSortSpecs* specs = ImGui::TableGetSortSpecs();
        specs != nullptr && specs->SpecsCount > 0) {
        query_.column = static_cast<TableColumn>(specs->Specs[0].ColumnIndex);
        query_.descending = specs->Specs[0].SortDirection == ImGuiSortDirection_Descending;
    }
    draw_headers(ws);
    if (ws.selection().changes != seen_selection_ && model_.current(Key{ws.moment, query_})) {
        seen_selection_ = ws.selection().changes;
        const std::ptrdiff_t row = ws.selection().coroutine != 0 ? row_of(model, ws.selection().coroutine)
                                                                 : -1;
        const float height = ws.px(kRowUnits), view = ImGui::GetWindowHeight() - 2 * height;
        const float y = static_cast<float>(row) * height;
        if (row >= 0 && (y < ImGui::GetScrollY() || y + height > ImGui::GetScrollY() + view)) {
            ImGui::SetScrollY(scroll_to_middle(y, height, view));
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(model.order.size()));
    while (clipper.Step()) {
        for (int row = clipper.DisplayStart; row < clipper.DisplayEnd; ++row)
            draw_row(ws, model, static_cast<std::size_t>(row));
    }
    ImGui::EndTable();
}

}  // namespace coroscope::views
