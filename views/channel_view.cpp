// See channel_view.h.
#include "views/channel_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowUnits = 24, kHeadUnits = 40, kDetailUnits = 240, kDepthUnits = 56;
constexpr std::uint32_t kDepthParts = 240;
constexpr std::size_t kTrailMax = 600;
constexpr Column kColumns[kChannelColumnsCount] = {{"channel", 112, 2},
                                                   {"fill", 104, 0.6F, true},
                                                   {"sent", 84, 0.2F, true, 3},
                                                   {"received", 84, 0.2F, true, 2},
                                                   {"rate", 80, 0.2F, true, 4},
                                                   {"senders", 68, 0.1F, true, 1},
                                                   {"receivers", 76, 0.1F, true, 1},
                                                   {"longest wait", 92, 0.2F, true, 5},
                                                   {"handles", 76, 0.1F, true, 7},
                                                   {"made by", 112, 0.8F, false, 6}};

std::size_t at(ChannelColumn column) {
    return static_cast<std::size_t>(column);
}

nlohmann::json past_json(const analyses::ChannelPast& past) {
    return {{"begin_ns", past.begin},
            {"end_ns", past.end},
            {"depth", past.depth},
            {"depth_most", past.depth_most},
            {"sent", past.sent_total},
            {"received", past.received_total},
            {"handed_over", past.handed_over},
            {"gaps", past.gaps},
            {"last_sender", past.last_sender},
            {"last_receiver", past.last_receiver}};
}

}  // namespace

void ChannelView::reset() {
    computed_.reset();
    shown_ = nullptr;
    typed_.clear();
    chosen_ = 0;
    past_.reset();
    replay_ = nullptr;
    trail_.clear();
    busy_ = false;
}

nlohmann::json ChannelView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    const ChannelModel model = compute_channels(*ws.moment, nullptr);
    nlohmann::json rows = nlohmann::json::array();
    for (const std::uint32_t position : order_channels(model, typed_, static_cast<ChannelColumn>(sorted_.column), sorted_.descending))
        rows.push_back(to_json(model.rows[position]));
    nlohmann::json past = nullptr;
    const auto replay = ws.info.kind == traces::SessionKind::kRecorded ? ws.session->replay() : nullptr;
    if (replay != nullptr && chosen_ != 0) {
        traces::Search search;
        if (const auto found = analyses::compute_channel_past(*replay, chosen_, kDepthParts, search); found.ok()) past = past_json(*found);
    }
    return {{"channels", model.rows.size()},
            {"rows", std::move(rows)},
            {"chosen", to_json(channel_detail(*ws.moment, model, chosen_, ws.filter))},
            {"past", std::move(past)}};
}

// The newest rows, their rates against those before; what was read of the chosen one's past.
void ChannelView::take(Workspace& ws) {
    computed_.want(ws.background, key(ws), [key = key(ws), before = shown_] {
        const auto& [moment, filter, sorted, chosen, whom] = key;
        Shown shown;
        shown.moment = moment;
        const bool same = before != nullptr && before->moment == moment;
        shown.model = same ? before->model
                           : std::make_shared<const ChannelModel>(compute_channels(*moment, before != nullptr ? before->model.get() : nullptr));
        shown.order = order_channels(*shown.model, filter, static_cast<ChannelColumn>(sorted.column), sorted.descending);
        if (chosen != 0) shown.detail = channel_detail(*moment, *shown.model, chosen, whom);
        return shown;
    });
    if (const auto newest = computed_.shared(); newest != nullptr && newest != shown_) {
        shown_ = newest;
        const ChannelDetail& detail = shown_->detail;
        if (detail.row.identity != 0 && detail.row.identity == chosen_ && (trail_.empty() || trail_.back().first < shown_->model->t)) {
            trail_.emplace_back(shown_->model->t, static_cast<float>(detail.row.length));
            if (trail_.size() > kTrailMax) trail_.pop_front();
        }
    }
    busy_ = computed_.in_flight();
    if (ws.info.kind != traces::SessionKind::kRecorded || chosen_ == 0) return;
    const auto newest = ws.session->replay();
    if (newest == nullptr) return;
    if (!past_.in_flight() && worth_reading_again(replay_.get(), *newest, ws.info)) replay_ = newest;
    past_.want(ws.searches, {replay_, chosen_}, [replay = replay_, identity = chosen_](traces::Search& search) {
        auto past = analyses::compute_channel_past(*replay, identity, kDepthParts, search);
        Found found;
        if (past.ok()) {
            found.past = std::move(*past);
        } else {
            found.error = past.error().message;
        }
        return found;
    });
    busy_ = busy_ || past_.in_flight();
}

