// See pool_view.h.
#include "views/pool_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/describe.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kHeadUnits = 28;    // line above each grid
constexpr float kGapUnits = 12;     // between pools
constexpr int kLinesFromCell = 5;   // cells of this size get lines between them
constexpr int kMarksFromCell = 10;  // and of this size their second mark
constexpr std::size_t kMarksMax = 6000;
constexpr int kCellMax = 24;

}  // namespace

PoolView::~PoolView() {
    reset();
}

void PoolView::reset() {
    for (auto& [pool, drawn] : drawn_) {
        if (drawn.texture != nullptr && textures_ != nullptr) textures_->destroy(drawn.texture);
    }
    drawn_.clear();
    model_.reset();
}

nlohmann::json PoolView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    return to_json(compute_pools(ws.moment->state));
}

void PoolView::zoom(int steps) {
    wanted_cell_ = std::clamp(cell_ + steps, 1, kCellMax);
}

void PoolView::step(Workspace& ws, int by) {
    const PoolModel* model = model_.value();
    const auto& slot = ws.selection().slot;
    if (model == nullptr || !slot.has_value() || slot->pool >= model->pools.size()) return;
    const auto slots = static_cast<std::int64_t>(model->pools[slot->pool].slots());
    const std::int64_t next = std::int64_t{slot->slot} + by;
    if (next >= 0 && next < slots) ws.select_slot({slot->pool, static_cast<std::uint32_t>(next)});
}

void PoolView::draw(Workspace& ws) {
    textures_ = ws.textures;
    if (ws.moment != nullptr) {
        model_.want(ws.background, ws.moment, [moment = ws.moment] { return compute_pools(moment->state); });
    }
    const std::shared_ptr<const PoolModel> model = model_.shared();
    if (model == nullptr || ws.moment == nullptr) {
        empty_state(ws, "No pools yet",
                    "The stack pools appear as soon as the program's runtime has started.");
        return;
    }
    draw_head(ws, *model);
    ImGui::BeginChild("grids");
    const ImVec2 room = {ImGui::GetWindowWidth(), ImGui::GetWindowHeight()};
    const float width = room.x - ws.px(12 + 20);
    FitInput fit;
    fit.width = width;
    fit.height = room.y - ws.px(12);
    fit.header = ws.px(kHeadUnits) + ws.px(kGapUnits);
    for (const PoolRow& pool : model->pools) {
        if (pool.slots() != 0)
            fit.slots.push_back(pool.high_water_slots != 0 || pool.used != 0 ? pool.slots() : 0);
    }
    cell_ = wanted_cell_ != 0 ? wanted_cell_ : fit_cell(fit);
    const ImGuiIO& io = ImGui::GetIO();
    if (ImGui::IsWindowHovered() && io.KeyCtrl && io.MouseWheel != 0) {
        zoom(io.MouseWheel > 0 ? 1 : -1);
    }
    if (fit.slots.empty()) {
        empty_state(ws, "No slot has been used yet",
                    "A pool gets its first slots when the first coroutine is spawned.");
    }
    for (const PoolRow& pool : model->pools) {
        if (pool.slots() != 0) draw_pool(ws, pool, cell_, width);
    }
    seen_selection_ = ws.selection().changes;
    ImGui::EndChild();
}

// The legend: what each colour and mark means, and how many slots have it now.
void PoolView::draw_head(Workspace& ws, const PoolModel& model) {
    const Theme& theme = *ws.theme;
    const float right = ImGui::GetWindowContentRegionMax().x - ws.px(8);
    ImGui::SetCursorPos({ws.px(12), ws.px(8)});
    const float buttons = right - ws.px(116);
    bool first = true;
    for (std::size_t i = 1; i < kLooksCount; ++i) {
        if (model.counts[i] == 0) continue;
        const auto look = static_cast<Look>(i);
        const std::string count = format_count(model.counts[i]);
        const float width = ws.px(12 + 6 + 6 + 16) + text_width(ws.fonts.small, look_name(look)) +
                            text_width(ws.fonts.mono_small, count);
        if (!first) {
            ImGui::SameLine(0, ws.px(16));
            if (ImGui::GetCursorPosX() + width > buttons) {
                ImGui::NewLine();
                ImGui::SetCursorPosX(ws.px(12));
            }
        }
        first = false;
        ImGui::PushFont(ws.fonts.small);
        swatch(ws, look);
        ImGui::PopFont();
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.small, theme.text_dim, look_name(look));
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.mono_small, theme.text, count);
    }
    if (first) text(ws.fonts.small, theme.text_faint, "every slot is free");
    const float below = ImGui::GetCursorPosY();
    ImGui::SetCursorPos({right - ws.px(104), ws.px(4)});
    if (button(ws, "pools.smaller", "−", ButtonKind::kQuiet, "Smaller cells (Ctrl+wheel)")) zoom(-1);
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "pools.fit", "Fit", ButtonKind::kQuiet, "Show all pools at once")) wanted_cell_ = 0;
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "pools.larger", "+", ButtonKind::kQuiet, "Larger cells (Ctrl+wheel)")) zoom(1);
    ImGui::SetCursorPosY(std::max(below + ws.px(4), ws.px(36)));
}

