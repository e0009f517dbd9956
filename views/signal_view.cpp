// See signal_view.h.
#include "views/signal_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/columns.h"
#include "views/describe.h"
#include "views/duration_chart.h"
#include "views/event_model.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kSignalRowUnits = 24, kSignalHeadUnits = 40, kSignalPartHeadUnits = 40, kSignalPartLeastUnits = 150;
constexpr std::size_t kSignalEventsShown = 300;
constexpr Column kSignalColumns[kSignalColumnsCount] = {
    {"signal", 116, 1},
    {"handled by", 84, 0.2F, false, 2},
    {"arrived", 80, 0.2F, true},
    {"running", 68, 0.1F, true, 3},
    {"waiting", 68, 0.1F, true, 1},
    {"coalesced", 80, 0.1F, true, 6},
    {"lost", 60, 0.1F, true},
    {"failed", 60, 0.1F, true, 5},
    {"latency", 84, 0.2F, true, 1},
    {"longest", 84, 0.2F, true, 4},
    {"handler from", 120, 1.2F, false, 7}};
constexpr Column kSignalEventColumns[] = {
    {"time", 120, 0, true}, {"event", 124, 0}, {"signal", 112, 0.6F}, {"coroutine", 112, 1}, {"what", 160, 3, false, 1}};
enum SignalEventColumnAt : std::size_t { kSignalWhen, kSignalWhat, kSignalOf, kSignalWho, kSignalDetail };
constexpr Column kSignalHandlerColumns[] = {
    {"coroutine", 84, 0.2F, true}, {"signal", 112, 1}, {"state", 84, 0.4F}, {"waits in", 132, 1.4F, false, 1}, {"since", 92, 0.3F, true, 2}};
enum HandlerColumnAt : std::size_t { kHandlerId, kHandlerOf, kHandlerState, kHandlerWaits, kHandlerSince };
constexpr Column kSignalThreadColumns[] = {{"threads", 148, 1}, {"blocked", 200, 2.4F}, {"pending", 96, 0.6F, false, 1}};

std::size_t at(SignalColumn column) {
    return static_cast<std::size_t>(column);
}

}  // namespace

void SignalView::reset() {
    shown_.reset();
    came_.reset();
    masks_.reset();
    typed_.clear();
    chosen_.clear();
    busy_ = false;
}

SignalView::Shown SignalView::compute(const Key& key) {
    const auto& [moment, filter, sorted] = key;
    Shown shown;
    shown.model = compute_signals(moment);
    shown.order = order_signals(shown.model, filter, static_cast<SignalColumn>(sorted.column), sorted.descending);
    return shown;
}

rules::EventWindowWish SignalView::wish_of(const PastKey& key) {
    rules::EventWindowWish wish;
    wish.t = key.t;
    wish.before = kSignalEventsShown;
    wish.after = 0;
    wish.rule = *rules::event_rule("signal or signal-handled or signal-dropped or fault or raise or recover");
    if (!key.signal.empty()) wish.object = "signal:" + key.signal;
    if (key.range.has_value()) {
        wish.from = key.range->begin;
        wish.to = key.range->end;
    }
    return wish;
}

SignalView::PastKey SignalView::past_key(Workspace& ws) const {
    return {ws.session->replay(), ws.moment->t, chosen_, ws.selection().range};
}

const traces::SignalStat* SignalView::chosen(const SignalModel& model) const {
    const auto found = std::find_if(model.rows.begin(), model.rows.end(), [&](const traces::SignalStat& row) { return row.name == chosen_; });
    return found == model.rows.end() ? nullptr : &*found;
}

