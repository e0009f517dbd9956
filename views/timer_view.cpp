// See timer_view.h.
#include "views/timer_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/describe.h"
#include "views/duration_chart.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowUnits = 24, kHeadUnits = 40, kDueUnits = 40, kLateUnits = 132;
constexpr std::size_t kRowsDumped = 1000;
constexpr Column kColumns[kTimerColumnsCount] = {
    {"due in", 108, 0.3F, true},       {"coroutine", 84, 0.2F, true, 3}, {"name", 112, 1},
    {"waits in", 128, 1.4F, false, 1}, {"since", 92, 0.3F, true, 2},     {"worker", 60, 0.1F, true, 4}};

std::size_t at(TimerColumn column) {
    return static_cast<std::size_t>(column);
}

}  // namespace

void TimerView::reset() {
    shown_.reset();
    due_ = -1;
    busy_ = false;
}

// The range that is selected narrows deadlines as it does everything else.
TimerView::Shown TimerView::compute(const Key& key) {
    const auto& [moment, filter, sorted, due, range] = key;
    Shown shown;
    shown.model = compute_timers(moment);
    shown.order = order_timers(shown.model, filter, range.has_value() ? range->begin : INT64_MIN, range.has_value() ? range->end : INT64_MAX,
                               static_cast<TimerColumn>(sorted.column), sorted.descending);
    if (due >= 0) {
        std::erase_if(shown.order, [&, chosen = static_cast<std::size_t>(due)](std::uint32_t i) {
            return due_bucket(shown.model.rows[i].due_ns - shown.model.moment->t) != chosen;
        });
    }
    return shown;
}

nlohmann::json TimerView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    const Shown shown = compute(key(ws));
    nlohmann::json out = to_json(shown.model, shown.order, kRowsDumped);
    const auto history = PastHistory::compute(ws);
    out["late_wake"] = history.has_value() ? duration_json(history->late_wake, history->ns_per_tick) : nlohmann::json(nullptr);
    out["late_run"] = history.has_value() ? duration_json(history->late_run, history->ns_per_tick) : nlohmann::json(nullptr);
    return out;
}

void TimerView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) {
        empty_state(ws, "No timers yet", "They appear with the first look at the program.");
        return;
    }
    shown_.want(ws.background, key(ws), [key = key(ws)] { return compute(key); });
    const analyses::History* history = ws.history.want(ws);
    busy_ = ws.history.busy() || shown_.in_flight();
    const std::shared_ptr<const Shown> shown = shown_.shared();
    if (shown == nullptr) return;
    const bool late = history != nullptr && history->late_wake.samples != 0;
    if (shown->model.rows.empty() && !late) {
        empty_state(ws, "Nobody waits for a deadline",
                    "Sleeping coroutines, and those that wait with a time limit, appear here with the time at which they are woken.");
        return;
    }
    draw_head(ws, shown->model);
    draw_due(ws, shown->model);
    const float room = ImGui::GetContentRegionAvail().y;
    const bool shows_late = room > ws.px(kLateUnits) + ws.px(4 * kRowUnits);
    draw_rows(ws, *shown, shows_late ? room - ws.px(kLateUnits) : room);
    if (shows_late) draw_late(ws, history);
}

void TimerView::draw_head(Workspace& ws, const TimerModel& model) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    const float width = ImGui::GetContentRegionAvail().x;
    if (text_field(ws, "timers.filter", "Filter: words, or a rule", &ws.filter, std::min(ws.px(240), width - ws.px(8))))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    const auto say = [&](const char* label, const std::string& value, ImU32 colour, float least) {
        if (width < ws.px(least)) return;
        ImGui::SameLine(0, ws.px(14));
        ImGui::SetCursorPosY(ws.px(6));
        fact(ws, label, value, colour);
    };
    say("armed", format_count(model.rows.size()), theme.text, 360);
    if (!model.rows.empty()) {
        const std::int64_t in_ns = model.next_in_ns();
        say(in_ns < 0 ? "first was due" : "next in", format_duration(std::abs(in_ns)) + (in_ns < 0 ? " ago" : ""),
            in_ns < 0 ? theme.warn : theme.text, 480);
    }
    say("asleep", format_count(model.sleeping), theme.text_dim, 580);
    say("with a time limit", format_count(model.limited), theme.text_dim, 720);
    ImGui::SetCursorPos({0, ws.px(kHeadUnits)});
}

