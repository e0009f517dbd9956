// Below the heatmap's grids (pool_view.h): who is inside the rubber band, and how many slots were used over time.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "views/chart.h"
#include "views/describe.h"
#include "views/format.h"
#include "views/pool_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kBandUnits = 172, kBandHeadUnits = 32, kOwnerUnits = 24;
constexpr float kBandRoomUnits = 360;  // a panel that is lower has no room for more than the band's head and three rows
constexpr float kBandLowUnits = 108;
constexpr float kStripUnits = 28, kStripAxisUnits = 22, kStripRoomUnits = 320;
constexpr float kStripLabelUnits = 84, kStripLabelRoomUnits = 420;

}  // namespace

// How much of the panel's height the parts below the grids take, and which they are.
float PoolView::below_height(const Workspace& ws) {
    const float room = ImGui::GetContentRegionAvail().y;
    float height = 0;
    if (band_.has_value()) height += ws.px(room < ws.px(kBandRoomUnits) ? kBandLowUnits : kBandUnits);
    // Its room is kept from the first look on: what lies above does not move when there is something to show.
    strip_shown_ = ws.info.kind != traces::SessionKind::kCore && room - height > ws.px(kStripRoomUnits);
    if (strip_shown_) height += ws.px(kStripUnits + kStripAxisUnits + 8);
    return height;
}

void PoolView::draw_below(Workspace& ws, const PoolModel& model) {
    if (strip_shown_) draw_strip(ws);
    if (band_.has_value()) draw_band(ws, model);
}

// All slots in use over the time of the run: a click goes to that time, a drag selects a range.
void PoolView::draw_strip(Workspace& ws) {
    const OverviewSeries& series = ws.run_series.series();
    const float whole = ws.px(kStripUnits + kStripAxisUnits + 8);
    if (series.empty()) {
        ImGui::Dummy({1, whole});
        return;
    }
    std::vector<float> used(series.parts);
    for (const std::vector<float>& row : series.used) {
        for (std::size_t i = 0; i < row.size(); ++i)
            used[i] += row[i];
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    const float label = width < ws.px(kStripLabelRoomUnits) ? 0 : ws.px(kStripLabelUnits);
    const TimeAxis axis = {series.begin, series.end, std::floor(at.x + ws.px(12) + label), std::floor(at.x + width - ws.px(12))};
    const float top = std::floor(at.y + ws.px(4));
    const Rect area = {axis.x0, top, axis.x1, top + ws.px(kStripUnits)};
    ImGui::GetWindowDrawList()->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, ws.theme->field);
    draw_line(ws, area, used, highest_of(used, 1), ws.theme->accent);
    if (label != 0) {
        ImDrawList* list = ImGui::GetWindowDrawList();
        const auto now = static_cast<std::uint64_t>(used[series.part_at(ws.moment->t)] + 0.5F);
        draw_text(list, ws.fonts.small, {area.x0 - label, area.y0 - ws.px(1)}, ws.theme->text_faint, "slots used");
        draw_text(list, ws.fonts.mono_small, {area.x0 - label, area.y0 + ws.px(14)}, ws.theme->text_dim, format_count(now));
    }
    draw_time_axis(ws, axis, area);
    draw_time_marks(ws, axis, area);
    if (const auto hovered = time_input(ws, "pools.strip", axis, area); hovered.has_value()) {
        const auto slots = static_cast<std::uint64_t>(used[series.part_at(*hovered)] + 0.5F);
        ws.hovered = fmt::format("at {}: {} stack slots used, at most {} at once", format_time(*hovered), format_count(slots),
                                 format_count(static_cast<std::uint64_t>(highest_of(used, 0) + 0.5F)));
    }
    ImGui::SetCursorScreenPos({at.x, at.y + whole});
}

// Its list takes room from the grids: their cells stay as they are, so that the band stays where it was spanned.
void PoolView::keep_band(const PoolBand& band) {
    if (!band_.has_value() && !wanted_level_.has_value()) {
        wanted_level_ = level_;
        fits_without_band_ = true;
    }
    band_ = band;
}

void PoolView::drop_band() {
    band_.reset();
    if (std::exchange(fits_without_band_, false)) wanted_level_.reset();
}

void PoolView::toggle_band(Workspace& ws) {
    if (band_.has_value()) {
        drop_band();
        return;
    }
    const PoolModel* model = model_.value();
    if (model == nullptr) return;
    const auto& slot = ws.selection().slot;
    for (const PoolRow& pool : model->pools) {
        const auto found = drawn_.find(pool.pool);
        if (found == drawn_.end() || (slot.has_value() && slot->pool != pool.pool)) continue;
        keep_band(band_of_all(pool, found->second.grid));
        return;
    }
}

