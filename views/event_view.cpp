// See event_view.h.
#include "views/event_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "traces/rules/filter.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kEventRowUnits = 22, kEventHeadUnits = 44;
constexpr std::size_t kEdgeRows = 60;  // as near as one may come before there is read on
constexpr std::uint64_t kFurtherTimes = 4;
constexpr Column kEventColumns[] = {
    {"time", 120, 0, true}, {"since the last", 92, 0, true, 3}, {"worker", 76, 0, false, 4}, {"event", 132, 0},
    {"coroutine", 124, 2},  {"what", 132, 3, false, 1},         {"took", 120, 0, true, 2}};

// With a thin space after each three decimals, so that micro- and nanoseconds are found at a glance; what is copied has none.
std::string grouped(std::string time) {
    constexpr const char* kThinSpace = "\xE2\x80\x89";
    const std::size_t point = time.find('.');
    if (point == std::string::npos || point + 9 >= time.size()) return time;
    return time.insert(point + 7, kThinSpace).insert(point + 4, kThinSpace);
}

enum EventColumnAt : std::size_t { kWhen, kDelta, kWorker, kEvent, kWho, kWhat, kTook };

}  // namespace

bool EventView::Key::wishes_as(const Key& other) const {
    return filter == other.filter && object == other.object && coroutine == other.coroutine && range == other.range &&
           events_max == other.events_max && whom == other.whom && steps_by == other.steps_by;
}

void EventView::reset() {
    look_.reset();
    wanted_ = away_ = bring_now_ = bring_chosen_ = false;
    events_max_ = rules::EventWindowWish().events_max;
    followed_ = -1;
    seen_ = look_.changes();
    top_ = {};
    chosen_.reset();
}

EventView::Key EventView::key_for(Workspace& ws, std::shared_ptr<const traces::Replay> replay) const {
    const Selection& selected = ws.selection();
    Key key{std::move(replay), anchor_, filter_, "", 0, selected.range, events_max_, ws.past_filter(), steps_by_};
    if (mine_ == 1) {
        key.coroutine = selected.coroutine;
        if (selected.coroutine == 0) key.object = selected.channel;
    }
    return key;
}

rules::EventWindowWish EventView::wish_of(const Key& key) const {
    rules::EventWindowWish wish;
    wish.t = key.t;
    wish.events_max = key.events_max;
    wish.rule = rule_;
    wish.coroutine = key.coroutine;
    wish.object = key.object;
    if (key.whom != nullptr)
        wish.of_whom = [whom = key.whom](std::uint64_t identity, std::string_view name, std::string_view site) {
            return whom->passes(identity, name, site);
        };
    if (key.range) {
        wish.from = key.range->begin;
        wish.to = key.range->end;
    }
    return wish;
}

void EventView::read_filter(const Workspace& ws) {
    const std::string steps_by = rules::is_about_events(ws.filter) ? ws.filter : std::string();
    if (typed_ == filter_ && steps_by == steps_by_) return;
    // Both must hold.
    const std::string both = typed_.empty() ? steps_by : steps_by.empty() ? typed_ : fmt::format("({}) and ({})", steps_by, typed_);
    auto rule = rules::event_rule(both);
    mistake_ = rule.ok() ? "" : rule.error().message;
    if (!rule.ok()) return;  // what was understood last goes on to be shown
    rule_ = *rule;
    filter_ = typed_;
    steps_by_ = steps_by;
    events_max_ = rules::EventWindowWish().events_max;
}

nlohmann::json EventView::dump(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) return nullptr;
    const auto replay = ws.session->replay();
    if (replay == nullptr) return {{"past", false}};
    read_filter(ws);
    follow(ws);
    traces::Search search;
    Key asked = key_for(ws, replay);
    asked.whom = past_filter(*ws.moment, ws.filter);
    const auto window = rules::events_around(*replay, wish_of(asked), search);
    if (!window.ok()) return {{"past", true}, {"error", window.error().message}};
    nlohmann::json out = to_json(*window);
    out["past"] = true;
    out["filter"] = filter_;
    out["mistake"] = mistake_;
    return out;
}