// How soon deadlines are: a field each, filled by its share; a click shows those alone.
void TimerView::draw_due(Workspace& ws, const TimerModel& model) {
    const Theme& theme = *ws.theme;
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x - ws.px(16), each = std::floor(width / kDueBucketsCount), height = ws.px(kDueUnits - 8);
    ImDrawList* list = ImGui::GetWindowDrawList();
    std::uint64_t most = 1;
    for (const std::uint64_t count : model.due)
        most = std::max(most, count);
    for (std::size_t i = 0; i < kDueBucketsCount; ++i) {
        const float x = corner.x + ws.px(8) + each * static_cast<float>(i), end = x + each - ws.px(3);
        const std::string name = fmt::format("timers.due.{}", i);
        ImGui::SetCursorScreenPos({x, corner.y});
        if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, end - x), height})) {
            due_ = due_ == static_cast<int>(i) ? -1 : static_cast<int>(i);
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
        publish_item(ws, name);
        const bool chosen = due_ == static_cast<int>(i), hovered = ImGui::IsItemHovered();
        const ImU32 colour = i == 0 ? theme.warn : theme.look(Look::kTimer);
        list->AddRectFilled({x, corner.y}, {end, corner.y + height}, hovered ? mix(theme.field, theme.text, 0.08F) : theme.field, ws.px(3));
        if (model.due[i] != 0) {
            const float filled = std::max(ws.px(2), std::floor((end - x) * static_cast<float>(model.due[i]) / static_cast<float>(most)));
            list->AddRectFilled({x, corner.y + height - ws.px(4)}, {x + filled, corner.y + height}, colour, ws.px(2));
        }
        if (chosen) list->AddRect({x, corner.y}, {end, corner.y + height}, theme.accent, ws.px(3), 0, std::max(1.0F, std::floor(ws.scale)));
        const std::string label = i == 0 || i + 1 == kDueBucketsCount ? due_bucket_name(i) : fmt::format("≤ {}", due_bucket_name(i));
        draw_text(list, ws.fonts.small, {x + ws.px(6), corner.y + ws.px(2)}, theme.text_faint, cut_to(ws.fonts.small, label, end - x - ws.px(8)));
        draw_text(list, ws.fonts.mono_small, {end - ws.px(6), corner.y + ws.px(13)}, model.due[i] == 0 ? theme.text_faint : theme.text,
                  cut_to(ws.fonts.mono_small, format_count(model.due[i]), end - x - ws.px(8)), 1);
        if (hovered)
            ws.hovered = i == 0 ? fmt::format("{} deadlines have passed and woken nobody yet", format_count(model.due[i]))
                                : fmt::format("{} deadlines are due {} {}{}", format_count(model.due[i]),
                                              i + 1 == kDueBucketsCount ? "after" : "within",
                                              i + 1 == kDueBucketsCount ? "100 s" : due_bucket_name(i),
                                              i > 1 && i + 1 < kDueBucketsCount ? fmt::format(", not within {}", due_bucket_name(i - 1)) : "");
    }
    ImGui::SetCursorScreenPos({corner.x, corner.y + ws.px(kDueUnits)});
}

