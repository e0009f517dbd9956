// See message_view.h.
#include "views/message_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowHeight = 24;
constexpr float kHeadUnits = 40;
constexpr std::size_t kCountersShown = 6;
constexpr std::size_t kEarlierTimes = 4;  // so many times as many with each press
constexpr Column kColumns[] = {{"time", 104, 0, true}, {"said by", 128, 0.5F, false, 1}, {"text", 120, 3}};
enum ColumnAt : std::size_t { kTime, kSpeaker, kText };

}  // namespace

void MessageView::reset() {
    look_.reset();
    wanted_ = false;
    typed_.clear();
    filter_.clear();
    rows_of_ = 0;
    rows_ = {};
    before_ = traces::TellLimits().before;
    scrolled_to_ = -1;
}

nlohmann::json MessageView::dump(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) return nullptr;
    const auto replay = ws.session->replay();
    if (replay == nullptr) return {{"past", false}};
    traces::TellLimits limits;
    limits.before = before_;
    traces::Search search;
    const auto said = traces::said_around(*replay, ws.moment->t, limits, search);
    if (!said.ok()) return {{"past", false}, {"error", said.error().message}};
    return to_json(*said, filter_messages(*said, typed_));
}

void MessageView::draw(Workspace& ws) {
    const auto replay = ws.session != nullptr && ws.moment != nullptr ? ws.session->replay() : nullptr;
    wanted_ = replay != nullptr;
    if (!wanted_) {
        empty_state(ws, "What the program says is kept while events are listened to",
                    "Messages, notes, zones and counters are events: press E until the bottom line says always, "
                    "or record the program.");
        return;
    }
    traces::TellLimits limits;
    limits.before = before_;
    look_.want(ws.searches, {replay, ws.moment->t, before_},
               [replay, t = ws.moment->t, limits](traces::Search& search) {
                   auto said = traces::said_around(*replay, t, limits, search);
                   return said.ok() ? std::move(*said) : traces::Said{};
               });
    const traces::Said* said = look_.value();
    draw_head(ws, said);
    if (said == nullptr) return;
    if (rows_of_ != look_.changes() || typed_ != filter_) {
        rows_of_ = look_.changes();
        filter_ = typed_;
        rows_ = filter_messages(*said, filter_);
    }
    if (said->rows.empty() && said->counters.empty()) {
        empty_state(ws, "Nothing was said up to here",
                    "cprime::message(text), cprime::note(text) and CPRIME_COUNTER(name, value) of the "
                    "program appear here.");
        return;
    }
    const std::size_t counters = std::min(said->counters.size(), kCountersShown);
    const float below = counters == 0 ? 0 : ws.px(kRowHeight) * static_cast<float>(counters) + ws.px(36);
    ImGui::SetCursorPos({0, ws.px(kHeadUnits)});
    draw_rows(ws, *said, std::max(ws.px(3 * kRowHeight), ImGui::GetContentRegionAvail().y - below));
    if (counters != 0) draw_counters(ws, *said);
}

void MessageView::draw_head(Workspace& ws, const traces::Said* said) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    const float field = std::min(ws.px(260), ImGui::GetContentRegionAvail().x - ws.px(8));
    if (text_field(ws, "messages.filter", "Filter: words in text, name or id", &typed_, field))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    if (said == nullptr || ImGui::GetWindowContentRegionMax().x < ws.px(480)) return;
    ImGui::SameLine(0, ws.px(12));
    ImGui::AlignTextToFramePadding();
    text(ws.fonts.mono_small, theme.text_dim, format_count(rows_.until_now));
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.small, theme.text_faint,
         said->more_before ? "last ones up to this moment" : "up to this moment");
    if (said->more_before) {
        ImGui::SameLine(0, ws.px(8));
        ImGui::SetCursorPosY(ws.px(6));
        if (button(ws, "messages.earlier", "More", ButtonKind::kQuiet, "Look further back"))
            before_ *= kEarlierTimes;
    }
    if (look_.in_flight()) {
        ImGui::SameLine(0, ws.px(8));
        ImGui::AlignTextToFramePadding();
        text(ws.fonts.small, theme.accent, fmt::format("reading {:.0f} %", 100 * look_.share()));
    }
}

