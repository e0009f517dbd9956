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
constexpr float kWheelUnits = 48;   // that a notch scrolls
constexpr int kLinesFromCell = 5;   // cells of this size get lines between them
constexpr int kMarksFromCell = 10;  // and of this size their second mark
constexpr std::size_t kMarksMax = 6000;
constexpr std::uint32_t kGridPixelsMax = 4U << 20;  // high: beyond it positions in floats lose whole pixels
constexpr int kTextureRowsStep = 64;  // so that a window that is being resized does not make one every frame

// "stack 816 B of 2.3 KiB, at most 1.2 KiB · micro + small".
std::string stack_line(const traces::Moment& moment, const inspect::CoroutineImage& coroutine) {
    const inspect::StackRef* stack = moment.stack_of(coroutine);
    std::string line = "stack ";
    if (stack != nullptr && stack->used_bytes != 0) line += format_bytes(stack->used_bytes) + " of ";
    line += format_bytes(slot_bytes_of(moment.state, coroutine));
    if (coroutine.high_water_bytes != 0) line += ", at most " + format_bytes(moment.high_water_of(coroutine));
    return line + " · " + stack_classes_text(moment.state, coroutine);
}

// "2 KiB slots · canaries · 3 segments · 12 MiB given back".
std::string pool_about(const PoolRow& pool) {
    std::string about = format_bytes(pool.slot_bytes) + " slots";
    const auto add = [&](const std::string& part) { about += " · " + part; };
    if (!pool.guards.empty()) add(pool.guards);
    if (pool.segments != 0)
        add(pool.segments == 1 ? "1 is a segment" : format_count(pool.segments) + " are segments");
    if (pool.grown_in_place != 0) add(format_count(pool.grown_in_place) + " grown in place");
    if (pool.trimmed_bytes != 0) add(format_bytes(pool.trimmed_bytes) + " given back");
    return about;
}

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
    drop_band();
    spanned_.reset();
    band_model_.reset();
}

PoolView::Key PoolView::key(const Workspace& ws) const {
    return {ws.moment, ws.filter, mode_, ranked_};
}

PoolModel PoolView::compute(const Key& key) {
    const auto& [moment, filter, mode, ranked] = key;
    PoolModel model;
    if (filter.empty()) {
        model = compute_pools(moment->state);
    } else {
        const FilterMatch match = match_filter(*moment, filter);
        model = compute_pools(moment->state, &match);
    }
    if (mode != PoolMode::kState) model.legend = std::make_shared<const ShadeLegend>(shade_pools(model, *moment, mode, ranked));
    return model;
}

nlohmann::json PoolView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    const PoolModel model = compute(key(ws));
    nlohmann::json out = to_json(model);
    out["mode"] = pool_mode_name(mode_);
    out["legend"] = model.legend != nullptr ? to_json(*model.legend) : nlohmann::json(nullptr);
    out["band"] = band_.has_value() ? to_json(compute_band(model, *ws.moment, *band_)) : nlohmann::json(nullptr);
    return out;
}

void PoolView::zoom(int steps) {
    wanted_level_ = std::clamp(level_ + steps, kLevelMin, kLevelMax);
    fits_without_band_ = false;
}

void PoolView::step(Workspace& ws, int by) {
    const PoolModel* model = model_.value();
    const auto& slot = ws.selection().slot;
    if (model == nullptr || !slot.has_value() || slot->pool >= model->pools.size()) return;
    const PoolRow& pool = model->pools[slot->pool];
    const auto position = pool.position_of(slot->slot);
    if (!position.has_value()) return;
    const std::int64_t next = static_cast<std::int64_t>(*position) + by;
    if (next >= 0 && next < static_cast<std::int64_t>(pool.slots()))
        ws.select_slot({slot->pool, pool.slot_at(static_cast<std::uint64_t>(next))});
}