void TimerView::draw_rows(Workspace& ws, const Shown& shown, float height) {
    const float top = ImGui::GetCursorPosY();
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_sort_titles(ws, "timers", kColumns, places, &sorted_);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, std::max(ws.px(kRowUnits), height - (ImGui::GetCursorPosY() - top))});
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(shown.order.size()), ws.px(kRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, shown, static_cast<std::size_t>(i), places, ws.px(kRowUnits));
    }
    if (shown.order.empty()) {
        ImGui::SetCursorPos({ws.px(12), ws.px(8)});
        text(ws.fonts.small, ws.theme->text_faint,
             shown.model.rows.empty() ? "Nobody waits for a deadline at this moment."
                                      : "No deadline matches: the filter, the field above or the selected range leaves none.");
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void TimerView::draw_row(Workspace& ws, const Shown& shown, std::size_t number, std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const TimerModel& model = shown.model;
    const TimerRow& row = model.rows[shown.order[number]];
    const inspect::CoroutineImage& coroutine = model.moment->state.coroutines[row.position];
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(1.0F, width), height})) ws.select_coroutine(coroutine.identity);
    publish_item(ws, fmt::format("timers.row.{}", number));
    const bool selected = ws.selection().coroutine == coroutine.identity;
    const Rect place = {corner.x, corner.y, corner.x + width, corner.y + height};
    if (row_ground(ws, fmt::format("timers.row.{}", number), coroutine.identity, place, selected)) ws.hovered = timer_line(model, row);
    ImGui::PopID();
    const auto cell = [&](TimerColumn column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kColumns[at(column)], places[at(column)], corner, height, colour, what);
    };
    const std::int64_t in_ns = row.due_ns - model.moment->t, since = in_state_ns(*model.moment, coroutine);
    const bool sleeps = coroutine.reason == wire::WaitReason::kSleep;
    const std::string object = sleeps ? std::string() : waits_on_text(model.moment->state, coroutine);
    cell(TimerColumn::kDue, in_ns < 0 ? theme.warn : theme.text,
         in_ns < 0 ? fmt::format("{} ago", format_duration(-in_ns)) : format_duration(in_ns));
    cell(TimerColumn::kCoroutine, theme.text_dim, std::to_string(coroutine.identity));
    cell(TimerColumn::kName, theme.text, model.moment->state.coroutine_name(coroutine));
    cell(TimerColumn::kWait, sleeps ? theme.text_dim : theme.text,
         object.empty() ? timer_wait_text(coroutine) : fmt::format("{}: {}", timer_wait_text(coroutine), object));
    cell(TimerColumn::kSince, since < 0 ? theme.text_faint : theme.text_dim, since < 0 ? std::string("not known") : format_duration(since));
    cell(TimerColumn::kWorker, theme.text_dim, std::to_string(coroutine.worker));
}

void TimerView::draw_late(Workspace& ws, const analyses::History* history) {
    const Theme& theme = *ws.theme;
    const ImVec2 corner = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(corner, {corner.x + room.x, corner.y + std::max(1.0F, std::floor(ws.scale))}, theme.line);
    if (history == nullptr || history->late_wake.samples == 0) {
        const std::string
            why = ws.info.kind != traces::SessionKind::kRecorded
                      ? "How late deadlines wake is told by events of a whole recording: record the program, and open what was recorded."
                  : !ws.history.error().empty() ? ws.history.error()
                  : history == nullptr          ? fmt::format("reading {:.0f} %", 100 * ws.history.share())
                                                : std::string("No deadline has woken anybody here.");
        draw_text(list, ws.fonts.small, {corner.x + ws.px(12), corner.y + ws.px(12)}, theme.text_faint,
                  cut_to(ws.fonts.small, why, room.x - ws.px(24)));
        return;
    }
    const float half = std::floor(room.x / 2);
    draw_duration_chart(ws, "late to wake", history->late_wake, history->ns_per_tick,
                    {corner.x + ws.px(12), corner.y + ws.px(8), corner.x + half - ws.px(8), corner.y + room.y});
    draw_duration_chart(ws, "late to run", history->late_run, history->ns_per_tick,
                    {corner.x + half + ws.px(8), corner.y + ws.px(8), corner.x + room.x - ws.px(12), corner.y + room.y});
}

}  // namespace coroscope::views