// Goes where is looked at, unless one scrolls through the past of a program that goes on meanwhile.
void EventView::follow(Workspace& ws) {
    if (ws.moment->t == followed_) return;
    followed_ = ws.moment->t;
    if (away_ && !ws.session->time().has_value()) return;
    anchor_ = followed_;
    away_ = false;
    bring_now_ = true;
}

void EventView::draw(Workspace& ws) {
    const auto replay = ws.session != nullptr && ws.moment != nullptr ? ws.session->replay() : nullptr;
    wanted_ = replay != nullptr;
    if (!wanted_) {
        empty_state(ws, "Events are kept while they are listened to",
                    "Press E until the bottom line says always, or record the program with coroscope record.");
        return;
    }
    read_filter(ws);
    follow(ws);
    Key key = key_for(ws, replay);
    // What grows while it is read is read to the end first.
    if (look_.in_flight() && ws.info.kind == traces::SessionKind::kLive && key.wishes_as(asked_)) key = asked_;
    if (!key.wishes_as(asked_)) bring_now_ = true;
    asked_ = key;
    look_.want(ws.searches, key, [replay = key.replay, wish = wish_of(key)](traces::Search& search) {
        Found found;
        auto window = rules::events_around(*replay, wish, search);
        if (window.ok()) {
            found.window = std::move(*window);
        } else {
            found.error = window.error().message;
        }
        return found;
    });
    const Found* found = look_.value();
    draw_head(ws, found);
    if (!mistake_.empty()) {
        std::istringstream lines(mistake_);
        ImGui::SetCursorPosY(ws.px(kEventHeadUnits));
        for (std::string line; std::getline(lines, line);) {
            ImGui::SetCursorPosX(ws.px(12));
            text(ws.fonts.mono_small, ws.theme->bad, line);
        }
        seen_ = look_.changes();
        return;
    }
    if (found == nullptr) return;
    if (!found->error.empty()) {
        empty_state(ws, "The events cannot be read", found->error.c_str());
        seen_ = look_.changes();
        return;
    }
    if (found->window.rows.empty()) {
        draw_nothing(ws, found->window);
        seen_ = look_.changes();
        return;
    }
    draw_rows(ws, found->window);
}

void EventView::draw_nothing(Workspace& ws, const rules::EventWindow& window) {
    if (look_.in_flight()) return;
    const std::string where = fmt::format("Looked through from {} to {}. ", format_time(window.known_from),
                                          format_time(window.known_to));
    const char* way_out = window.more_before || window.more_after ? "Further looks at more of the trace."
                          : ws.past_filter() != nullptr            ? "Nobody who passes the filter has such events: Ctrl+Shift+F shows everybody's."
                          : mine_ == 1                            ? "All shows those of everybody."
                          : ws.selection().range ? "Only the selected range is shown: a click on it above drops it."
                                                 : "Esc in the field clears the filter.";
    empty_state(ws, "No event matches", (where + way_out).c_str());
}