void PoolView::draw(Workspace& ws) {
    textures_ = ws.textures;
    if (ws.moment != nullptr)
        model_.want(ws.background, key(ws), [key = key(ws)] { return compute(key); });
    const std::shared_ptr<const PoolModel> model = model_.shared();
    if (model == nullptr || ws.moment == nullptr) {
        empty_state(ws, "No pools yet",
                    "The stack pools appear as soon as the program's runtime has started.");
        return;
    }
    if (ws.session != nullptr) ws.run_series.want(ws);
    draw_head(ws, *model);
    // As in Tracy the plain wheel zooms, and scrolls with Ctrl.
    ImGui::BeginChild("grids", {0, std::max(1.0F, ImGui::GetContentRegionAvail().y - below_height(ws))}, false, ImGuiWindowFlags_NoScrollWithMouse);
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
    level_ = wanted_level_.has_value() ? *wanted_level_ : fit_level(fit);
    const ImGuiIO& io = ImGui::GetIO();
    if (ImGui::IsWindowHovered() && io.MouseWheel != 0) {
        if (io.KeyCtrl != ws.tracy_mouse) {
            zoom(io.MouseWheel > 0 ? 1 : -1);
        } else {
            ImGui::SetScrollY(std::clamp(ImGui::GetScrollY() - io.MouseWheel * ws.px(kWheelUnits), 0.0F, ImGui::GetScrollMaxY()));
        }
    }
    if (ImGui::IsWindowHovered() && ImGui::IsMouseDragging(ImGuiMouseButton_Right, kDragUnits * ws.scale))
        ImGui::SetScrollY(std::clamp(ImGui::GetScrollY() - io.MouseDelta.y, 0.0F, ImGui::GetScrollMaxY()));
    if (fit.slots.empty()) {
        empty_state(ws, "No slot has been used yet",
                    "A pool gets its first slots when the first coroutine is spawned.");
    }
    for (const PoolRow& pool : model->pools) {
        if (pool.slots() != 0) draw_pool(ws, pool, cell_of_level(level_), width);
    }
    seen_selection_ = ws.selection().changes;
    ImGui::EndChild();
    draw_below(ws, *model);
}

