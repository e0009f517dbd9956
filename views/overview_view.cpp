// See overview_view.h.
#include "views/overview_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kNumberUnits = 128, kNumberHeightUnits = 56;
constexpr float kAlarmUnits = 26;
constexpr std::size_t kAlarmsShown = 4, kAlarmsShownCompact = 1;
constexpr float kCompactUnits = 420;  // panels that are lower have no room for all of it
constexpr float kLabelUnits = 156, kGapUnits = 8, kAxisUnits = 24;
constexpr float kStatesUnits = 132, kRateUnits = 44, kWorkerUnits = 14;
constexpr float kStatesCompactUnits = 64, kLegendUnits = 13, kRateCompactUnits = 20;
constexpr std::size_t kWorkersShown = 32;

// As they are stacked, the first at the bottom: who works, who could, and who waits for what.
constexpr Look kStacked[] = {Look::kRunning, Look::kReady,  Look::kChannel, Look::kSelect,  Look::kLock,   Look::kTimer,
                             Look::kIo,      Look::kSignal, Look::kOther,   Look::kUnowned, Look::kUnknown};

std::string short_number(double value) {
    if (value >= 1e9) return fmt::format("{:.2f} G", value * 1e-9);
    if (value >= 1e6) return fmt::format("{:.2f} M", value * 1e-6);
    if (value >= 1e5) return fmt::format("{:.1f} k", value * 1e-3);
    if (value >= 10 || value == std::floor(value)) return format_count(static_cast<std::uint64_t>(value + 0.5));
    return fmt::format("{:.1f}", value);
}

}  // namespace

void OverviewView::reset() {
    point_ = nullptr;
    series_ = nullptr;
    busy_ = false;
    hovered_.reset();
}

nlohmann::json OverviewView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    const OverviewSeries series = ws.run_series.compute(ws);
    const traces::Stat stat = traces::compute_stat(*ws.session, *ws.moment);
    const traces::Waits waits = traces::compute_waits(*ws.moment);
    nlohmann::json range = nullptr;
    if (const auto& chosen = ws.selection().range; chosen.has_value()) range = {chosen->begin, chosen->end};
    return {{"now", to_json(point_of(*ws.moment))},
            {"alarms", to_json(alarms_of(point_of(*ws.moment), *ws.moment, stat, &waits))},
            {"range_ns", std::move(range)},
            {"series", to_json(series)}};
}

void OverviewView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) {
        empty_state(ws, "Nothing to see yet", "The first look at the program is on its way.");
        return;
    }
    ws.run_series.want(ws);
    point_ = ws.run_series.point();
    busy_ = ws.run_series.busy();
    series_ = &ws.run_series.series();
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    compact_ = ImGui::GetContentRegionAvail().y < ws.px(kCompactUnits);
    ImGui::BeginChild("overview");
    draw_numbers(ws);
    draw_alarms(ws);
    draw_charts(ws);
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

std::vector<OverviewView::Number> OverviewView::numbers(const Workspace& ws) const {
    const Theme& theme = *ws.theme;
    const OverviewPoint* point = point_;
    std::vector<Number> all;
    if (point == nullptr) return all;
    const std::size_t part = series_->part_at(ws.moment->t);
    const auto of_part = [&](const std::vector<float>& row) { return part < row.size() ? static_cast<double>(row[part]) : 0.0; };
    std::uint64_t alive = 0, slots = 0, used = 0, bytes = 0;
    for (const std::uint32_t count : point->looks)
        alive += count;
    for (const inspect::PoolImage& pool : ws.moment->state.pools) {
        slots += pool.slots();
        used += pool.used();
        bytes += pool.used() * pool.slot_bytes;
    }
    const auto running = static_cast<std::size_t>(std::count(point->running.begin(), point->running.end(), true));
    const std::uint32_t ready = point->looks[static_cast<std::size_t>(Look::kReady)];
    all.push_back({"coroutines", format_count(alive), "alive", fmt::format("{} spawned, {} ended so far", point->spawned, point->exited)});
    all.push_back({"running", fmt::format("{} / {}", running, point->running.size()), "workers",
                   fmt::format("{} workers of {} run a coroutine now", running, point->running.size())});
    all.push_back({"ready", format_count(ready), "", fmt::format("{} coroutines could run and wait for a worker", ready),
                   ready > 4 * point->running.size() ? theme.warn : 0});
    all.push_back({"switches", series_->empty() ? "–" : short_number(of_part(series_->switches)), "/s",
                   fmt::format("{} switches so far; the rate is that of this part of time", point->switches)});
    all.push_back(
        {"spawned", series_->empty() ? "–" : short_number(of_part(series_->spawned)), "/s", fmt::format("{} spawned so far", point->spawned)});
    all.push_back({"stack slots", format_count(used), format_bytes(bytes), fmt::format("{} of {} stack slots are in use", used, slots)});
    if (ws.stat != nullptr && ws.stat->wake_to_run_ns.samples != 0)
        all.push_back({"wake to run", format_duration(static_cast<std::int64_t>(ws.stat->wake_to_run_ns.p99)), "p99",
                       fmt::format("from wake-up to run: half within {}, 99 of 100 within {}",
                                   format_duration(static_cast<std::int64_t>(ws.stat->wake_to_run_ns.p50)),
                                   format_duration(static_cast<std::int64_t>(ws.stat->wake_to_run_ns.p99)))});
    all.push_back({"events lost", format_count(ws.moment->events_lost), "", "events that were dropped or overtaken before they were read",
                   ws.moment->events_lost != 0 ? theme.bad : 0});
    return all;
}