nlohmann::json SignalView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    const Shown shown = compute(key(ws));
    nlohmann::json out = to_json(shown.model);
    out["shown"] = shown.order.size();
    out["chosen"] = chosen_.empty() ? nlohmann::json(nullptr) : nlohmann::json(chosen_);
    const double ticks_per_ns = ws.moment->state.clock.ticks_per_ns();
    out["latency"] = duration_json(shown.model.latency, ticks_per_ns > 0 ? 1 / ticks_per_ns : 0);
    out["came"] = nullptr;
    if (const PastKey past = past_key(ws); past.replay != nullptr) {
        traces::Search search;
        const auto window = rules::events_around(*past.replay, wish_of(past), search);
        out["came"] = window.ok() ? to_json(*window) : nlohmann::json(window.error().message);
    }
    out["masks"] = nullptr;
    if (ws.info.kind == traces::SessionKind::kLive && ws.info.status == traces::TargetStatus::kRunning) {
        const auto masks = inspect::read_signal_masks(ws.info.pid);
        out["masks"] = masks.ok() ? to_json(*masks) : nlohmann::json(masks.error().message);
    }
    return out;
}

void SignalView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) {
        empty_state(ws, "No signals yet", "They appear with the first look at the program.");
        return;
    }
    shown_.want(ws.background, key(ws), [key = key(ws)] { return compute(key); });
    busy_ = shown_.in_flight();
    const std::shared_ptr<const Shown> shown = shown_.shared();
    if (shown == nullptr) return;
    if (shown->model.rows.empty()) {
        empty_state(ws, "The program takes no signals",
                    "Signals appear here once its runtime handles them: cprime::signals().handle(SIGUSR1, …), or when one is raised.");
        return;
    }
    draw_head(ws, shown->model);
    const float room = ImGui::GetContentRegionAvail().y;
    const float table = ws.px(kSignalRowUnits) * static_cast<float>(shown->order.size() + 1) + ws.px(10);
    const bool shows_part = room > ws.px(kSignalPartLeastUnits) + ws.px(3 * kSignalRowUnits);
    draw_rows(ws, *shown, shows_part ? std::min(table, std::max(room * 0.45F, room - ws.px(320))) : room);
    if (shows_part) draw_part(ws, shown->model);
}

void SignalView::draw_head(Workspace& ws, const SignalModel& model) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    const float width = ImGui::GetContentRegionAvail().x;
    if (text_field(ws, "signals.filter", "Filter: words in name, handler or site", &typed_, std::min(ws.px(240), width - ws.px(8))))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    const auto say = [&](const char* label, const std::string& value, ImU32 colour, float least) {
        if (width < ws.px(least)) return;
        ImGui::SameLine(0, ws.px(14));
        ImGui::SetCursorPosY(ws.px(6));
        fact(ws, label, value, colour);
    };
    say("arrived", format_count(model.arrived), theme.text, 350);
    say("running", format_count(model.running), model.running == 0 ? theme.text_dim : theme.text, 450);
    say("lost", format_count(model.lost), model.lost == 0 ? theme.text_dim : theme.bad, 540);
    say("waiting", format_count(model.waiting), model.waiting == 0 ? theme.text_dim : theme.warn, 640);
    float least = 760;
    for (const SignalPoolUse& pool : model.pools) {
        if (pool.high_water == 0) continue;
        const std::string use = fmt::format("{} of {}", format_count(pool.used), format_count(pool.slots));
        say(fmt::format("pool {}", pool.name).c_str(), use, theme.text_dim, least);
        least += 150;
    }
    ImGui::SetCursorPos({0, ws.px(kSignalHeadUnits)});
}

