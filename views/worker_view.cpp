// See worker_view.h.
#include "views/worker_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/chart.h"
#include "views/format.h"
#include "views/matrix_panel.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowHeight = 24, kHeadUnits = 36;
constexpr std::size_t kTrailParts = 120, kMatrixRowsMost = 40;
constexpr float kStealCellUnits = 64, kStealLabelUnits = 96, kWakeCellUnits = 92, kWakeLabelUnits = 148;
constexpr Column kColumns[kWorkerColumnsCount] = {{"worker", 112, 0},
                                                  {"runs", 112, 1},
                                                  {"ready", 56, 0.1F, true},
                                                  {"bound", 56, 0.1F, true, 4},
                                                  {"injected", 76, 0.1F, true, 5},
                                                  {"stole", 68, 0.1F, true, 2},
                                                  {"stolen", 68, 0.1F, true, 3},
                                                  {"parks", 68, 0.1F, true, 8},
                                                  {"switches", 96, 0.1F, true, 7},
                                                  {"timers", 64, 0.1F, true, 1},
                                                  {"next timer", 88, 0.1F, true, 6},
                                                  {"use over time", 120, 2, false, 1}};

std::size_t column_at(WorkerColumn column) {
    return static_cast<std::size_t>(column);
}

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
    std::string line = fmt::format("worker {}, thread {} · {}", w.index, w.thread_id, inspect::worker_state_name(w.state));
    if (row.current != 0) line += fmt::format(" {} ({})", row.current_name, row.current);
    line += fmt::format(" · {} ready, {} bound to it", w.ready_length, w.bound_length);
    if (const std::string taken = traces::taken_from_text(w); !taken.empty()) line += " · stole " + taken;
    if (row.taken_by_others != 0) line += fmt::format(" · {} stolen from it", row.taken_by_others);
    line += fmt::format(" · {} injected · {} wake-ups", w.injected, w.wakes);
    if (w.timers_armed != 0) line += fmt::format(" · {} timers", w.timers_armed);
    return line;
}

}  // namespace

void WorkerView::reset() {
    trail_.reset();
    busy_parts_.clear();
    busy_shares_.clear();
    parts_of_ = 0;
    wakings_.reset();
    history_ = nullptr;
    busy_ = false;
}

nlohmann::json WorkerView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    const auto history = PastHistory::compute(ws);
    const bool in_range = history.has_value() && history->range.has_value();
    const std::vector<analyses::HistoryWaking> wakings = history.has_value()
                                                               ? wakings_of(history->wakings, *ws.moment, ws.filter)
                                                               : last_wakings(*ws.moment, ws.filter);
    return {{"workers", to_json(traces::worker_stats(ws.moment->state, ws.moment->t))},
            {"steals", to_json(in_range ? theft_matrix(*history, ws.moment->state) : theft_matrix(ws.moment->state))},
            {"wakes", to_json(wake_matrix(wakings, wakings.size(), wakings.size()))},
            {"wakes_are_last_ones", !history.has_value()}};
}

// Use over time: of a trace by events; of a program that runs how often the looks found a coroutine on the worker.
void WorkerView::take(Workspace& ws) {
    history_ = ws.history.want(ws);
    busy_ = ws.history.busy();
    std::uint64_t made_of = 0;
    if (ws.info.kind == traces::SessionKind::kRecorded) {
        made_of = ws.history.changes();
        if (made_of == parts_of_) return;
        if (history_ != nullptr) busy_parts_ = history_->busy;
    } else {
        OverviewPoint point;
        point.t = ws.moment->t;
        for (const inspect::WorkerImage& worker : ws.moment->state.workers)
            point.running.push_back(worker.state == wire::WorkerState::kRunning);
        if (!ws.session->time().has_value()) trail_.add(point);
        made_of = static_cast<std::uint64_t>(ws.moment->t);
        if (made_of == parts_of_) return;
        busy_parts_ = trail_.series(kTrailParts).busy;
    }
    parts_of_ = made_of;
    busy_shares_.clear();
    for (const std::vector<float>& row : busy_parts_)
        busy_shares_.push_back(row.empty() ? 0 : std::accumulate(row.begin(), row.end(), 0.0F) / static_cast<float>(row.size()));
}