void OverviewView::draw_numbers(Workspace& ws) {
    const Theme& theme = *ws.theme;
    std::vector<Number> all = numbers(ws);
    const float width = ImGui::GetContentRegionAvail().x - ws.px(24), height = ws.px(kNumberHeightUnits);
    const auto columns = std::max<std::size_t>(1, std::min(all.size(), static_cast<std::size_t>(width / ws.px(kNumberUnits))));
    if (compact_ && all.size() > columns) all.resize(columns);
    // That nothing is lost stands in the bottom line, too: it alone opens no second row.
    if (all.size() == columns + 1 && ws.moment->events_lost == 0) all.pop_back();
    const float each = std::floor(width / static_cast<float>(columns));
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList* list = ImGui::GetWindowDrawList();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const ImVec2 corner = {at.x + ws.px(12) + each * static_cast<float>(i % columns),
                               at.y + ws.px(6) + height * static_cast<float>(i / columns)};
        ImGui::SetCursorScreenPos(corner);
        ImGui::Dummy({each - ws.px(8), height});
        publish_item(ws, fmt::format("overview.number.{}", i));
        if (ImGui::IsItemHovered()) ws.hovered = all[i].hover;
        draw_text(list, ws.fonts.small, {corner.x, corner.y + ws.px(4)}, theme.text_faint, all[i].label);
        const ImU32 colour = all[i].colour != 0 ? all[i].colour : theme.text;
        ImFont* large = text_width(ws.fonts.title, all[i].value) + text_width(ws.fonts.small, all[i].unit) + ws.px(20) < each ? ws.fonts.title
                                                                                                                              : ws.fonts.strong;
        const float y = corner.y + ws.px(22);
        draw_text(list, large, {corner.x, y}, colour, all[i].value);
        draw_text(list, ws.fonts.small,
                  {corner.x + text_width(large, all[i].value) + ws.px(5), y + large->FontSize - ws.fonts.small->FontSize - ws.px(2)},
                  theme.text_faint, all[i].unit);
    }
    const auto rows = static_cast<float>((all.size() + columns - 1) / columns);
    ImGui::SetCursorScreenPos({at.x, at.y + ws.px(12) + height * rows});
}

