// See lock_view.h.
#include "views/lock_view.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/columns.h"
#include "views/filtered_stat.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowHeight = 24;
// Who holds it, and who waits, is what one came for: the rest goes first.
constexpr Column kColumns[] = {{"object", 108, 1.2F},
                               {"held by", 116, 1.2F},
                               {"value", 104, 0.6F, false, 2},
                               {"waiting", 64, 0, true},
                               {"waited", 64, 0.2F, true, 3}};
enum ColumnAt : std::size_t { kObject, kHolder, kValue, kWaiting, kWaited };

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
    return {{"locks", to_json(filtered_waitables(*ws.moment, ws.filter))}};
}

void LockView::draw_row(Workspace& ws, const traces::WaitableStat& row, std::span<const PlacedColumn> places,
                        std::size_t number, float height) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height})) {
        if (const std::uint64_t identity = whom_to_select(row); identity != 0) ws.select_coroutine(identity);
    }
    publish_item(ws, fmt::format("locks.row.{}", number));
    const std::string name = fmt::format("locks.row.{}", number);
    const std::uint64_t selected = ws.selection().coroutine;
    const auto stands_for = [&](std::uint64_t identity) {
        return identity != 0 && (row.owner == identity || std::find(row.waiters.begin(), row.waiters.end(), identity) != row.waiters.end());
    };
    // Who waits for it lights it up as who holds it does.
    const bool lit = stands_for(ws.hovered_coroutine());
    if (row_ground(ws, name, whom_to_select(row), {at.x, at.y, at.x + width, at.y + height}, stands_for(selected), lit)) ws.hovered = row_text(row);
    ImGui::PopID();
    const auto cell = [&](ColumnAt column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kColumns[column], places[column], at, height, colour, what);
    };
    const std::uint64_t waiting = row.waiting + row.threads_waiting;
    cell(kObject, theme.text, row.kind + "  " + row.name);
    cell(kHolder, row.holder.empty() ? theme.text_faint : theme.text,
         row.holder.empty() ? "nobody" : row.holder);
    cell(kValue, theme.text_dim, row.value);
    cell(kWaiting, waiting == 0 ? theme.text_faint : theme.warn, format_count(waiting));
    cell(kWaited, theme.text_dim, format_count(row.waited));
}

void LockView::draw(Workspace& ws) {
    if (ws.stat == nullptr || ws.stat->waitables.empty()) {
        empty_state(ws, "No locks here",
                    "Mutexes, semaphores, events and the like appear here from their first use on.");
        return;
    }
    const std::vector<traces::WaitableStat>* shown = &ws.stat->waitables;
    if (!ws.filter.empty()) {
        filtered_.want(ws.background, Key{ws.moment, ws.filter}, [at = ws.moment, filter = ws.filter] { return filtered_waitables(*at, filter); });
        shown = filtered_.value();
        if (shown == nullptr) return;
    }
    const std::vector<traces::WaitableStat>& rows = *shown;
    if (rows.empty()) {
        empty_state(ws, "No lock of those that pass the filter",
                    "Nobody who passes it holds a lock or waits for one. Ctrl+Shift+F shows everybody again.");
        return;
    }
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x,
                                                           ws.scale);
    draw_column_titles(ws, kColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows.size()), ws.px(kRowHeight));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, rows[static_cast<std::size_t>(i)], places, static_cast<std::size_t>(i),
                     ws.px(kRowHeight));
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