void SignalView::draw_rows(Workspace& ws, const Shown& shown, float height) {
    const float top = ImGui::GetCursorPosY();
    const std::vector<PlacedColumn> places = place_columns(kSignalColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_sort_titles(ws, "signals", kSignalColumns, places, &sorted_);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, std::max(ws.px(kSignalRowUnits), height - (ImGui::GetCursorPosY() - top))});
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(shown.order.size()), ws.px(kSignalRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, shown, static_cast<std::size_t>(i), places, ws.px(kSignalRowUnits));
    }
    if (shown.order.empty()) {
        ImGui::SetCursorPos({ws.px(12), ws.px(8)});
        text(ws.fonts.small, ws.theme->text_faint, "No signal matches the filter.");
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void SignalView::draw_row(Workspace& ws, const Shown& shown, std::size_t number, std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const traces::SignalStat& row = shown.model.rows[shown.order[number]];
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {width, height})) {
        chosen_ = chosen_ == row.name ? "" : row.name;
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    publish_item(ws, fmt::format("signals.row.{}", number));
    const bool hovered = ImGui::IsItemHovered(), selected = chosen_ == row.name;
    if (hovered || selected)
        ImGui::GetWindowDrawList()->AddRectFilled(corner, {corner.x + width, corner.y + height}, selected ? theme.accent_soft : theme.hover);
    if (hovered) ws.hovered = signal_line(row);
    ImGui::PopID();
    const auto cell = [&](SignalColumn column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kSignalColumns[at(column)], places[at(column)], corner, height, colour, what);
    };
    const auto count = [&](SignalColumn column, std::uint64_t value, ImU32 colour) {
        cell(column, value == 0 ? theme.text_faint : colour, format_count(value));
    };
    const auto latency = [&](SignalColumn column, double ns, ImU32 colour) {
        cell(column, ns < 0 ? theme.text_faint : colour, ns < 0 ? std::string("–") : format_duration(static_cast<std::int64_t>(ns)));
    };
    cell(SignalColumn::kName, row.arrived == 0 ? theme.text_dim : theme.text, row.name);
    cell(SignalColumn::kRoute, row.foreign.empty() ? theme.text_dim : theme.warn, row.foreign.empty() ? row.route : "foreign code");
    count(SignalColumn::kArrived, row.arrived, theme.text);
    count(SignalColumn::kRunning, row.running, theme.text);
    count(SignalColumn::kWaiting, row.waiting, theme.warn);
    count(SignalColumn::kCoalesced, row.coalesced, theme.text_dim);
    count(SignalColumn::kLost, row.lost, theme.bad);
    count(SignalColumn::kFailed, row.failed, theme.bad);
    latency(SignalColumn::kMean, row.latency_mean_ns, theme.text);
    latency(SignalColumn::kMost, row.latency_most_ns, theme.text_dim);
    cell(SignalColumn::kSite, theme.text_dim, row.foreign.empty() ? row.site : row.foreign);
}

void SignalView::draw_part(Workspace& ws, const SignalModel& model) {
    const Theme& theme = *ws.theme;
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, top = ImGui::GetCursorPosY();
    ImGui::GetWindowDrawList()->AddRectFilled(corner, {corner.x + width, corner.y + std::max(1.0F, std::floor(ws.scale))}, theme.line);
    static constexpr const char* kParts[] = {"What came", "Handlers", "Latency", "Threads"};
    ImGui::SetCursorPos({ws.px(8), top + ws.px(7)});
    choice(ws, "signals.show", kParts, kPartsCount, &part_);
    ImGui::SameLine(0, ws.px(12));
    ImGui::SetCursorPosY(top + ws.px(11));
    const traces::SignalStat* of = chosen(model);
    const std::string whose = part_ == kThreads  ? std::string("which threads block what, now")
                              : part_ == kLatency ? std::string("arrival to the handler's first instruction, of all signals")
                              : of != nullptr     ? fmt::format("of {}; a second click on its row shows all", of->name)
                                                  : std::string("of all signals; a click on a row shows one");
    text_cut(ws.fonts.small, theme.text_faint, whose, ImGui::GetContentRegionAvail().x - ws.px(8));
    ImGui::SetCursorPos({0, top + ws.px(kSignalPartHeadUnits)});
    ImGui::BeginChild("part");
    switch (part_) {
        case kHandlers:
            draw_handlers(ws, model);
            break;
        case kLatency:
            draw_latency(ws, model);
            break;
        case kThreads:
            draw_threads(ws);
            break;
        default:
            draw_came(ws);
            break;
    }
    ImGui::EndChild();
}