void EventView::draw_head(Workspace& ws, const Found* found) {
    const Theme& theme = *ws.theme;
    const float width = ImGui::GetContentRegionAvail().x;
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    const float field = std::clamp(width * 0.42F, std::min(ws.px(180), width - ws.px(16)), ws.px(460));
    if (text_field(ws, "events.filter", "Filter: suspend and blocked_ns > 1ms …", &typed_, field))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    if (width < field + ws.px(160)) return;
    static constexpr const char* kOf[] = {"All", "Selected"};
    ImGui::SameLine(0, ws.px(8));
    choice(ws, "events.of", kOf, 2, &mine_);
    if (ws.selection().range) draw_range(ws);
    if (found == nullptr || !found->error.empty()) return;
    const rules::EventWindow& window = found->window;
    if (away_) {
        ImGui::SameLine(0, ws.px(4));
        ImGui::SetCursorPosY(ws.px(6));
        if (button(ws, "events.now", "To the moment", ButtonKind::kQuiet, "Back to the time that is looked at")) {
            away_ = false;
            followed_ = -1;
        }
    }
    const bool limited = (window.more_before && window.until_now < rules::EventWindowWish().before) ||
                         (window.more_after && window.rows.size() - window.until_now < rules::EventWindowWish().after);
    if (limited && mistake_.empty()) {
        ImGui::SameLine(0, ws.px(4));
        ImGui::SetCursorPosY(ws.px(6));
        if (button(ws, "events.further", "Further", ButtonKind::kQuiet, "Look through four times as many events"))
            events_max_ *= kFurtherTimes;
    }
    std::string says;
    ImU32 colour = theme.text_faint;
    if (look_.in_flight()) {
        says = fmt::format("reading {:.0f} %", 100 * look_.share());
        colour = theme.accent;
    } else if (window.gaps != 0) {
        says = fmt::format("events are missing in {} {}", window.gaps, window.gaps == 1 ? "place" : "places");
        colour = theme.warn;
    }
    ImGui::SameLine(0, ws.px(12));
    if (says.empty() || ImGui::GetContentRegionAvail().x < text_width(ws.fonts.small, says) + ws.px(8)) {
        ImGui::NewLine();
        return;
    }
    ImGui::AlignTextToFramePadding();
    text(ws.fonts.small, colour, says);
}

// "1.200 s – 1.500 s  ×": a chip that drops the range.
void EventView::draw_range(Workspace& ws) {
    const TimeRange range = *ws.selection().range;
    ImGui::SameLine(0, ws.px(8));
    ImGui::SetCursorPosY(ws.px(6));
    const std::string label = fmt::format("{} – {}  ×", format_time(range.begin), format_time(range.end));
    if (button(ws, "events.range", label.c_str(), ButtonKind::kPlain, "Only this range is shown; a click drops it"))
        ws.select_range(std::nullopt);
}

void EventView::draw_rows(Workspace& ws, const rules::EventWindow& window) {
    ImGui::SetCursorPos({0, ws.px(kEventHeadUnits - 6)});
    const float width = ImGui::GetContentRegionAvail().x;
    const std::vector<PlacedColumn> places = place_columns(kEventColumns, width, ws.scale);
    draw_column_titles(ws, kEventColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    const float row = ws.px(kEventRowUnits), view = ImGui::GetWindowHeight();
    keep_place(ws, window, row, view);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(window.rows.size()), row);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, window, static_cast<std::size_t>(i), places);
    }
    if (seen_ == look_.changes()) read_on(window, row, view);
    seen_ = look_.changes();
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

