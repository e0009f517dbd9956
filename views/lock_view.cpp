// See lock_view.h.
#include "views/lock_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowHeight = 24;
// Where the columns begin, as shares of the width: kind and name, holder, value, waiting, waited.
constexpr float kHolder = 0.34F, kValue = 0.58F, kWaiting = 0.76F, kWaited = 0.88F;

std::uint64_t whom_to_select(const traces::WaitableStat& row) {
    return row.owner != 0 ? row.owner : row.waiters.empty() ? 0 : row.waiters.front();
}

std::string row_text(const traces::WaitableStat& row) {
    std::string line = fmt::format("{}:{} made at {}", row.kind, row.name, row.site);
    if (!row.holder.empty()) line += " · held by " + row.holder;
    if (!row.value.empty()) line += " · " + row.value;
    if (row.waiting + row.threads_waiting != 0) {
        line += fmt::format(" · {} waiting", row.waiting + row.threads_waiting);
        for (std::size_t i = 0; i < row.waiters.size(); ++i)
            line += fmt::format("{}{}", i == 0 ? ": " : ", ", row.waiters[i]);
        if (row.waiters.size() < row.waiting) line += ", ...";
    }
    return line + fmt::format(" · served {}, {} after a wait", row.served, row.waited);
}

}  // namespace

nlohmann::json LockView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    return {{"locks", to_json(traces::waitable_stats(ws.moment->state))}};
}

void LockView::draw_row(Workspace& ws, const traces::WaitableStat& row, std::size_t number, float height) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height})) {
        if (const std::uint64_t identity = whom_to_select(row); identity != 0) ws.select_coroutine(identity);
    }
    publish_item(ws, fmt::format("locks.row.{}", number));
    if (ImGui::IsItemHovered()) {
        list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
        ws.hovered = row_text(row);
    }
    ImGui::PopID();
    const float y = at.y + std::floor((height - ws.fonts.small->FontSize) / 2);
    const auto cell = [&](float from, float to, ImU32 colour, std::string_view what) {
        const float x = at.x + ws.px(12) + from * (width - ws.px(24));
        draw_text(list, ws.fonts.small, {x, y}, colour,
                  cut_to(ws.fonts.small, what, (to - from) * (width - ws.px(24)) - ws.px(8)));
    };
    const std::uint64_t waiting = row.waiting + row.threads_waiting;
    cell(0, kHolder, theme.text, row.kind + "  " + row.name);
    cell(kHolder, kValue, row.holder.empty() ? theme.text_faint : theme.text,
         row.holder.empty() ? "nobody" : row.holder);
    cell(kValue, kWaiting, theme.text_dim, row.value);
    cell(kWaiting, kWaited, waiting == 0 ? theme.text_faint : theme.warn, format_count(waiting));
    cell(kWaited, 1, theme.text_dim, format_count(row.waited));
}

void LockView::draw(Workspace& ws) {
    const Theme& theme = *ws.theme;
    if (ws.stat == nullptr || ws.stat->waitables.empty()) {
        empty_state(ws, "No locks here",
                    "Mutexes, semaphores, events and the like appear here from their first use on.");
        return;
    }
    const std::vector<traces::WaitableStat>& rows = ws.stat->waitables;
    const float width = ImGui::GetContentRegionAvail().x - ws.px(24);
    const ImVec2 head = ImGui::GetCursorScreenPos();
    const std::pair<float, const char*> titles[] = {
        {0, "object"}, {kHolder, "held by"}, {kValue, "value"}, {kWaiting, "waiting"}, {kWaited, "waited"}};
    for (const auto& [share, title] : titles)
        draw_text(ImGui::GetWindowDrawList(), ws.fonts.small,
                  {head.x + ws.px(12) + share * width, head.y + ws.px(8)}, theme.text_faint, title);
    ImGui::SetCursorPos({0, ws.px(30)});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows.size()), ws.px(kRowHeight));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, rows[static_cast<std::size_t>(i)], static_cast<std::size_t>(i), ws.px(kRowHeight));
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