void OverviewView::draw_alarms(Workspace& ws) {
    if (ws.stat == nullptr || point_ == nullptr) return;
    const Theme& theme = *ws.theme;
    const std::vector<OverviewAlarm> alarms = alarms_of(*point_, *ws.moment, *ws.stat, ws.waits);
    const std::size_t shown = compact_ ? kAlarmsShownCompact : kAlarmsShown;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kAlarmUnits);
    for (std::size_t i = 0; i < std::min(alarms.size(), shown); ++i) {
        const OverviewAlarm& alarm = alarms[i];
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const std::string name = fmt::format("overview.alarm.{}", i);
        ImGui::SetCursorScreenPos({at.x + ws.px(8), at.y});
        if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width - ws.px(16)), height - ws.px(2)})) {
            if (alarm.coroutine != 0) ws.select_coroutine(alarm.coroutine);
            ws.view_wanted = alarm.view;
        }
        publish_item(ws, name);
        const ImU32 colour = alarm.grade == AlarmGrade::kBad ? theme.bad : alarm.grade == AlarmGrade::kWarning ? theme.warn : theme.accent;
        const Rect box = {at.x + ws.px(8), at.y, at.x + width - ws.px(8), at.y + height - ws.px(2)};
        list->AddRectFilled({box.x0, box.y0}, {box.x1, box.y1}, with_alpha(colour, ImGui::IsItemHovered() ? 0.28F : 0.14F), ws.px(4));
        list->AddRectFilled({box.x0, box.y0}, {box.x0 + ws.px(3), box.y1}, colour, ws.px(4), ImDrawFlags_RoundCornersLeft);
        if (ImGui::IsItemHovered()) ws.hovered = alarm.text;
        const float y = box.y0 + std::floor((box.y1 - box.y0 - ws.fonts.text->FontSize) / 2);
        const std::string to = fmt::format("{} ›", alarm.view);
        const float to_width = text_width(ws.fonts.small, to);
        draw_text(list, ws.fonts.text, {box.x0 + ws.px(12), y}, theme.text,
                  cut_to(ws.fonts.text, alarm.text, box.x1 - box.x0 - to_width - ws.px(32)));
        draw_text(list, ws.fonts.small, {box.x1 - ws.px(8), y + ws.px(1)}, theme.text_dim, to, 1);
        ImGui::SetCursorScreenPos({at.x, at.y + height});
    }
    if (alarms.size() > shown) {
        ImGui::SetCursorPosX(ws.px(20));
        text(ws.fonts.small, theme.text_faint, fmt::format("and {} more", alarms.size() - shown));
    }
    if (!alarms.empty()) ImGui::Dummy({1, ws.px(6)});
}