void MessageView::draw_rows(Workspace& ws, const traces::Said& said, float height) {
    const float width = ImGui::GetContentRegionAvail().x, top = ImGui::GetCursorPosY();
    const std::vector<PlacedColumn> places = place_columns(kColumns, width, ws.scale);
    draw_column_titles(ws, kColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, height - (ImGui::GetCursorPosY() - top)});
    const float row = ws.px(kRowHeight), view = ImGui::GetWindowHeight();
    if (scrolled_to_ != said.t) {  // what was said last is to be seen
        scrolled_to_ = said.t;
        const float y = static_cast<float>(rows_.until_now) * row;
        if (y - row < ImGui::GetScrollY() || y > ImGui::GetScrollY() + view) {
            ImGui::SetScrollY(std::max(0.0F, y - row * std::max(1.0F, std::floor(view / row) - 3)));
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows_.order.size()), row);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const auto number = static_cast<std::size_t>(i);
            draw_row(ws, said.rows[rows_.order[number]], number, number >= rows_.until_now, places);
        }
    }
    if (rows_.order.empty()) {
        ImGui::SetCursorPos({ws.px(12), ws.px(8)});
        text(ws.fonts.small, ws.theme->text_faint,
             said.rows.empty() ? "No message up to here." : "All words of the filter must occur in a row.");
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void MessageView::draw_row(Workspace& ws, const traces::SaidRow& row, std::size_t number, bool later,
                           std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kRowHeight);
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height})) {
        ws.session->set_time(row.t);
        if (row.coroutine != 0) ws.select_coroutine(row.coroutine);
    }
    publish_item(ws, fmt::format("messages.row.{}", number));
    const bool mine = row.coroutine != 0 && row.coroutine == ws.selection().coroutine;
    if (mine || ws.lit(row.coroutine))
        list->AddRectFilled(at, {at.x + width, at.y + height}, mine ? theme.accent_soft : theme.hover);
    if (ImGui::IsItemHovered()) {
        ws.hover_coroutine(row.coroutine);
        if (!mine) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
        ws.hovered = fmt::format("{}  {}{}: {}", said_at_text(row.t), speaker_text(row),
                                 row.is_note ? " (note)" : "", row.text);
    }
    ImGui::PopID();
    // Where the moment is: below what was said by then.
    if (number == rows_.until_now)
        list->AddRectFilled(at, {at.x + width, at.y + std::max(1.0F, ws.px(1))}, theme.accent);
    const auto cell = [&](ColumnAt column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kColumns[column], places[column], at, height, colour, what);
    };
    cell(kTime, theme.text_faint, said_at_text(row.t));
    cell(kSpeaker, later ? theme.text_faint : theme.text_dim, speaker_text(row));
    const ImU32 said = later ? theme.text_faint : theme.text;
    cell(kText, row.is_note && !later ? theme.text_dim : said,
         row.is_note ? "is about: " + row.text : row.text);
}

void MessageView::draw_counters(Workspace& ws, const traces::Said& said) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    ImGui::GetWindowDrawList()->AddRectFilled(at, {at.x + width, at.y + std::max(1.0F, std::floor(ws.scale))},
                                              ws.theme->line);
    draw_text(ImGui::GetWindowDrawList(), ws.fonts.small, {at.x + ws.px(12), at.y + ws.px(10)},
              ws.theme->text_faint, "counters at this moment");
    ImGui::SetCursorScreenPos({at.x, at.y + ws.px(32)});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("counters");
    for (std::size_t i = 0; i < said.counters.size(); ++i)
        draw_counter(ws, said.counters[i], said.t, i);
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

// Name, value, and how it came to be: a line of its last values, to the moment.
void MessageView::draw_counter(Workspace& ws, const traces::CounterPast& counter, traces::TimeNs now,
                               std::size_t number) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kRowHeight);
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::Dummy({std::max(width, 1.0F), height});
    publish_item(ws, fmt::format("messages.counter.{}", number));
    const auto [least, most] = std::minmax_element(
        counter.points.begin(), counter.points.end(),
        [](const auto& a, const auto& b) { return a.second < b.second; });
    if (ImGui::IsItemHovered())
        ws.hovered = fmt::format("{} = {}, told {} before; {:g} to {:g} in the last {} values", counter.name,
                                 counter_text(counter), format_duration(now - counter.at), least->second,
                                 most->second, counter.points.size());
    const float y = at.y + std::floor((height - ws.fonts.small->FontSize) / 2),
                name_width = std::min(ws.px(160), width * 0.4F);
    draw_text(list, ws.fonts.small, {at.x + ws.px(12), y}, theme.text,
              cut_to(ws.fonts.small, counter.name, name_width - ws.px(12)));
    const float value_end = at.x + name_width + ws.px(96);
    draw_text(list, ws.fonts.mono_small, {value_end, y}, theme.text, counter_text(counter), 1);
    const float x0 = value_end + ws.px(16), x1 = at.x + width - ws.px(12);
    if (x1 - x0 < ws.px(48) || counter.points.size() < 2) return;
    const double begin = static_cast<double>(counter.points.front().first),
                 span = std::max(1.0, static_cast<double>(now) - begin);
    const double room = std::max(most->second - least->second, 1e-12);
    const float top = at.y + ws.px(4), bottom = at.y + height - ws.px(5);
    const auto x_of = [&](traces::TimeNs t) {
        return x0 + (x1 - x0) * static_cast<float>((static_cast<double>(t) - begin) / span);
    };
    const auto y_of = [&](double value) {
        return std::round(bottom - (bottom - top) * static_cast<float>((value - least->second) / room));
    };
    // A value holds until the next one.
    for (std::size_t i = 0; i < counter.points.size(); ++i) {
        const bool last = i + 1 == counter.points.size();
        const float from = std::round(x_of(counter.points[i].first)),
                    to = std::round(x_of(last ? now : counter.points[i + 1].first));
        const float level = y_of(counter.points[i].second), line = std::max(1.0F, std::floor(ws.scale));
        list->AddRectFilled({from, level}, {std::max(to, from + line), level + line}, theme.accent);
        if (last) continue;
        const float next = y_of(counter.points[i + 1].second);
        list->AddRectFilled({to, std::min(level, next)}, {to + line, std::max(level, next) + line},
                            theme.accent);
    }
}

}  // namespace coroscope::views