void PoolView::draw_pool_head(Workspace& ws, const PoolRow& pool, float width) {
    const Theme& theme = *ws.theme;
    const float top = ImGui::GetCursorPosY();
    ImGui::SetCursorPosX(ws.px(12));
    std::string title = pool.size_class;
    if (!pool.purpose.empty()) title += " · " + pool.purpose;
    text(ws.fonts.strong, theme.text, title);
    ImGui::SameLine(0, ws.px(8));
    text(ws.fonts.small, theme.text_faint, format_bytes(pool.slot_bytes) + " slots");
    // Right: occupancy as numbers, then as a bar.
    const float share = static_cast<float>(pool.used) /
                        static_cast<float>(std::max<std::uint64_t>(1, pool.slots()));
    const float bar = ws.px(96);
    const float end = ws.px(12) + width;
    const bool never = pool.high_water_slots == 0 && pool.used == 0;
    const std::string numbers = never ? fmt::format("none of {} ever used", format_count(pool.slots()))
                                      : fmt::format("{} of {} used", format_count(pool.used),
                                                    format_count(pool.slots()));
    const std::string peak = fmt::format("peak {}", format_count(pool.high_water_slots));
    ImGui::SameLine();
    ImGui::SetCursorPosY(top);
    text_ending_at(ws.fonts.mono_small, theme.text_dim, numbers, end - bar - ws.px(8));
    if (!never &&
        text_width(ws.fonts.mono_small, numbers) + text_width(ws.fonts.mono_small, peak) + ws.px(240) < width) {
        ImGui::SameLine();
        text_ending_at(ws.fonts.mono_small, theme.text_faint, peak,
                       end - bar - ws.px(8 + 16) - text_width(ws.fonts.mono_small, numbers));
    }
    const ImVec2 origin = ImGui::GetWindowPos();
    const float x = std::floor(origin.x + end - bar),
                y = std::floor(origin.y + top - ImGui::GetScrollY() + ws.px(6));
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled({x, y}, {x + bar, y + ws.px(6)}, theme.look(Look::kFree), ws.px(3));
    if (pool.used != 0) {
        list->AddRectFilled({x, y}, {x + std::max(ws.px(6), std::floor(bar * share)), y + ws.px(6)},
                            theme.accent, ws.px(3));
    }
    if (pool.high_water_slots != 0 && pool.slots() != 0) {
        const float peak_share = std::min(
            1.0F, static_cast<float>(pool.high_water_slots) / static_cast<float>(pool.slots()));
        const float at = x + std::floor((bar - ws.px(2)) * peak_share);
        list->AddRectFilled({at, y - ws.px(2)}, {at + ws.px(2), y + ws.px(8)}, theme.text_dim);
    }
    ImGui::SetCursorPosY(top + ws.px(kHeadUnits));
}

void PoolView::upload(Workspace& ws, const PoolRow& pool, Drawn& drawn) {
    const std::shared_ptr<const PoolModel> model = model_.shared();
    const int width = static_cast<int>(drawn.grid.columns), height = static_cast<int>(drawn.grid.rows);
    const bool same_shape = drawn.texture != nullptr && drawn.texture_width == width &&
                            drawn.texture_height == height;
    if (same_shape && drawn.of_model == model && drawn.of_theme == ws.theme) return;
    std::vector<std::uint32_t> cells;
    std::array<std::uint32_t, kLooksCount> palette{};
    for (std::size_t i = 0; i < kLooksCount; ++i)
        palette[i] = ws.theme->looks[i];
    fill_cells(pool, drawn.grid, palette, 0, cells);
    if (!same_shape) {
        if (drawn.texture != nullptr) ws.textures->destroy(drawn.texture);
        drawn.texture = ws.textures->create(width, height);
        drawn.texture_width = width;
        drawn.texture_height = height;
        drawn.cells.clear();
    }
    if (drawn.texture != nullptr) {
        for (const RowRange& range : changed_rows(drawn.cells, cells, drawn.grid.columns)) {
            ws.textures->update_rows(drawn.texture, width, static_cast<int>(range.first),
                                     static_cast<int>(range.last - range.first),
                                     &cells[std::size_t{range.first} * drawn.grid.columns]);
        }
    }
    drawn.cells = std::move(cells);
    drawn.of_model = model;
    drawn.of_theme = ws.theme;
}