// Where other rows are held now, those that were on the screen stay where they are, unless the moment is to be seen.
void EventView::keep_place(Workspace& ws, const rules::EventWindow& window, float row, float view) {
    float y = ImGui::GetScrollY();
    const float before = y, most = std::max(0.0F, row * static_cast<float>(window.rows.size()) - view);
    if (seen_ != look_.changes()) {
        if (top_.ticks != 0) y = static_cast<float>(row_of(window, top_)) * row + top_offset_;
        if (bring_now_) {
            const float now = static_cast<float>(window.until_now) * row;
            const float margin = std::floor(view / 4);  // there is something to be seen before and after it
            if (now - margin < y || now + margin > y + view || top_.ticks == 0) y = scroll_to_middle(now, row, view);
            bring_now_ = false;
        }
    }
    if (bring_chosen_ && chosen_) {
        const float at = static_cast<float>(row_of(window, *chosen_)) * row;
        y = std::clamp(y, at + row - view, at);
        bring_chosen_ = false;
    }
    y = std::clamp(y, 0.0F, most);
    if (y == before) return;
    ImGui::SetScrollY(y);
    ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

// Remembers what is on the screen, and holds other rows when it comes near the end of those that are held.
void EventView::read_on(const rules::EventWindow& window, float row, float view) {
    const float y = ImGui::GetScrollY();
    const auto first = std::min(static_cast<std::size_t>(y / row), window.rows.size() - 1);
    const auto last = std::min(static_cast<std::size_t>((y + view) / row), window.rows.size() - 1);
    top_ = spot_of(window, first);
    top_offset_ = y - static_cast<float>(first) * row;
    if (look_.in_flight() || ImGui::GetScrollMaxY() <= 0) return;
    const bool up = window.more_before && first < kEdgeRows, down = window.more_after && last + kEdgeRows >= window.rows.size();
    if (!up && !down) return;
    const traces::TimeNs there = window.rows[up ? first : last].at;
    const bool further = up ? there < window.t : there > window.t;
    if (!further) return;
    anchor_ = there;
    away_ = true;
}

void EventView::draw_row(Workspace& ws, const rules::EventWindow& window, std::size_t number,
                         std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const rules::EventRow& event = window.rows[number].event;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kEventRowUnits);
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(width, 1.0F), height})) {
        chosen_ = spot_of(window, number);
        if (event.id != 0) ws.select_coroutine(event.id);
    }
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left))
        ws.session->set_time(window.rows[number].at);
    publish_item(ws, fmt::format("events.row.{}", number));
    const bool mine = event.id != 0 && event.id == ws.selection().coroutine;
    const bool chosen = chosen_.has_value() && *chosen_ == spot_of(window, number);
    if (row_ground(ws, fmt::format("events.row.{}", number), event.id, {at.x, at.y, at.x + width, at.y + height}, mine))
        ws.hovered = event_line(window, number);
    ImGui::PopID();
    if (chosen) list->AddRectFilled(at, {at.x + ws.px(3), at.y + height}, theme.accent);
    const bool later = window.rows[number].at > ws.moment->t;
    const bool first_later = later && (number == 0 || window.rows[number - 1].at <= ws.moment->t);
    if (first_later) list->AddRectFilled(at, {at.x + width, at.y + std::max(1.0F, ws.px(1))}, theme.accent);
    const auto cell = [&](EventColumnAt column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kEventColumns[column], places[column], at, height, colour, what);
    };
    const ImU32 dim = later ? theme.text_faint : theme.text_dim;
    cell(kWhen, dim, grouped(event_time_text(event.t)));
    cell(kDelta, theme.text_faint, event_delta_text(window, number));
    cell(kWorker, theme.text_faint, event_worker_text(event));
    const Look look = event_look(event);
    const float side = ws.px(10);
    if (look != Look::kFree) draw_swatch(ws, list, {at.x + places[kEvent].x, at.y + std::floor((height - side) / 2)}, side, look);
    PlacedColumn named = places[kEvent];
    named.x += ws.px(16);
    named.width -= ws.px(16);
    draw_cell(ws, kEventColumns[kEvent], named, at, height, later ? dim : theme.text, wire::event_name(event.type));
    cell(kWho, later ? dim : theme.text, event_who_text(event));
    cell(kWhat, dim, event_what_text(event));
    cell(kTook, dim, event_took_text(event));
}

void EventView::step(Workspace& ws, int by) {
    const Found* found = look_.value();
    if (found == nullptr || found->window.rows.empty()) return;
    const rules::EventWindow& window = found->window;
    auto row = static_cast<std::ptrdiff_t>(chosen_ ? row_of(window, *chosen_) : window.until_now);
    row = std::clamp<std::ptrdiff_t>(row + (chosen_ ? by : 0), 0, std::ssize(window.rows) - 1);
    chosen_ = spot_of(window, static_cast<std::size_t>(row));
    bring_chosen_ = true;
    if (const std::uint64_t id = window.rows[static_cast<std::size_t>(row)].event.id; id != 0) ws.select_coroutine(id);
}

void EventView::go(Workspace& ws) {
    const Found* found = look_.value();
    if (found == nullptr || !chosen_) return;
    const std::size_t row = row_of(found->window, *chosen_);
    if (row < found->window.rows.size()) ws.session->set_time(found->window.rows[row].at);
}

}  // namespace coroscope::views