void SignalView::draw_came(Workspace& ws) {
    const PastKey wanted = past_key(ws);
    if (wanted.replay == nullptr) {
        empty_state(ws, "What came is kept while it is listened to", "Press E until the bottom line says always, or record the program.");
        return;
    }
    came_.want(ws.searches, wanted, [wanted](traces::Search& search) {
        Came came;
        auto window = rules::events_around(*wanted.replay, wish_of(wanted), search);
        if (window.ok()) {
            came.window = std::move(*window);
        } else {
            came.error = window.error().message;
        }
        return came;
    });
    busy_ = busy_ || came_.in_flight();
    const Came* came = came_.value();
    if (came == nullptr) return;
    if (!came->error.empty()) {
        empty_state(ws, "The past cannot be read", came->error.c_str());
        return;
    }
    const rules::EventWindow& window = came->window;
    if (window.rows.empty()) {
        empty_state(ws, "Nothing came until now",
                    window.more_before ? "Not all of the past was looked through: go to an earlier time."
                                       : "Signals, faults and what is raised are listed here while events are listened to; "
                                         "the table above counts all.");
        return;
    }
    const std::vector<PlacedColumn> places = place_columns(kSignalEventColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_column_titles(ws, kSignalEventColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("events");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(window.rows.size()), ws.px(kSignalRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_event(ws, window, static_cast<std::size_t>(i), places, ws.px(kSignalRowUnits));
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

// The newest first. A click selects the coroutine, a double click goes to the time.
void SignalView::draw_event(Workspace& ws, const rules::EventWindow& window, std::size_t number, std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const std::size_t row = window.rows.size() - 1 - number;
    const rules::EventRow& event = window.rows[row].event;
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("event", {width, height}) && event.id != 0) ws.select_coroutine(event.id);
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) ws.session->set_time(window.rows[row].at);
    const std::string name = fmt::format("signals.event.{}", number);
    publish_item(ws, name);
    const bool mine = event.id != 0 && event.id == ws.selection().coroutine;
    if (row_ground(ws, name, event.id, {corner.x, corner.y, corner.x + width, corner.y + height}, mine)) ws.hovered = event_line(window, row);
    ImGui::PopID();
    const auto cell = [&](SignalEventColumnAt column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kSignalEventColumns[column], places[column], corner, height, colour, what);
    };
    const bool bad = event.type == wire::EventType::kFault || event.type == wire::EventType::kSignalDropped;
    constexpr std::string_view kPrefix = "signal:";
    const std::string_view of = event.object;
    cell(kSignalWhen, theme.text_dim, event_time_text(event.t));
    cell(kSignalWhat, bad ? theme.bad : theme.text, wire::event_name(event.type));
    cell(kSignalOf, theme.text, of.starts_with(kPrefix) ? of.substr(kPrefix.size()) : of);
    cell(kSignalWho, theme.text_dim, event_who_text(event));
    cell(kSignalDetail, theme.text_dim, event.detail);
}

void SignalView::draw_handlers(Workspace& ws, const SignalModel& model) {
    const Theme& theme = *ws.theme;
    const traces::SignalStat* of = chosen(model);
    std::vector<const SignalHandlerRow*> rows;
    for (const SignalHandlerRow& row : model.handlers) {
        if (of == nullptr || row.signal == of->index) rows.push_back(&row);
    }
    if (rows.empty()) {
        empty_state(ws, "No handler runs now", "While a coroutine handles a signal it stands here, with what it waits for.");
        return;
    }
    const std::vector<PlacedColumn> places = place_columns(kSignalHandlerColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_column_titles(ws, kSignalHandlerColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("handlers");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows.size()), ws.px(kSignalRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const SignalHandlerRow& row = *rows[static_cast<std::size_t>(i)];
            const inspect::StateImage& state = model.moment->state;
            const inspect::CoroutineImage& coroutine = state.coroutines[row.position];
            const ImVec2 corner = ImGui::GetCursorScreenPos();
            const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x), height = ws.px(kSignalRowUnits);
            ImGui::PushID(i);
            if (ImGui::InvisibleButton("handler", {width, height})) ws.select_coroutine(coroutine.identity);
            const std::string name = fmt::format("signals.handler.{}", i);
            publish_item(ws, name);
            const bool mine = coroutine.identity == ws.selection().coroutine;
            if (row_ground(ws, name, coroutine.identity, {corner.x, corner.y, corner.x + width, corner.y + height}, mine))
                ws.hovered = fmt::format("{} {} · {}{}", coroutine.identity, state.coroutine_name(coroutine), inspect::state_name(coroutine.state),
                                         row.emergency ? " · on an emergency slot" : "");
            ImGui::PopID();
            const auto cell = [&](HandlerColumnAt column, ImU32 colour, std::string_view what) {
                draw_cell(ws, kSignalHandlerColumns[column], places[column], corner, height, colour, what);
            };
            const std::int64_t since = in_state_ns(*model.moment, coroutine);
            cell(kHandlerId, theme.text_dim, std::to_string(coroutine.identity));
            cell(kHandlerOf, row.emergency ? theme.warn : theme.text, state.coroutine_name(coroutine));
            cell(kHandlerState, theme.text_dim, inspect::state_name(coroutine.state));
            cell(kHandlerWaits, theme.text_dim, coroutine.state == wire::CoroutineState::kParked ? waits_on_text(state, coroutine) : std::string());
            cell(kHandlerSince, since < 0 ? theme.text_faint : theme.text_dim, since < 0 ? std::string("not known") : format_duration(since));
        }
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void SignalView::draw_latency(Workspace& ws, const SignalModel& model) {
    if (model.latency.samples == 0) {
        empty_state(ws, "No handler has begun yet", "How long each first instruction had to wait is counted by the runtime, listened to or not.");
        return;
    }
    const ImVec2 corner = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const double ticks_per_ns = model.moment->state.clock.ticks_per_ns();
    draw_duration_chart(ws, "arrival to first instruction", model.latency, ticks_per_ns > 0 ? 1 / ticks_per_ns : 0,
                        {corner.x + ws.px(12), corner.y + ws.px(4), corner.x + room.x - ws.px(12), corner.y + room.y});
}

void SignalView::draw_threads(Workspace& ws) {
    if (ws.info.kind != traces::SessionKind::kLive || ws.info.status != traces::TargetStatus::kRunning) {
        empty_state(ws, "Masks are the system's", "They can be seen while the program runs and is attached to.");
        return;
    }
    masks_.want(ws.background, {ws.info.pid, ws.moment}, [pid = ws.info.pid] {
        Masks found;
        auto masks = inspect::read_signal_masks(pid);
        if (masks.ok()) {
            found.masks = std::move(*masks);
        } else {
            found.error = masks.error().message;
        }
        return found;
    });
    const std::shared_ptr<const Masks> found = masks_.shared();
    if (found == nullptr) return;
    if (!found->masks.has_value()) {
        empty_state(ws, "The masks cannot be read", found->error.c_str());
        return;
    }
    const Theme& theme = *ws.theme;
    const std::vector<PlacedColumn> places = place_columns(kSignalThreadColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_column_titles(ws, kSignalThreadColumns, places);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("threads");
    const auto line = [&](std::string_view threads, const std::string& blocked, const std::string& pending, ImU32 colour) {
        const ImVec2 corner = ImGui::GetCursorScreenPos();
        const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x), height = ws.px(kSignalRowUnits);
        ImGui::Dummy({width, height});
        if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{}: blocked {} · pending {}", threads, blocked, pending);
        draw_cell(ws, kSignalThreadColumns[0], places[0], corner, height, colour, threads);
        draw_cell(ws, kSignalThreadColumns[1], places[1], corner, height, theme.text_dim, blocked);
        draw_cell(ws, kSignalThreadColumns[2], places[2], corner, height, pending == "none" ? theme.text_faint : theme.warn, pending);
    };
    for (const MaskGroup& group : group_masks(*found->masks))
        line(group.count == 1 ? group.threads : fmt::format("{} threads: {}", group.count, group.threads), signal_set_text(group.blocked),
             signal_set_text(group.pending), theme.text);
    line("the process catches", signal_set_text(found->masks->caught), signal_set_text(found->masks->pending), theme.text_dim);
    line("the process ignores", signal_set_text(found->masks->ignored), "none", theme.text_dim);
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