void PoolView::draw_pool_head(Workspace& ws, const PoolRow& pool, float width) {
    const Theme& theme = *ws.theme;
    const float top = ImGui::GetCursorPosY();
    ImGui::SetCursorPosX(ws.px(12));
    std::string title = pool.size_class;
    if (!pool.purpose.empty()) title += " · " + pool.purpose;
    text(ws.fonts.strong, theme.text, title);
    ImGui::SameLine(0, ws.px(8));
    const float about_at = ImGui::GetCursorPosX();
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
    const float numbers_at = end - bar - ws.px(8) - text_width(ws.fonts.mono_small, numbers);
    const float peak_width = text_width(ws.fonts.mono_small, peak) + ws.px(16);
    const std::string about = pool_about(pool);
    const bool with_peak = !never && text_width(ws.fonts.small, format_bytes(pool.slot_bytes) + " slots") +
                                             peak_width + ws.px(24) <
                                         numbers_at - about_at;
    text_cut(ws.fonts.small, theme.text_faint, about,
             numbers_at - (with_peak ? peak_width : 0) - about_at - ws.px(16));
    if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{} pool: {}", title, about);
    ImGui::SameLine();
    ImGui::SetCursorPosY(top);
    text_ending_at(ws.fonts.mono_small, theme.text_dim, numbers, end - bar - ws.px(8));
    if (with_peak) {
        ImGui::SameLine();
        text_ending_at(ws.fonts.mono_small, theme.text_faint, peak, numbers_at - ws.px(16));
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

// Which part of the grid can be seen.
void PoolView::place(const PoolRow& pool, Drawn& drawn, int cell) {
    const ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 low = list->GetClipRectMin(), high = list->GetClipRectMax();
    drawn.visible = {std::max(low.x, drawn.rect.x0), std::max(low.y, drawn.rect.y0),
                     std::min(high.x, drawn.rect.x1), std::min(high.y, drawn.rect.y1)};
    const auto size = static_cast<float>(cell);
    const float above = std::max(0.0F, std::floor((drawn.visible.y0 - drawn.rect.y0) / size)),
                below = std::max(0.0F, std::ceil((drawn.visible.y1 - drawn.rect.y0) / size));
    const auto rows = static_cast<float>(pool.slots() == 0 ? 0 : drawn.grid.rows);
    drawn.rows.first = static_cast<std::uint32_t>(std::min(above, rows));
    drawn.rows.last = static_cast<std::uint32_t>(std::min(below, rows));
    if (drawn.visible.x1 <= drawn.visible.x0 || drawn.rows.last < drawn.rows.first)
        drawn.rows.last = drawn.rows.first;
}

// Brings the texture up to what the model and the rows that can be seen say.
void PoolView::upload(Workspace& ws, const PoolRow& pool, Drawn& drawn) {
    const CellGrid& grid = drawn.grid;
    const int width = static_cast<int>(grid.columns),
              height = static_cast<int>(drawn.rows.last - drawn.rows.first);
    bool all = drawn.of_theme != ws.theme || drawn.painted_rows.first != drawn.rows.first ||
               drawn.painted_grid.slots_per_cell != grid.slots_per_cell;
    const bool same_shape = drawn.texture != nullptr && drawn.texture_width == width &&
                            drawn.texture_height >= height;
    if (same_shape && !all && drawn.of_model == model_.shared() && drawn.painted_rows == drawn.rows) return;
    if (!same_shape) {
        if (drawn.texture != nullptr) ws.textures->destroy(drawn.texture);
        drawn.texture_width = width;
        drawn.texture_height = std::min((height + kTextureRowsStep - 1) / kTextureRowsStep * kTextureRowsStep,
                                        ws.textures->side_max());
        drawn.texture = ws.textures->create(drawn.texture_width, drawn.texture_height);
        all = true;
    }
    fill_cells(pool, grid, drawn.rows, cells_);
    if (drawn.texture != nullptr) {
        const PoolMode shown = pool.shades.empty() ? PoolMode::kState : model_.value()->legend->mode;
        const CellPalette colours = palette(*ws.theme, shown);
        all = all || drawn.painted_mode != shown;
        drawn.painted_mode = shown;
        if (all) drawn.cells.clear();
        for (const RowRange& range : changed_rows(drawn.cells, cells_, grid.columns)) {
            paint_cells(cells_, grid.columns, range, colours, colours_);
            ws.textures->update_rows(drawn.texture, width, static_cast<int>(range.first),
                                     static_cast<int>(range.last - range.first), colours_.data());
        }
    }
    std::swap(drawn.cells, cells_);
    drawn.painted_rows = drawn.rows;
    drawn.painted_grid = grid;
    drawn.of_model = model_.shared();
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
    drawn.grid = make_grid(pool.slots(), columns, kGridPixelsMax / static_cast<std::uint32_t>(cell),
                           slots_per_cell_of_level(level_));
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
    take_band(ws, pool, drawn, cell);
    place(pool, drawn, cell);
    if (drawn.rows.first != drawn.rows.last) {
        upload(ws, pool, drawn);
        const float y0 = drawn.rect.y0 + static_cast<float>(drawn.rows.first) * size,
                    y1 = drawn.rect.y0 + static_cast<float>(drawn.rows.last) * size;
        const float used = static_cast<float>(drawn.rows.last - drawn.rows.first) /
                           static_cast<float>(std::max(1, drawn.texture_height));
        if (drawn.texture != nullptr)
            ImGui::GetWindowDrawList()->AddImage(drawn.texture, {drawn.rect.x0, y0}, {drawn.rect.x1, y1},
                                                 {0, 0}, {1, used});
    }
    draw_grid_lines(ws, pool, drawn, cell);
    draw_selected(ws, pool, drawn, cell);
    draw_band_frame(ws, pool, drawn, cell);
    if (hovered) hover(ws, pool, drawn, cell);
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
    const auto [first, last] = drawn.rows;
    for (std::uint32_t row = first; row < last; ++row) {
        const float y = drawn.rect.y0 + static_cast<float>(row + 1) * size - 1;
        list->AddRectFilled({drawn.visible.x0, y}, {drawn.visible.x1, y + 1}, colour);
    }
    if (cell < kMarksFromCell || std::size_t{last - first} * drawn.grid.columns > kMarksMax) return;
    const ImU32 ink = ws.theme->dark ? IM_COL32(0, 0, 0, 170) : IM_COL32(255, 255, 255, 220);
    for (std::uint32_t row = first; row < last; ++row) {
        for (std::uint32_t column = 0; column < drawn.grid.columns; ++column) {
            const std::uint64_t position = drawn.grid.first_position(column, row);
            if (position >= pool.slots() || pool.looks[position] == Look::kFree) continue;
            if (!pool.passes.empty() && !pool.passes[position]) continue;
            draw_mark(list,
                      {drawn.rect.x0 + static_cast<float>(column) * size,
                       drawn.rect.y0 + static_cast<float>(row) * size},
                      size - 1, mark_at(pool, position), ink);
        }
    }
}

void PoolView::hover(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    const auto size = static_cast<float>(cell);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto column = static_cast<std::uint32_t>(std::max(0.0F, mouse.x - drawn.rect.x0) / size);
    const auto row = static_cast<std::uint32_t>(std::max(0.0F, mouse.y - drawn.rect.y0) / size);
    const std::uint64_t position = drawn.grid.first_position(column, row);
    if (position >= pool.slots()) return;
    const std::uint32_t slot = pool.slot_at(position);
    const float x = drawn.rect.x0 + static_cast<float>(column) * size,
                y = drawn.rect.y0 + static_cast<float>(row) * size;
    ImGui::GetWindowDrawList()->AddRect({x - 1, y - 1}, {x + size + 1, y + size + 1}, ws.theme->text);
    const auto* owner = ws.moment->state.owner_of(pool.pool, slot);
    const bool segment = owner != nullptr && (owner->pool != pool.pool || owner->slot != slot);
    const std::string place = fmt::format("{} slot {}{}", pool.size_class, slot,
                                          segment ? ", a segment of its stack" : "");
    begin_tooltip(ws);
    const Look look = pool.looks[position];
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
        text(ws.fonts.small, ws.theme->text_faint, stack_line(*ws.moment, *owner));
        if (const std::string shade = shade_text(*ws.moment, *owner, mode_); !shade.empty()) text(ws.fonts.small, ws.theme->text_faint, shade);
        if (const std::string use = site_use_text(ws.moment->state, owner->site,
                                                  ws.moment->high_water_of(*owner));
            !use.empty())
            text(ws.fonts.small, ws.theme->text_faint, "all of this site: " + use);
        ws.hovered = place + ": " + one_line(*ws.moment, *owner);
        ws.hover_coroutine(owner->identity);
    }
    if (drawn.grid.slots_per_cell > 1) {
        text(ws.fonts.small, ws.theme->text_faint,
             fmt::format("one cell stands for {} slots and shows the {}", drawn.grid.slots_per_cell,
                         pool.shades.empty() ? "worst" : is_scale(mode_) ? "highest" : "last of their kinds"));
    }
    end_tooltip();
}

std::optional<Rect> PoolView::slot_rect(SlotId slot) const {
    const auto found = drawn_.find(slot.pool);
    if (found == drawn_.end()) return std::nullopt;
    const Drawn& drawn = found->second;
    if (drawn.of_model == nullptr || slot.pool >= drawn.of_model->pools.size()) return std::nullopt;
    const auto position = drawn.of_model->pools[slot.pool].position_of(slot.slot);
    if (!position.has_value()) return std::nullopt;
    const auto size = static_cast<float>(cell_of_level(level_));
    const float x = drawn.rect.x0 + static_cast<float>(drawn.grid.column_of(*position)) * size;
    const float y = drawn.rect.y0 + static_cast<float>(drawn.grid.row_of(*position)) * size;
    if (x < drawn.visible.x0 || y < drawn.visible.y0 || x + size > drawn.visible.x1 ||
        y + size > drawn.visible.y1)
        return std::nullopt;
    return Rect{x, y, x + size, y + size};
}

}  // namespace coroscope::views
