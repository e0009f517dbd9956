// See select_view.h.
#include "views/select_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/filtered_stat.h"
#include "views/format.h"
#include "views/stack_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kSelectHeight = 32;
constexpr float kArmHeight = 24;
constexpr Column kColumns[] = {{"arm", 40, 0},
                               {"does", 72, 0},
                               {"channel", 96, 2, false, 2},
                               {"fired", 88, 0.5F, true},
                               {"passed over", 88, 0.5F, true, 3},
                               {"", 84, 0.3F, false, 1}};
enum ColumnAt : std::size_t { kArm, kDoes, kChannel, kFired, kPassedOver, kLuck };

// A row that can be clicked; true when it was.
bool row_button(Workspace& ws, const std::string& name, float height, const std::string& hover, std::uint64_t identity,
                bool lit) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    const bool pressed = ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height});
    publish_item(ws, name);
    const bool selected = identity != 0 && identity == ws.selection().coroutine;
    if (row_ground(ws, name, identity, {at.x, at.y, at.x + width, at.y + height}, selected, lit)) ws.hovered = hover;
    return pressed;
}

std::string counts_text(const traces::SelectStat& row) {
    std::string text = fmt::format("{} waiting · {} parked", format_count(row.waiting),
                                   format_count(row.parked));
    if (row.timed_out != 0) text += fmt::format(" · {} timed out", format_count(row.timed_out));
    if (row.declined != 0) text += fmt::format(" · {} declined", format_count(row.declined));
    return text;
}

const char* luck_sentence(traces::ArmLuck luck) {
    switch (luck) {
        case traces::ArmLuck::kFires:
            return "";
        case traces::ArmLuck::kNotYet:
            return "it has not fired yet";
        case traces::ArmLuck::kNeverReady:
            return "it was never ready while others fired: does anybody use the other end of its channel?";
        case traces::ArmLuck::kStarves:
            return "it is ready, and others are drawn far more often than chance would have it";
    }
    return "";
}

}  // namespace

nlohmann::json SelectView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    return {{"selects", to_json(filtered_selects(*ws.session, *ws.moment, ws.filter))}};
}

void SelectView::draw_select(Workspace& ws, const traces::SelectStat& row, std::size_t number) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kSelectHeight);
    std::string function = row.function, site = row.site;
    if (function.empty()) {  // its name may have been found since
        const std::vector<inspect::Frame>* frames = ws.session->frames({row.address});
        if (frames != nullptr && !frames->empty()) {
            function = frames->front().function;
            site = position_text(frames->front());
        }
    }
    const std::string counts = counts_text(row);
    const std::string hover = fmt::format("select at {} in {} · {}", site.empty() ? "?" : site,
                                          function.empty() ? fmt::format("{:#x}", row.address) : function,
                                          counts);
    // Whoever waits in it lights it up; it lights up the first of them.
    const auto* other = ws.moment != nullptr ? ws.moment->state.coroutine_of(ws.hovered_coroutine()) : nullptr;
    const bool lit = other != nullptr && waits_in(*other, row);
    if (row_button(ws, fmt::format("selects.{}", number), height, hover, row.first_waiting, lit) && row.first_waiting != 0)
        ws.select_coroutine(row.first_waiting);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float y = at.y + std::floor((height - ws.fonts.strong->FontSize) / 2) + ws.px(2);
    const float left = at.x + ws.px(12), right = at.x + width - ws.px(12);
    const std::string who = function.empty() ? fmt::format("{:#x}", row.address) : short_function(function);
    const float counts_width = text_width(ws.fonts.small, counts);
    const bool counts_fit = right - left > counts_width + ws.px(160);
    const float end = counts_fit ? right - counts_width - ws.px(16) : right;
    const std::string shown = cut_to(ws.fonts.strong, who, end - left);
    draw_text(list, ws.fonts.strong, {left, y}, theme.text, shown);
    const float site_x = left + text_width(ws.fonts.strong, shown) + ws.px(8);
    if (end - site_x > ws.px(48))
        draw_text(list, ws.fonts.small, {site_x, y + ws.px(1)}, theme.text_dim,
                  cut_to(ws.fonts.small, short_path(site), end - site_x, true));
    if (counts_fit)
        draw_text(list, ws.fonts.small, {right, y + ws.px(1)},
                  row.waiting != 0 ? theme.text_dim : theme.text_faint, counts, 1);
}