// A channel that was selected elsewhere is shown here as well. Several may have one name: then the one chosen here stays.
void ChannelView::follow_selection(const Workspace& ws, const ChannelModel& model) {
    const Selection& selection = ws.selection();
    if (selection.changes == selection_seen_) return;
    selection_seen_ = selection.changes;
    if (selection.channel.empty()) return;
    const auto is_selected = [&](const ChannelRow& row) { return row.name == selection.channel; };
    const auto chosen = std::find_if(model.rows.begin(), model.rows.end(), [this](const ChannelRow& row) { return row.identity == chosen_; });
    if (chosen != model.rows.end() && is_selected(*chosen)) return;
    if (const auto found = std::find_if(model.rows.begin(), model.rows.end(), is_selected); found != model.rows.end()) {
        chosen_ = found->identity;
        trail_.clear();
    }
}

void ChannelView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) {
        empty_state(ws, "No channels yet", "They appear with the first look at the program.");
        return;
    }
    take(ws);
    if (shown_ == nullptr) return;
    const std::shared_ptr<const Shown> shown = shown_;
    if (shown->model->rows.empty()) {
        empty_state(
            ws, "No channel lives now",
            "Channels appear here while they exist. Of a recording, another time may have some; what those of one name have moved in all "
            "is told by coroscope stat.");
        return;
    }
    follow_selection(ws, *shown->model);
    draw_head(ws, *shown);
    const float room = ImGui::GetContentRegionAvail().y;
    const bool detailed = chosen_ != 0 && room > ws.px(kDetailUnits) / 2 + ws.px(3 * kRowUnits);
    const float below = detailed ? std::min(ws.px(kDetailUnits), std::floor(room * 0.55F)) : 0;
    draw_rows(ws, *shown, room - below);
    if (detailed) draw_detail(ws, shown->detail);
}

void ChannelView::draw_head(Workspace& ws, const Shown& shown) {
    const std::size_t all = shown.model->rows.size();
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    const float width = ImGui::GetContentRegionAvail().x;
    if (text_field(ws, "channels.filter", "Filter: words in name or maker", &typed_, std::min(ws.px(260), width - ws.px(8))))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    if (width > ws.px(400)) {
        ImGui::SameLine(0, ws.px(12));
        ImGui::AlignTextToFramePadding();
        text(ws.fonts.mono_small, ws.theme->text_dim,
             typed_.empty() ? format_count(all) : fmt::format("{} of {}", format_count(shown.order.size()), format_count(all)));
        ImGui::SameLine(0, ws.px(6));
        ImGui::AlignTextToFramePadding();
        text(ws.fonts.small, ws.theme->text_faint, all == 1 ? "channel" : "channels");
    }
    ImGui::SetCursorPos({0, ws.px(kHeadUnits)});
}