void PoolView::draw_pool(Workspace& ws, const PoolRow& pool, int cell, float width) {
    const std::uint32_t columns = columns_for(width, cell);
    draw_pool_head(ws, pool, std::min(width, static_cast<float>(columns) * static_cast<float>(cell)));
    if (pool.high_water_slots == 0 && pool.used == 0) {  // its head says all there is to say
        drawn_.erase(pool.pool);
        return;
    }
    Drawn& drawn = drawn_[pool.pool];
    drawn.grid = make_grid(pool.slots(), columns, static_cast<std::uint32_t>(ws.textures->side_max()));
    upload(ws, pool, drawn);
    ImGui::SetCursorPosX(ws.px(12));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const auto size = static_cast<float>(cell);
    drawn.rect = {at.x, at.y, at.x + static_cast<float>(drawn.grid.columns) * size,
                  at.y + static_cast<float>(drawn.grid.rows) * size};
    ImGui::InvisibleButton(
        fmt::format("grid{}", pool.pool).c_str(),
        {std::max(1.0F, drawn.rect.x1 - drawn.rect.x0), std::max(1.0F, drawn.rect.y1 - drawn.rect.y0)});
    publish_item(ws, fmt::format("pools.grid.{}", pool.pool));
    const bool hovered = ImGui::IsItemHovered();
    const bool clicked = ImGui::IsItemClicked();
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 low = list->GetClipRectMin(), high = list->GetClipRectMax();
    drawn.visible = {std::max(low.x, drawn.rect.x0), std::max(low.y, drawn.rect.y0),
                     std::min(high.x, drawn.rect.x1), std::min(high.y, drawn.rect.y1)};
    if (drawn.texture != nullptr)
        list->AddImage(drawn.texture, {drawn.rect.x0, drawn.rect.y0}, {drawn.rect.x1, drawn.rect.y1});
    draw_grid_lines(ws, pool, drawn, cell);
    draw_selected(ws, pool, drawn, cell);
    if (hovered) hover(ws, pool, drawn, cell);
    if (clicked) {
        const ImVec2 mouse = ImGui::GetIO().MousePos;
        const auto column = static_cast<std::uint32_t>((mouse.x - drawn.rect.x0) / size);
        const auto row = static_cast<std::uint32_t>((mouse.y - drawn.rect.y0) / size);
        const std::uint64_t slot = drawn.grid.first_slot(column, row);
        if (slot < pool.slots()) ws.select_slot({pool.pool, static_cast<std::uint32_t>(slot)});
    }
    ImGui::SetCursorPosY(ImGui::GetCursorPosY() + ws.px(kGapUnits - 4));
}

void PoolView::draw_grid_lines(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    if (cell < kLinesFromCell) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const auto size = static_cast<float>(cell);
    const ImU32 colour = ws.theme->panel;
    for (std::uint32_t column = 1; column <= drawn.grid.columns; ++column) {
        const float x = drawn.rect.x0 + static_cast<float>(column) * size - 1;
        list->AddRectFilled({x, drawn.visible.y0}, {x + 1, drawn.visible.y1}, colour);
    }
    const auto first = static_cast<std::uint32_t>(std::max(0.0F, (drawn.visible.y0 - drawn.rect.y0) / size));
    const auto last = std::min(
        drawn.grid.rows,
        static_cast<std::uint32_t>(std::max(0.0F, (drawn.visible.y1 - drawn.rect.y0) / size)) + 1);
    for (std::uint32_t row = first; row < last; ++row) {
        const float y = drawn.rect.y0 + static_cast<float>(row + 1) * size - 1;
        list->AddRectFilled({drawn.visible.x0, y}, {drawn.visible.x1, y + 1}, colour);
    }
    if (cell < kMarksFromCell || std::size_t{last - first} * drawn.grid.columns > kMarksMax) return;
    const ImU32 ink = ws.theme->dark ? IM_COL32(0, 0, 0, 170) : IM_COL32(255, 255, 255, 220);
    for (std::uint32_t row = first; row < last; ++row) {
        for (std::uint32_t column = 0; column < drawn.grid.columns; ++column) {
            const std::uint64_t slot = drawn.grid.first_slot(column, row);
            if (slot >= pool.slots() || pool.looks[slot] == Look::kFree) continue;
            draw_mark(list,
                      {drawn.rect.x0 + static_cast<float>(column) * size,
                       drawn.rect.y0 + static_cast<float>(row) * size},
                      size - 1, mark_of(pool.looks[slot]), ink);
        }
    }
}