void SelectView::draw_arm(Workspace& ws, const traces::SelectStat& row, std::size_t number, std::size_t n,
                          std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const traces::SelectArmStat& arm = row.arms[n];
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kArmHeight);
    std::string hover = fmt::format("arm {}: {} {} · fired {}, passed over {}", n, arm.does, arm.channel,
                                    format_count(arm.fired), format_count(arm.passed_over));
    if (const std::string why = luck_sentence(arm.luck); !why.empty()) hover += " · " + why;
    if (row_button(ws, fmt::format("selects.{}.arm.{}", number, n), height, hover, 0, false) &&
        arm.channel.starts_with("channel:"))
        ws.select_channel(arm.channel);
    const bool well = arm.luck == traces::ArmLuck::kFires;
    const ImU32 colour = well ? theme.text_dim : theme.text_faint;
    const auto cell = [&](ColumnAt column, ImU32 its_colour, std::string_view what) {
        draw_cell(ws, kColumns[column], places[column], at, height, its_colour, what);
    };
    const bool last = row.more_arms && n + 1 == row.arms.size();
    cell(kArm, theme.text_faint, last ? fmt::format("{} …", n) : std::to_string(n));
    cell(kDoes, theme.text, arm.does);
    cell(kChannel, arm.channel.empty() ? theme.text_faint : theme.text, arm.channel);
    cell(kFired, arm.fired != 0 ? theme.text : theme.text_faint, format_count(arm.fired));
    cell(kPassedOver, colour, format_count(arm.passed_over));
    const bool bad = arm.luck == traces::ArmLuck::kStarves || arm.luck == traces::ArmLuck::kNeverReady;
    cell(kLuck, bad ? theme.warn : colour, well ? "" : traces::luck_name(arm.luck));
    // How much of what the select did was this arm.
    std::uint64_t all = 0;
    for (const traces::SelectArmStat& other : row.arms)
        all += other.fired;
    if (all == 0 || arm.fired == 0 || !places[kFired].shown) return;
    const float room = places[kFired].width - ws.px(12), thick = std::max(1.0F, ws.px(2));
    const float length = std::max(thick,
                                  std::floor(room * static_cast<float>(arm.fired) / static_cast<float>(all)));
    const float x = at.x + places[kFired].x + room, y = at.y + height - thick - ws.px(1);
    ImGui::GetWindowDrawList()->AddRectFilled({x - length, y}, {x, y + thick}, with_alpha(theme.accent, 0.6F));
}

void SelectView::draw(Workspace& ws) {
    if (ws.stat == nullptr || ws.stat->selects.empty()) {
        empty_state(
            ws, "No selects yet",
            "Each select of the program appears here when it has run once, with what became of its arms.");
        return;
    }
    const std::vector<traces::SelectStat>* shown = &ws.stat->selects;
    if (!ws.filter.empty() && ws.moment != nullptr) {
        filtered_.want(ws.background, Key{ws.moment, ws.filter},
                       [session = ws.session, at = ws.moment, filter = ws.filter] { return filtered_selects(*session, *at, filter); });
        shown = filtered_.value();
        if (shown == nullptr) return;
    }
    const std::vector<traces::SelectStat>& rows = *shown;
    if (rows.empty()) {
        empty_state(ws, "No select of those that pass the filter", "Nobody who passes it waits in one. Ctrl+Shift+F shows everybody again.");
        return;
    }
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x,
                                                           ws.scale);
    draw_column_titles(ws, kColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    const float top = ImGui::GetScrollY(), bottom = top + ImGui::GetWindowHeight();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const float height = ws.px(kSelectHeight) +
                             static_cast<float>(rows[i].arms.size()) * ws.px(kArmHeight);
        const float y = ImGui::GetCursorPosY();
        if (y + height < top || y > bottom) {  // not to be seen
            ImGui::Dummy({1, height});
            continue;
        }
        draw_select(ws, rows[i], i);
        for (std::size_t arm = 0; arm < rows[i].arms.size(); ++arm)
            draw_arm(ws, rows[i], i, arm, places);
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