void ChannelView::draw_rows(Workspace& ws, const Shown& shown, float height) {
    const float top = ImGui::GetCursorPosY();
    const std::vector<PlacedColumn> places = place_columns(kColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_sort_titles(ws, "channels", kColumns, places, &sorted_);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, std::max(ws.px(kRowUnits), height - (ImGui::GetCursorPosY() - top))});
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(shown.order.size()), ws.px(kRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const auto number = static_cast<std::size_t>(i);
            draw_row(ws, shown.model->rows[shown.order[number]], number, places, ws.px(kRowUnits));
        }
    }
    if (shown.order.empty()) {
        ImGui::SetCursorPos({ws.px(12), ws.px(8)});
        text(ws.fonts.small, ws.theme->text_faint, "No channel matches: all words of the filter must occur in its name or maker.");
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void ChannelView::draw_row(Workspace& ws, const ChannelRow& row, std::size_t number, std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(1.0F, width), height})) {
        if (chosen_ != row.identity) trail_.clear();
        chosen_ = row.identity;
        ws.select_channel(row.name);
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    publish_item(ws, fmt::format("channels.row.{}", number));
    // Whoever waits there lights it up.
    const auto* other = ws.moment->state.coroutine_of(ws.hovered_coroutine());
    const bool lit = other != nullptr && waits_at(ws.moment->state, *other, row.index);
    const Rect place = {corner.x, corner.y, corner.x + width, corner.y + height};
    if (row_ground(ws, fmt::format("channels.row.{}", number), 0, place, chosen_ == row.identity, lit)) ws.hovered = channel_line(row);
    ImGui::PopID();
    const auto cell = [&](ChannelColumn column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kColumns[at(column)], places[at(column)], corner, height, colour, what);
    };
    const auto count = [&](ChannelColumn column, std::uint64_t value, ImU32 colour) {
        cell(column, value == 0 ? theme.text_faint : colour, format_count(value));
    };
    const std::string name = row.name.starts_with("channel:") ? row.name.substr(8) : row.name;
    cell(ChannelColumn::kName, row.closed ? theme.text_dim : theme.text, row.closed ? name + "  (closed)" : name);
    draw_fill(ws, row, places[at(ChannelColumn::kFill)], corner, height);
    count(ChannelColumn::kSent, row.sent, theme.text_dim);
    count(ChannelColumn::kReceived, row.received, theme.text_dim);
    cell(ChannelColumn::kRate, row.rate > 0 ? theme.text_dim : theme.text_faint, row.rate < 0 ? std::string("–") : format_rate(row.rate));
    count(ChannelColumn::kSenders, row.senders_waiting, theme.warn);
    count(ChannelColumn::kReceivers, row.receivers_waiting, theme.text);
    cell(ChannelColumn::kWaits, theme.text_dim,
         row.waits_longest != 0 ? format_duration(static_cast<std::int64_t>(row.waits_longest_ns))
         : row.waiting() != 0   ? std::string("not known")
                                : std::string());
    cell(ChannelColumn::kHandles, theme.text_dim, fmt::format("{} › {}", row.sender_handles, row.receiver_handles));
    cell(ChannelColumn::kMaker, theme.text_dim, row.maker);
}

// A bar under the number: red where it is full, since whoever sends waits then.
void ChannelView::draw_fill(Workspace& ws, const ChannelRow& row, const PlacedColumn& place, ImVec2 corner, float height) {
    const Theme& theme = *ws.theme;
    const std::string what = row.capacity == 0 ? std::string("unbuffered")
                                               : fmt::format("{} / {}", format_count(row.length), format_count(row.capacity));
    draw_cell(ws, kColumns[at(ChannelColumn::kFill)], place, {corner.x, corner.y - ws.px(1)}, height,
              row.capacity == 0 || row.length == 0 ? theme.text_faint : theme.text, what);
    if (!place.shown || row.capacity == 0) return;
    const float thick = std::max(2.0F, ws.px(3)), room = place.width - ws.px(12);
    const float x = corner.x + place.x, y = corner.y + height - thick - ws.px(2);
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled({x, y}, {x + room, y + thick}, theme.line);
    const float length = row.length == 0 ? 0 : std::max(thick, std::floor(room * static_cast<float>(std::min(1.0, row.fill()))));
    list->AddRectFilled({x, y}, {x + length, y + thick}, row.fill() >= 1 ? theme.bad : row.fill() >= 0.9 ? theme.warn : theme.accent);
}