void WorkerView::draw_row(Workspace& ws, const traces::WorkerStat& row, std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const inspect::WorkerImage& w = row.worker;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(w.index));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height}) && row.current != 0) ws.select_coroutine(row.current);
    publish_item(ws, fmt::format("workers.row.{}", w.index));
    const bool selected = row.current != 0 && row.current == ws.selection().coroutine;
    if (row_ground(ws, fmt::format("workers.row.{}", w.index), row.current, {at.x, at.y, at.x + width, at.y + height}, selected)) {
        ws.hovered = row_text(row);
        if (w.index < busy_shares_.size()) ws.hovered += fmt::format(" · {:.0f} % of the time with a coroutine", 100 * busy_shares_[w.index]);
    }
    ImGui::PopID();
    const float side = ws.px(12);
    draw_swatch(ws, list, {at.x + places[column_at(WorkerColumn::kWorker)].x, at.y + std::floor((height - side) / 2)}, side,
                look_of_worker(w.state));
    const auto cell = [&](WorkerColumn column, ImU32 colour, std::string_view what, float indent = 0) {
        draw_cell(ws, kColumns[column_at(column)], places[column_at(column)], {at.x + indent, at.y}, height, colour, what);
    };
    const auto count = [&](WorkerColumn column, std::uint64_t value, ImU32 colour) {
        cell(column, value == 0 ? theme.text_faint : colour, format_count(value));
    };
    cell(WorkerColumn::kWorker, theme.text, fmt::format("{}  {}", w.index, inspect::worker_state_name(w.state)), ws.px(20));
    // A worker is there whomever the filter leaves out; whom it runs then is only faint.
    cell(WorkerColumn::kRuns, row.current == 0 || ws.left_out(row.current) ? theme.text_faint : theme.text,
         row.current == 0 ? "nobody" : fmt::format("{} {}", row.current, row.current_name));
    count(WorkerColumn::kReady, w.ready_length, theme.text);
    count(WorkerColumn::kBound, w.bound_length, theme.text);
    count(WorkerColumn::kInjected, w.injected, theme.text_dim);
    count(WorkerColumn::kStole, w.steals, theme.text_dim);
    count(WorkerColumn::kStolen, row.taken_by_others, theme.text_dim);
    count(WorkerColumn::kParks, w.parks, theme.text_dim);
    count(WorkerColumn::kSwitches, w.switches, theme.text_dim);
    count(WorkerColumn::kTimers, w.timers_armed, theme.text_dim);
    cell(WorkerColumn::kNextTimer, theme.text_dim, row.timer_next_in_ns < 0 ? std::string() : format_duration(row.timer_next_in_ns));
    draw_use(ws, row, places[column_at(WorkerColumn::kUse)], at, height);
}

void WorkerView::draw_use(Workspace& ws, const traces::WorkerStat& row, const PlacedColumn& place, ImVec2 at, float height) {
    const std::uint32_t index = row.worker.index;
    if (!place.shown || index >= busy_parts_.size() || busy_parts_[index].empty()) return;
    const float x = at.x + place.x, number = ws.px(40), end = x + place.width - ws.px(12);
    draw_heat(ws, {x, at.y + ws.px(4), std::max(x + 1, end - number), at.y + height - ws.px(4)}, busy_parts_[index],
              ws.theme->look(Look::kRunning));
    draw_text(ImGui::GetWindowDrawList(), ws.fonts.mono_small, {end, at.y + std::floor((height - ws.fonts.mono_small->FontSize) / 2)},
              ws.theme->text_dim, fmt::format("{:.0f} %", 100 * busy_shares_[index]), 1);
}

void WorkerView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.stat == nullptr || ws.stat->per_worker.empty()) {
        empty_state(ws, "No workers yet",
                    "They appear as soon as the program's runtime has started. Ctrl+R starts a launched "
                    "program anew.");
        return;
    }
    take(ws);
    static constexpr const char* kPages[] = {"Workers", "Steals", "Wake-ups"};
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    choice(ws, "workers.page", kPages, 3, &page_);
    ImGui::SetCursorPos({0, ws.px(kHeadUnits)});
    switch (page_) {
        case 1:
            draw_steals(ws);
            break;
        case 2:
            draw_wakes(ws);
            break;
        default:
            draw_table(ws);
    }
}