// "412 slots of medium: 398 used"; the states; then whose they are.
void PoolView::draw_band(Workspace& ws, const PoolModel& model) {
    const std::shared_ptr<const PoolModel> shown = model_.shared();
    const BandKey key{ws.moment, shown, *band_};
    band_model_.want(ws.background, key, [key] { return compute_band(*std::get<1>(key), *std::get<0>(key), std::get<2>(key)); });
    const BandModel* band = band_model_.value();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImGui::GetWindowDrawList()->AddRectFilled({at.x, at.y}, {at.x + width, at.y + std::max(1.0F, ws.scale)}, ws.theme->line);
    ImGui::BeginChild("band", {0, 0});
    const float close = head_buttons_begin(ws, {"Close"});
    ImGui::SetCursorPos({ws.px(12), ws.px(8)});
    if (band != nullptr && band_->pool < model.pools.size()) {
        const PoolRow& pool = model.pools[band_->pool];
        std::string states;
        for (std::size_t i = kLooksCount; i-- > 1;) {
            if (band->counts[i] != 0) states += fmt::format(" · {} {}", format_count(band->counts[i]), look_name(static_cast<Look>(i)));
        }
        const std::string title = fmt::format("{} slots of {}", format_count(band->slots), pool.size_class);
        text(ws.fonts.strong, ws.theme->text, title);
        ImGui::SameLine(0, ws.px(8));
        text_cut(ws.fonts.small, ws.theme->text_dim, fmt::format("{} used{}", format_count(band->used), states),
                 close - ImGui::GetCursorPosX() - ws.px(12));
    }
    place_head_buttons(ws, {"Close"});
    const bool closed = button(ws, "pools.band.close", "Close", ButtonKind::kQuiet, "Lets go of the band");
    ImGui::SetCursorPosY(ws.px(kBandHeadUnits));
    ImGui::BeginChild("owners");
    if (band != nullptr && band->owners.empty()) {
        ImGui::SetCursorPos({ws.px(12), ws.px(4)});
        text(ws.fonts.small, ws.theme->text_faint, "Nobody has a stack here.");
    }
    if (band != nullptr) draw_owners(ws, *band);
    ImGui::EndChild();
    ImGui::EndChild();
    if (closed) drop_band();
}

void PoolView::draw_owners(Workspace& ws, const BandModel& band) {
    const float height = ws.px(kOwnerUnits), width = ImGui::GetContentRegionAvail().x;
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(band.owners.size()), height);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const std::uint64_t identity = band.owners[static_cast<std::size_t>(i)];
            const std::string name = fmt::format("pools.owner.{}", i);
            const ImVec2 at = ImGui::GetCursorScreenPos();
            if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height})) ws.select_coroutine(identity);
            publish_item(ws, name);
            const inspect::CoroutineImage* owner = ws.moment->state.coroutine_of(identity);
            const bool selected = ws.selected() != nullptr && ws.selected() == owner;
            row_ground(ws, name, identity, {at.x, at.y, at.x + width, at.y + height}, selected);
            ImDrawList* list = ImGui::GetWindowDrawList();
            const float y = std::floor(at.y + (height - ws.fonts.text->FontSize) / 2);
            if (owner == nullptr) {  // the Moment is newer than the band
                draw_text(list, ws.fonts.text, {at.x + ws.px(36), y}, ws.theme->text_faint, fmt::format("{} has ended", identity));
                continue;
            }
            draw_swatch(ws, list, {at.x + ws.px(12), std::floor(at.y + (height - ws.px(12)) / 2)}, ws.px(12), look_of(*owner));
            // Of state and site it tells anyway: how long, and how deep.
            const PoolMode told = mode_ == PoolMode::kState ? PoolMode::kAge : mode_ == PoolMode::kSite ? PoolMode::kHighWater : mode_;
            const std::string site = ws.moment->state.site_text(owner->site);
            const std::string about =
                fmt::format("{} · {} · {}", one_line(*ws.moment, *owner), shade_text(*ws.moment, *owner, told), short_path(site));
            draw_text(list, ws.fonts.text, {at.x + ws.px(36), y}, ws.theme->text, cut_to(ws.fonts.text, about, width - ws.px(48)));
        }
    }
    ImGui::PopStyleVar();
}

// Takes the mouse over a grid: a click selects the slot that was pressed, a drag spans the rubber band.
void PoolView::take_band(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    if (drawn.grid.rows == 0) return;
    const auto size = static_cast<float>(cell);
    const auto column = [&](float x) {
        return static_cast<std::uint32_t>(std::clamp((x - drawn.rect.x0) / size, 0.0F, static_cast<float>(drawn.grid.columns - 1)));
    };
    const auto row = [&](float y) {
        return static_cast<std::uint32_t>(std::clamp((y - drawn.rect.y0) / size, 0.0F, static_cast<float>(drawn.grid.rows - 1)));
    };
    const ImGuiIO& io = ImGui::GetIO();
    const ImVec2 pressed = io.MouseClickedPos[ImGuiMouseButton_Left];
    if (ImGui::IsItemActivated()) {  // now: cells may be larger when it is let go
        const std::uint64_t position = drawn.grid.first_position(column(pressed.x), row(pressed.y));
        pressed_ = position < pool.slots() ? std::optional<SlotId>({pool.pool, pool.slot_at(position)}) : std::nullopt;
    }
    const bool released = ImGui::IsItemDeactivated();
    if (!ImGui::IsItemActive() && !released) return;
    const bool dragged = std::max(std::abs(io.MousePos.x - pressed.x), std::abs(io.MousePos.y - pressed.y)) >= kDragUnits * ws.scale;
    if (dragged) {
        spanned_ = band_between(pool.pool, drawn.grid, column(pressed.x), row(pressed.y), column(io.MousePos.x), row(io.MousePos.y));
        if (released) keep_band(*std::exchange(spanned_, std::nullopt));
    } else if (released && pressed_.has_value()) {
        ws.select_slot(*pressed_);
    }
}

void PoolView::draw_band_frame(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    const std::optional<PoolBand>& band = spanned_.has_value() ? spanned_ : band_;
    if (!band.has_value() || band->pool != pool.pool || band->grid != drawn.grid) return;
    const auto size = static_cast<float>(cell);
    const ImVec2 low = {drawn.rect.x0 + static_cast<float>(band->column) * size, drawn.rect.y0 + static_cast<float>(band->row) * size};
    const ImVec2 high = {drawn.rect.x0 + static_cast<float>(band->column_end) * size, drawn.rect.y0 + static_cast<float>(band->row_end) * size};
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(low, high, ws.theme->accent_soft);
    list->AddRect({low.x - 1, low.y - 1}, {high.x + 1, high.y + 1}, ws.theme->accent, 0, 0, std::max(1.0F, ws.scale));
}

}  // namespace coroscope::views