void ChannelView::draw_detail(Workspace& ws, const ChannelDetail& detail) {
    const Theme& theme = *ws.theme;
    const ImVec2 corner = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    list->AddRectFilled(corner, {corner.x + room.x, corner.y + line}, theme.line);
    if (detail.row.identity == 0) {
        draw_text(list, ws.fonts.text, {corner.x + ws.px(12), corner.y + ws.px(10)}, theme.text_faint,
                  "The channel that was chosen does not live at this moment.");
        return;
    }
    const float y = corner.y + ws.px(8), x = corner.x + ws.px(12);
    const std::string title = cut_to(ws.fonts.strong, detail.row.name, room.x * 0.4F);
    draw_text(list, ws.fonts.strong, {x, y}, theme.text, title);
    std::string facts = fmt::format("#{} · {}{} B an item", detail.row.identity, detail.row.closed ? "closed · " : "", detail.row.element_bytes);
    const Found* found = past_.value();
    const analyses::ChannelPast* past = found != nullptr && found->past.has_value() && found->past->identity == chosen_ ? &*found->past : nullptr;
    if (past != nullptr && past->sent_total != 0) {
        facts += fmt::format(" · at most {} in it", format_count(*std::max_element(past->depth_most.begin(), past->depth_most.end())));
        facts += fmt::format(" · {} of {} handed over directly ({})", format_count(past->handed_over), format_count(past->sent_total),
                             format_share(static_cast<double>(past->handed_over) / static_cast<double>(past->sent_total)));
        if (past->last_sender != 0) facts += fmt::format(" · last sent by {}", past->last_sender);
        if (past->last_receiver != 0) facts += fmt::format(" · last received by {}", past->last_receiver);
    }
    const float title_end = x + text_width(ws.fonts.strong, title) + ws.px(12);
    draw_text(list, ws.fonts.small, {title_end, y + ws.px(1)}, theme.text_dim,
              cut_to(ws.fonts.small, facts, corner.x + room.x - ws.px(12) - title_end));
    const Rect depth = {x, y + ws.px(24), corner.x + room.x - ws.px(12), y + ws.px(24 + kDepthUnits)};
    draw_depth(ws, detail.row, depth);
    const float lists_y = depth.y1 + ws.px(26), height = corner.y + room.y - lists_y;
    if (height < ws.px(kRowUnits)) return;
    const float half = std::floor(room.x / 2);
    ImGui::SetCursorScreenPos({corner.x, lists_y});
    draw_parties(ws, "waits here", "channels.waiter", detail.waiters, detail.waiters_left_out,
                 detail.waiters_filtered != 0 ? "nobody who passes the filter waits here" : "nobody waits here", {half, height});
    ImGui::SetCursorScreenPos({corner.x + half, lists_y});
    draw_parties(ws, "holds it", "channels.holder", detail.holders, detail.holders_left_out + detail.outside_holders,
                 detail.outside_holders != 0    ? "threads outside"
                 : detail.holders_filtered != 0 ? "nobody who passes the filter holds it"
                                                : "nobody holds it",
                 {half, height});
}