void OverviewView::draw_charts(Workspace& ws) {
    if (series_->empty()) {
        const std::string& error = ws.history.error();
        const std::string reading = fmt::format("{:.0f} % of the trace is read.", 100 * ws.history.share());
        if (ws.info.kind == traces::SessionKind::kCore) {
            empty_state(ws, "A core is one moment", "How a program got there is told by traces: coroscope record.");
        } else if (!error.empty()) {
            empty_state(ws, "The trace could not be read", error.c_str());
        } else {
            empty_state(ws, "The charts are on their way",
                        ws.info.kind == traces::SessionKind::kLive ? "They begin with the second look." : reading.c_str());
        }
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const std::size_t workers = std::min(series_->busy.size(), kWorkersShown);
    const float worker = ws.px(kWorkerUnits) * static_cast<float>(workers), gap = ws.px(kGapUnits);
    bool spawns = true, slots = std::any_of(series_->used.begin(), series_->used.end(), [](const auto& row) { return !row.empty(); });
    const float small = ws.px(compact_ ? kRateCompactUnits : kRateUnits);
    const auto fixed = [&] {
        return (1.0F + (spawns ? 1.0F : 0.0F) + (slots ? 1.0F : 0.0F)) * (small + gap) + (series_->lost.empty() ? 0 : small / 2 + gap) + worker +
               gap + ws.px(kAxisUnits + 8);
    };
    // All states that there are have a line in the legend; where it is narrow, charts that matter less make room.
    const auto looks = std::count_if(series_->looks.begin(), series_->looks.end(), [](const auto& row) { return !row.empty(); });
    const float states_min = std::max(ws.px(compact_ ? kStatesCompactUnits : kStatesUnits), ws.px(20 + kLegendUnits * static_cast<float>(looks)));
    if (fixed() + states_min + gap > room.y) slots = false;
    if (fixed() + states_min + gap > room.y) spawns = false;
    const float states = std::max(states_min, room.y - fixed() - gap);
    TimeAxis axis;
    axis.begin = series_->begin;
    axis.end = series_->end;
    axis.x0 = at.x + ws.px(kLabelUnits);
    axis.x1 = at.x + room.x - ws.px(16);
    const traces::TimeNs shown = hovered_.value_or(ws.moment->t);
    const std::size_t part = series_->part_at(shown);
    float y = at.y + ws.px(4);
    const float top = y;
    const auto area = [&](float height) {
        const Rect rect = {axis.x0, y, axis.x1, y + height};
        y += height + gap;
        return rect;
    };
    draw_states(ws, area(states), hovered_);
    draw_rates(ws, area(small), part, false);
    if (spawns) draw_rates(ws, area(small), part, true);
    if (slots) draw_slots(ws, area(small), hovered_);
    if (workers != 0) draw_workers(ws, area(worker), part);
    if (!series_->lost.empty()) {
        const Rect rect = area(small / 2);
        draw_line(ws, rect, series_->lost, highest_of(series_->lost, 1), ws.theme->bad);
        draw_label(ws, rect, 0, "events lost", format_count(static_cast<std::uint64_t>(series_->lost[part])), ws.theme->bad);
    }
    const Rect all = {axis.x0, top, axis.x1, y - gap};
    draw_time_axis(ws, axis, all);
    draw_time_marks(ws, axis, all);
    hovered_ = time_input(ws, "overview.chart", axis, all);
    if (hovered_.has_value()) {
        const float x = axis.x_of(*hovered_);
        ImGui::GetWindowDrawList()->AddRectFilled({x, all.y0}, {x + std::max(1.0F, std::floor(ws.scale)), all.y1},
                                                  with_alpha(ws.theme->text, 0.35F));
        ws.hovered = text_at(series_->part_at(*hovered_), *hovered_);
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({room.x, y - at.y + ws.px(kAxisUnits)});
}

// Left of a chart: its name and what it says at the time shown.
void OverviewView::draw_label(Workspace& ws, Rect area, int line, const char* label, const std::string& value, ImU32 colour) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float y = area.y0 + ws.px(16) * static_cast<float>(line), right = area.x0 - ws.px(12);
    if (line != 0 && y + ws.fonts.small->FontSize > area.y1 + ws.px(4)) return;  // no room
    draw_text(list, ws.fonts.small, {right - ws.px(kLabelUnits - 24), y}, ws.theme->text_faint, label);
    draw_text(list, ws.fonts.mono_small, {right, y}, colour != 0 ? colour : ws.theme->text_dim, value, 1);
}

void OverviewView::draw_states(Workspace& ws, Rect area, std::optional<traces::TimeNs> at) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws.theme;
    std::vector<Layer> layers;
    std::vector<float> sum(series_->parts);
    for (const Look look : kStacked) {
        const std::vector<float>& row = series_->looks[static_cast<std::size_t>(look)];
        if (row.empty()) continue;
        layers.push_back({theme.area(look), row, theme.look(look)});
        for (std::size_t i = 0; i < row.size(); ++i)
            sum[i] += row[i];
    }
    list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.field);
    draw_stacked(ws, area, layers, highest_of(sum, 1));
    const std::vector<LegendRow> counts = legend_of(*series_, point_, at.has_value() ? &*at : nullptr);
    double alive = 0;
    for (const LegendRow& row : counts)
        alive += row.count;
    draw_label(ws, area, 0, "coroutines", short_number(alive), theme.text);
    // The legend has the order of the layers, from the top.
    std::vector<LegendRow> rows;
    for (std::size_t i = std::size(kStacked); i-- > 0;) {
        const auto found = std::find_if(counts.begin(), counts.end(), [&](const LegendRow& row) { return row.look == kStacked[i]; });
        if (found != counts.end()) rows.push_back(*found);
    }
    const float room = area.y1 - area.y0 - ws.px(18),
                line = std::min(ws.px(18), std::max(ws.px(kLegendUnits), room / static_cast<float>(std::max<std::size_t>(1, rows.size()))));
    const float side = ws.px(10), left = area.x0 - ws.px(kLabelUnits - 12);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const float y = area.y0 + ws.px(20) + line * static_cast<float>(i);
        if (y + side > area.y1 + ws.px(2)) break;
        draw_swatch(ws, list, {left, y + ws.px(1)}, side, rows[i].look);
        const std::string count = short_number(rows[i].count);
        const float name = left + side + ws.px(6), end = area.x0 - ws.px(12);
        draw_text(list, ws.fonts.small, {name, y - ws.px(2)}, theme.text_faint,
                  cut_to(ws.fonts.small, look_name(rows[i].look), end - text_width(ws.fonts.mono_small, count) - ws.px(4) - name));
        draw_text(list, ws.fonts.mono_small, {end, y - ws.px(1)}, theme.text_dim, count, 1);
    }
}

