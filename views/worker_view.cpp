// See worker_view.h.
#include "views/worker_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowHeight = 24;
constexpr Column kColumns[] = {{"worker", 112, 0},
                               {"runs", 112, 2},
                               {"ready", 56, 0.1F, true},
                               {"bound", 56, 0.1F, true, 3},
                               {"injected", 76, 0.2F, true, 4},
                               {"stole", 68, 0.2F, true, 1},
                               {"stolen", 68, 0.2F, true, 2},
                               {"parks", 68, 0.2F, true, 7},
                               {"switches", 96, 0.2F, true, 6},
                               {"timers", 64, 0.1F, true, 1},
                               {"next timer", 88, 0.1F, true, 5}};
enum ColumnAt : std::size_t {
    kWorker,
    kRuns,
    kReady,
    kBound,
    kInjected,
    kStole,
    kStolen,
    kParks,
    kSwitches,
    kTimers,
    kNextTimer
};

Look look_of_worker(wire::WorkerState state) {
    switch (state) {
        case wire::WorkerState::kRunning:
            return Look::kRunning;
        case wire::WorkerState::kScheduling:
            return Look::kReady;
        default:
            return Look::kFree;
    }
}

std::string row_text(const traces::WorkerStat& row) {
    const inspect::WorkerImage& w = row.worker;
    std::string line = fmt::format("worker {}, thread {} · {}", w.index, w.thread_id,
                                   inspect::worker_state_name(w.state));
    if (row.current != 0) line += fmt::format(" {} ({})", row.current_name, row.current);
    line += fmt::format(" · {} ready, {} bound to it", w.ready_length, w.bound_length);
    if (const std::string taken = traces::taken_from_text(w); !taken.empty()) line += " · stole " + taken;
    if (row.taken_by_others != 0) line += fmt::format(" · {} stolen from it", row.taken_by_others);
    line += fmt::format(" · {} injected · {} wake-ups", w.injected, w.wakes);
    if (w.timers_armed != 0) line += fmt::format(" · {} timers", w.timers_armed);
    return line;
}

}  // namespace

nlohmann::json WorkerView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    return {{"workers", to_json(traces::worker_stats(ws.moment->state, ws.moment->t))}};
}

void WorkerView::draw_row(Workspace& ws, const traces::WorkerStat& row, std::span<const PlacedColumn> places,
                          float height) {
    const Theme& theme = *ws.theme;
    const inspect::WorkerImage& w = row.worker;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(w.index));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height}) && row.current != 0)
        ws.select_coroutine(row.current);
    publish_item(ws, fmt::format("workers.row.{}", w.index));
    const bool selected = row.current != 0 && row.current == ws.selection().coroutine;
    if (selected) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.accent_soft);
    if (ImGui::IsItemHovered()) {
        if (!selected) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
        ws.hovered = row_text(row);
    }
    ImGui::PopID();
    const float side = ws.px(12);
    draw_swatch(ws, list, {at.x + places[kWorker].x, at.y + std::floor((height - side) / 2)}, side,
                look_of_worker(w.state));
    const auto cell = [&](ColumnAt column, ImU32 colour, std::string_view what, float indent = 0) {
        draw_cell(ws, kColumns[column], places[column], {at.x + indent, at.y}, height, colour, what);
    };
    const auto count = [&](ColumnAt column, std::uint64_t value, ImU32 colour) {
        cell(column, value == 0 ? theme.text_faint : colour, format_count(value));
    };
    cell(kWorker, theme.text, fmt::format("{}  {}", w.index, inspect::worker_state_name(w.state)), ws.px(20));
    cell(kRuns, row.current == 0 ? theme.text_faint : theme.text,
         row.current == 0 ? "nobody" : fmt::format("{} {}", row.current, row.current_name));
    count(kReady, w.ready_length, theme.text);
    count(kBound, w.bound_length, theme.text);
    count(kInjected, w.injected, theme.text_dim);
    count(kStole, w.steals, theme.text_dim);
    count(kStolen, row.taken_by_others, theme.text_dim);
    count(kParks, w.parks, theme.text_dim);
    count(kSwitches, w.switches, theme.text_dim);
    count(kTimers, w.timers_armed, theme.text_dim);
    cell(kNextTimer, theme.text_dim,
         row.timer_next_in_ns < 0 ? std::string() : format_duration(row.timer_next_in_ns));
}

void WorkerView::draw(Workspace& ws) {
    if (ws.stat == nullptr || ws.stat->per_worker.empty()) {
        empty_state(ws, "No workers yet",
                    "They appear as soon as the program's runtime has started. Ctrl+R starts a launched "
                    "program anew.");
        return;
    }
    const std::vector<traces::WorkerStat>& rows = ws.stat->per_worker;
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x,
                                                           ws.scale);
    draw_column_titles(ws, kColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows.size()), ws.px(kRowHeight));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, rows[static_cast<std::size_t>(i)], places, ws.px(kRowHeight));
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