// How many items lay in it: by events where they are recorded, else what the looks have said since it was chosen.
void ChannelView::draw_depth(Workspace& ws, const ChannelRow& row, Rect area) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.field);
    const Found* found = past_.value();
    const analyses::ChannelPast* past = found != nullptr && found->past.has_value() && found->past->identity == chosen_ ? &*found->past : nullptr;
    std::vector<float> values;
    TimeAxis axis;
    axis.x0 = area.x0;
    axis.x1 = area.x1;
    if (past != nullptr) {
        values.assign(past->depth_most.begin(), past->depth_most.end());
        axis.begin = past->begin;
        axis.end = past->end;
    } else {
        for (const auto& [t, length] : trail_)
            values.push_back(length);
        if (!trail_.empty()) {
            axis.begin = trail_.front().first;
            axis.end = std::max(axis.begin + 1, trail_.back().first);
        }
    }
    if (values.size() < 2) {
        const std::string what = ws.info.kind == traces::SessionKind::kRecorded
                                     ? (found != nullptr && !found->error.empty() ? found->error
                                                                                  : fmt::format("reading {:.0f} %", 100 * past_.share()))
                                     : std::string("its depth is drawn from the next look on");
        draw_text(list, ws.fonts.small, {(area.x0 + area.x1) / 2, (area.y0 + area.y1 - ws.fonts.small->FontSize) / 2}, theme.text_faint, what,
                  0.5F);
        return;
    }
    const float highest = highest_of(values, row.capacity == 0 ? 1.0F : std::min(static_cast<float>(row.capacity), highest_of(values, 1) * 4));
    draw_line(ws, area, values, highest, theme.look(Look::kChannel));
    draw_time_axis(ws, axis, area);
    draw_time_marks(ws, axis, area);
    if (const auto t = time_input(ws, "channels.depth", axis, area); t.has_value()) {
        const std::size_t part = std::min(
            values.size() - 1, static_cast<std::size_t>(static_cast<double>(*t - axis.begin) / static_cast<double>(axis.end - axis.begin) *
                                                        static_cast<double>(values.size())));
        ws.hovered = fmt::format("{} at {}: {}{} items", row.name, format_time(*t), past != nullptr ? "at most " : "",
                                 format_count(static_cast<std::uint64_t>(values[part])));
        if (past != nullptr)
            ws.hovered += fmt::format(", {} sent and {} received in this part of time", format_count(past->sent[part]),
                                      format_count(past->received[part]));
    }
}

void ChannelView::draw_parties(Workspace& ws, const char* title, const char* widget, const std::vector<ChannelParty>& parties,
                               std::uint64_t left_out, const char* nobody, ImVec2 size) {
    const Theme& theme = *ws.theme;
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild(widget, size);
    ImGui::SetCursorPos({ws.px(12), 0});
    text(ws.fonts.small, theme.text_faint,
         parties.empty() ? std::string(nobody) : fmt::format("{}: {}", title, format_count(parties.size() + left_out)));
    ImGui::SetCursorPos({0, ws.px(18)});
    const float height = ws.px(20), width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(parties.size()), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const ChannelParty& party = parties[static_cast<std::size_t>(i)];
            const ImVec2 corner = ImGui::GetCursorScreenPos();
            const std::string id = fmt::format("{}.{}", widget, i);
            if (ImGui::InvisibleButton(id.c_str(), {std::max(1.0F, width), height})) ws.select_coroutine(party.identity);
            publish_item(ws, id);
            ImDrawList* list = ImGui::GetWindowDrawList();
            const bool selected = ws.selection().coroutine == party.identity;
            const bool hovered = row_ground(ws, id, party.identity, {corner.x, corner.y, corner.x + width, corner.y + height}, selected);
            const std::string waited = party.waited_ns < 0 ? std::string() : format_duration(party.waited_ns);
            if (hovered)
                ws.hovered = fmt::format("{} {} {}{}", party.identity, party.name, party.does, waited.empty() ? "" : ", for " + waited);
            const float y = corner.y + std::floor((height - ws.fonts.small->FontSize) / 2), right = corner.x + width - ws.px(12);
            const float does = right - ws.px(waited.empty() ? 0 : 72), does_width = text_width(ws.fonts.small, party.does);
            draw_text(list, ws.fonts.mono_small, {right, y}, theme.text_dim, waited, 1);
            draw_text(list, ws.fonts.small, {does, y}, theme.text_faint, party.does, 1);
            draw_text(list, ws.fonts.small, {corner.x + ws.px(12), y}, theme.text,
                      cut_to(ws.fonts.small, fmt::format("{} {}", party.identity, party.name), does - does_width - corner.x - ws.px(24)));
        }
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