void OverviewView::draw_rates(Workspace& ws, Rect area, std::size_t at, bool spawns) {
    const Theme& theme = *ws.theme;
    ImGui::GetWindowDrawList()->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.field);
    if (!spawns) {
        draw_line(ws, area, series_->switches, highest_of(series_->switches, 1), theme.accent);
        draw_label(ws, area, 0, "switches /s", short_number(series_->switches[at]), theme.text);
        draw_label(ws, area, 1, "at most", short_number(highest_of(series_->switches, 0)), 0);
        return;
    }
    const float highest = std::max(highest_of(series_->spawned, 1), highest_of(series_->exited, 1));
    draw_line(ws, area, series_->spawned, highest, theme.good);
    draw_line(ws, area, series_->exited, highest, theme.warn);
    draw_label(ws, area, 0, "spawned /s", short_number(series_->spawned[at]), theme.good);
    draw_label(ws, area, 1, "ended /s", short_number(series_->exited[at]), theme.warn);
}

void OverviewView::draw_slots(Workspace& ws, Rect area, std::optional<traces::TimeNs> at) {
    const Theme& theme = *ws.theme;
    // One colour, lighter for each larger class.
    std::vector<Layer> layers;
    std::vector<float> sum(series_->parts);
    for (std::size_t i = 0; i < series_->used.size(); ++i) {
        const std::vector<float>& row = series_->used[i];
        if (row.empty()) continue;
        const ImU32 colour = mix(theme.accent, theme.panel, 0.2F * static_cast<float>(i));
        layers.push_back({mix(colour, theme.panel, Theme::kAreaQuieter), row, colour});
        for (std::size_t p = 0; p < row.size(); ++p)
            sum[p] += row[p];
    }
    ImGui::GetWindowDrawList()->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.field);
    draw_stacked(ws, area, layers, highest_of(sum, 1));
    double used = at.has_value() ? static_cast<double>(sum[series_->part_at(*at)]) : 0;
    for (const inspect::PoolImage& pool : ws.moment->state.pools)
        used += at.has_value() ? 0 : static_cast<double>(pool.used());
    draw_label(ws, area, 0, "stack slots", short_number(used), theme.text);
    draw_label(ws, area, 1, "at most", short_number(highest_of(sum, 0)), 0);
}

void OverviewView::draw_workers(Workspace& ws, Rect area, std::size_t at) {
    const std::size_t count = std::min(series_->busy.size(), kWorkersShown);
    const float height = (area.y1 - area.y0) / static_cast<float>(count);
    for (std::size_t w = 0; w < count; ++w) {
        const float y = std::floor(area.y0 + height * static_cast<float>(w));
        const Rect strip = {area.x0, y, area.x1, y + height - std::max(1.0F, ws.px(2))};
        draw_heat(ws, strip, series_->busy[w], ws.theme->look(Look::kRunning));
        const float busy = at < series_->busy[w].size() ? series_->busy[w][at] : 0;
        ImDrawList* list = ImGui::GetWindowDrawList();
        const float text_y = y + std::floor((strip.y1 - strip.y0 - ws.fonts.small->FontSize) / 2);
        draw_text(list, ws.fonts.small, {area.x0 - ws.px(kLabelUnits - 12), text_y}, ws.theme->text_faint, fmt::format("worker {}", w));
        draw_text(list, ws.fonts.mono_small, {area.x0 - ws.px(12), text_y}, ws.theme->text_dim, fmt::format("{:.0f} %", 100 * busy), 1);
    }
}

// "at 1.500 s: 4 711 coroutines (2 running, 12 ready ...), 83 k switches/s"
std::string OverviewView::text_at(std::size_t part, traces::TimeNs t) const {
    std::string states;
    double alive = 0;
    for (const Look look : kStacked) {
        const std::vector<float>& row = series_->looks[static_cast<std::size_t>(look)];
        if (row.empty() || row[part] == 0) continue;
        alive += row[part];
        states += fmt::format("{}{} {}", states.empty() ? "" : ", ", format_count(static_cast<std::uint64_t>(row[part])), look_name(look));
    }
    std::string slots;
    for (std::size_t i = 0; i < series_->used.size(); ++i) {
        const std::vector<float>& row = series_->used[i];
        if (row.empty() || row[part] == 0) continue;
        slots += fmt::format("{}{} {}", slots.empty() ? " · slots: " : ", ", format_count(static_cast<std::uint64_t>(row[part])),
                             inspect::size_class_name(static_cast<wire::SizeClass>(i)));
    }
    return fmt::format("at {}: {} coroutines ({}) · {} switches/s · {} spawned/s · {} ended/s{}", format_time(t),
                       format_count(static_cast<std::uint64_t>(alive)), states, short_number(series_->switches[part]),
                       short_number(series_->spawned[part]), short_number(series_->exited[part]), slots);
}

}  // namespace coroscope::views