void PoolView::draw_selected(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    const auto& selected = ws.selection().slot;
    if (!selected.has_value() || selected->pool != pool.pool || selected->slot >= pool.slots()) return;
    const auto size = static_cast<float>(cell);
    const float x = drawn.rect.x0 + static_cast<float>(drawn.grid.column_of(selected->slot)) * size;
    const float y = drawn.rect.y0 + static_cast<float>(drawn.grid.row_of(selected->slot)) * size;
    const float grow = std::max(ws.px(2), std::floor((ws.px(9) - size) / 2));
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRect({x - grow - 1, y - grow - 1}, {x + size + grow + 1, y + size + grow + 1}, ws.theme->ground,
                  ws.px(2), 0, ws.px(3));
    list->AddRect({x - grow, y - grow}, {x + size + grow, y + size + grow}, ws.theme->text, ws.px(2), 0,
                  ws.px(1.5F));
    if (ws.selection().changes != seen_selection_ && (y < drawn.visible.y0 || y + size > drawn.visible.y1)) {
        ImGui::SetScrollFromPosY(y - ImGui::GetWindowPos().y, 0.5F);
    }
}

void PoolView::hover(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    const auto size = static_cast<float>(cell);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto column = static_cast<std::uint32_t>(std::max(0.0F, mouse.x - drawn.rect.x0) / size);
    const auto row = static_cast<std::uint32_t>(std::max(0.0F, mouse.y - drawn.rect.y0) / size);
    const std::uint64_t slot = drawn.grid.first_slot(column, row);
    if (slot >= pool.slots()) return;
    const float x = drawn.rect.x0 + static_cast<float>(column) * size,
                y = drawn.rect.y0 + static_cast<float>(row) * size;
    ImGui::GetWindowDrawList()->AddRect({x - 1, y - 1}, {x + size + 1, y + size + 1}, ws.theme->text);
    const auto* owner = ws.moment->state.owner_of(pool.pool, static_cast<std::uint32_t>(slot));
    const bool segment = owner != nullptr && (owner->pool != pool.pool || owner->slot != slot);
    const std::string place = fmt::format("{} slot {}{}", pool.size_class, slot,
                                          segment ? ", a segment of its stack" : "");
    begin_tooltip(ws);
    const Look look = pool.looks[slot];
    swatch(ws, look);
    ImGui::SameLine(0, ws.px(8));
    if (owner == nullptr) {
        text(ws.fonts.text, ws.theme->text, look_name(look));
        text(ws.fonts.small, ws.theme->text_faint, place);
        ws.hovered = fmt::format("{}: {}", place, look_name(look));
    } else {
        text(ws.fonts.strong, ws.theme->text, ws.moment->state.coroutine_name(*owner));
        ImGui::SameLine(0, ws.px(8));
        text(ws.fonts.mono, ws.theme->text_dim, fmt::format("{}", owner->identity));
        std::string state = state_text(*owner);
        if (const std::string object = waits_on_text(ws.moment->state, *owner); !object.empty())
            state += " · " + object;
        text(ws.fonts.text, ws.theme->text_dim, state);
        text(ws.fonts.small, ws.theme->text_faint, place + " · " + ws.moment->state.site_text(owner->site));
        ws.hovered = place + ": " + one_line(*ws.moment, *owner);
    }
    if (drawn.grid.slots_per_cell > 1) {
        text(ws.fonts.small, ws.theme->text_faint,
             fmt::format("one cell stands for {} slots and shows the worst", drawn.grid.slots_per_cell));
    }
    end_tooltip();
}

std::optional<Rect> PoolView::slot_rect(SlotId slot) const {
    const auto found = drawn_.find(slot.pool);
    if (found == drawn_.end()) return std::nullopt;
    const Drawn& drawn = found->second;
    const auto size = static_cast<float>(cell_);
    const float x = drawn.rect.x0 + static_cast<float>(drawn.grid.column_of(slot.slot)) * size;
    const float y = drawn.rect.y0 + static_cast<float>(drawn.grid.row_of(slot.slot)) * size;
    if (x < drawn.visible.x0 || y < drawn.visible.y0 || x + size > drawn.visible.x1 ||
        y + size > drawn.visible.y1)
        return std::nullopt;
    return Rect{x, y, x + size, y + size};
}

}  // namespace coroscope::views