void WorkerView::draw_table(Workspace& ws) {
    const std::vector<traces::WorkerStat>& rows = ws.stat->per_worker;
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_sort_titles(ws, "workers", kColumns, places, &sorted_);
    const std::vector<std::uint32_t> order = order_workers(rows, busy_shares_, static_cast<WorkerColumn>(sorted_.column), sorted_.descending);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows.size()), ws.px(kRowHeight));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, rows[order[static_cast<std::size_t>(i)]], places, ws.px(kRowHeight));
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void WorkerView::draw_steals(Workspace& ws) {
    const bool in_range = history_ != nullptr && history_->range.has_value();
    const Matrix matrix = in_range ? theft_matrix(*history_, ws.moment->state) : theft_matrix(ws.moment->state);
    if (matrix.empty()) {
        empty_state(ws, "Nobody stole",
                    in_range ? "In the range that is selected no worker took coroutines from another's queue. Esc clears the range."
                             : "Idle workers take coroutines from the queues of others; here it is counted who took how many from whom.");
        return;
    }
    ImGui::SetCursorPosX(ws.px(12));
    text(ws.fonts.small, ws.theme->text_faint,
         fmt::format("{} coroutines were taken from another worker's queue {}", format_count(matrix.total),
                     in_range ? "in the range that is selected" : "up to this moment"));
    ImGui::BeginChild("steals", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
    const MatrixWords words = {"stole", "from", [&](MatrixCell cell) {
                                   const std::uint64_t count = matrix.cells[matrix.at(cell.row, cell.column)];
                                   return fmt::format("{} took {} coroutines from {}, {} of all that were stolen", matrix.row_texts[cell.row],
                                                      format_count(count), matrix.column_texts[cell.column],
                                                      format_share(static_cast<double>(count) / static_cast<double>(matrix.total)));
                               }};
    if (const auto cell = draw_matrix(ws, "workers.steals", matrix, words, kStealCellUnits, kStealLabelUnits); cell.has_value()) {
        for (const traces::WorkerStat& row : ws.stat->per_worker) {
            if (row.worker.index == cell->row && row.current != 0) ws.select_coroutine(row.current);
        }
    }
    ImGui::EndChild();
}

void WorkerView::draw_wakes(Workspace& ws) {
    const bool recorded = ws.info.kind == traces::SessionKind::kRecorded;
    const std::vector<analyses::HistoryWaking>* wakings = nullptr;
    if (recorded) {
        if (history_ == nullptr) {
            const std::string reading = ws.history.error().empty() ? fmt::format("{:.0f} % is read.", 100 * ws.history.share())
                                                                   : ws.history.error();
            empty_state(ws, "The trace is being read", reading.c_str());
            return;
        }
        wakings = &history_->wakings;
        if (!ws.filter.empty()) {
            wakings_.want(ws.background, WakingsKey{ws.moment, ws.filter, ws.history.changes()},
                          [all = *wakings, moment = ws.moment, filter = ws.filter] { return wakings_of(all, *moment, filter); });
            wakings = wakings_.value();
        }
    } else {
        wakings_.want(ws.background, WakingsKey{ws.moment, ws.filter, 0},
                      [moment = ws.moment, filter = ws.filter] { return last_wakings(*moment, filter); });
        wakings = wakings_.value();
    }
    if (wakings == nullptr) return;
    if (wakings->empty() && !ws.filter.empty()) {
        empty_state(ws, "Nobody was seen to wake those that pass the filter", "Ctrl+Shift+F shows everybody again.");
        return;
    }
    if (wakings->empty()) {
        empty_state(ws, "Nobody was seen to wake somebody",
                    recorded ? "In what is looked at no coroutine was woken. Esc clears a range."
                             : "Who wakes whom is told by events: press E until the bottom line says always, or record the program.");
        return;
    }
    const std::size_t fit = matrix_columns_fit(ws, ImGui::GetContentRegionAvail().x, kWakeCellUnits, kWakeLabelUnits);
    const Matrix matrix = wake_matrix(*wakings, kMatrixRowsMost, fit);
    std::string says = recorded ? fmt::format("{} wake-ups{}", format_count(matrix.total),
                                              history_->range.has_value() ? " in the range that is selected" : "")
                                : fmt::format("the last wake-ups of {} coroutines that live now", format_count(matrix.total));
    if (matrix.left_out != 0) says += fmt::format(" · {} are of sites that have no room here", format_count(matrix.left_out));
    ImGui::SetCursorPosX(ws.px(12));
    text(ws.fonts.small, ws.theme->text_faint, says);
    ImGui::BeginChild("wakes");
    const MatrixWords words = {"woke", "whom", [&](MatrixCell cell) {
                                   const std::uint64_t count = matrix.cells[matrix.at(cell.row, cell.column)];
                                   return fmt::format("{} woke {} {} times, {} of all wake-ups", matrix.row_texts[cell.row],
                                                      matrix.column_texts[cell.column], format_count(count),
                                                      format_share(static_cast<double>(count) / static_cast<double>(matrix.total)));
                               },
                               ws.moment->state.coroutine_of(ws.hovered_coroutine()) != nullptr
                                   ? ws.moment->state.site_text(ws.moment->state.coroutine_of(ws.hovered_coroutine())->site)
                                   : std::string()};
    if (const auto cell = draw_matrix(ws, "workers.wakes", matrix, words, kWakeCellUnits, kWakeLabelUnits); cell.has_value()) {
        if (const std::uint64_t example = matrix.examples[matrix.at(cell->row, cell->column)]; example != 0) ws.select_coroutine(example);
    }
    ImGui::EndChild();
}

}  // namespace coroscope::views
