// Lanes of channels, what was said, and zones under a coroutine's spans (timeline_view.h). Everything lands on whole pixels.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/timeline_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kWordsFromUnits = 40;  // room beside a mark from which on its text is written
constexpr float kZoneUnits = 3, kZonesDeep = 3;

bool inside(const Rect& rect, ImVec2 point) {
    return point.x >= rect.x0 && point.x < rect.x1 && point.y >= rect.y0 && point.y < rect.y1;
}

}  // namespace

// How many channels nobody asked for have a lane: a third of the rows that are left.
std::size_t TimelineView::room_for_channels(const Layout& at, const Workspace& ws) const {
    constexpr std::size_t kMost = 4;
    const auto rows = static_cast<std::size_t>(std::max(0.0F, (at.lanes.y1 - at.lanes.y0) / (ws.px(24) + at.gap)));
    const std::size_t taken = (plan_ != nullptr ? plan_->workers.size() : 2) + ws.pins().size() + 1;
    return std::clamp<std::size_t>(rows > taken ? (rows - taken) / 3 : 0, 1, kMost);
}

std::vector<std::string> TimelineView::wanted_channels(const Workspace& ws) const {
    std::vector<std::string> wanted = channel_pins_;
    const std::string& selected = ws.selection().channel;
    if (!selected.empty() && std::find(wanted.begin(), wanted.end(), selected) == wanted.end()) wanted.push_back(selected);
    return wanted;
}

void TimelineView::toggle_channel_pin(const std::string& channel) {
    const auto pinned = std::find(channel_pins_.begin(), channel_pins_.end(), channel);
    if (pinned == channel_pins_.end()) {
        channel_pins_.push_back(channel);
    } else {
        channel_pins_.erase(pinned);
    }
}

// The most that lay in it in each column, as its height: of its capacity, or where it has none of the most in sight. Full columns are red.
void TimelineView::draw_channel(Workspace& ws, const Layout& at, const ChannelLane& lane, Rect row) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::string name = lane.text.starts_with("channel:") ? lane.text.substr(8) : lane.text;
    ws.publish(fmt::format("timeline.channel.{}", name), row);
    const bool selected = lane.text == ws.selection().channel;
    const bool pinned = std::find(channel_pins_.begin(), channel_pins_.end(), lane.text) != channel_pins_.end();
    const double begin = static_cast<double>(lane.begin), step = lane.column_ns;
    const auto column_at = [&](double ns) {
        return static_cast<std::size_t>(std::clamp((ns - begin) / step, 0.0, static_cast<double>(lane.columns.size())));
    };
    const std::size_t first = column_at(axis_.begin()), last = std::min(lane.columns.size(), column_at(axis_.end()) + 1);
    std::uint32_t most = 0;
    for (std::size_t i = first; i < last; ++i)
        most = std::max(most, lane.columns[i].most);
    const std::string value = !lane.found ? "not in sight" : lane.capacity == 0 ? std::to_string(most) : fmt::format("{}/{}", most, lane.capacity);
    draw_title(ws, at, row, name, pinned ? "pinned" : value, selected ? theme.accent : theme.text_dim);
    if (pinned) ws.publish(fmt::format("timeline.unpin.{}", name), {at.gutter - ws.px(56), row.y0, at.gutter - ws.px(4), row.y1});
    list->PushClipRect({row.x0, row.y0}, {row.x1, row.y1}, true);
    list->AddRectFilled({row.x0, row.y0}, {row.x1, row.y1}, mix(theme.panel, theme.look(Look::kFree), 0.3F));
    const float height = row.y1 - row.y0 - ws.px(2);
    const std::uint32_t top = std::max(1U, lane.capacity != 0 ? lane.capacity : most);
    const auto x_of = [&](std::size_t column) { return std::round(axis_.x_of(begin + static_cast<double>(column) * step)); };
    const auto high = [&](std::uint32_t items) {
        return items == 0 ? 0.0F : std::max(1.0F, std::round(height * static_cast<float>(std::min(items, top)) / static_cast<float>(top)));
    };
    // Quiet, so that what is full stands out.
    const ImU32 area = mix(theme.text_faint, theme.panel, 0.5F), edge = theme.text_dim, full = theme.bad;
    for (std::size_t i = first; i < last;) {
        const DepthColumn& column = lane.columns[i];
        const float level = high(column.most);
        std::size_t end = i + 1;
        while (end < last && lane.columns[end].known == column.known && high(lane.columns[end].most) == level)
            ++end;
        const float x0 = x_of(i), x1 = std::max(x_of(end), x0 + 1);
        if (!column.known && !lane.complete) {  // a faint line along the floor: not read yet
            list->AddRectFilled({x0, row.y1 - ws.px(2)}, {x1, row.y1}, with_alpha(theme.text_faint, 0.35F));
        } else if (level > 0) {
            list->AddRectFilled({x0, row.y1 - level}, {x1, row.y1}, area);
            const bool is_full = lane.capacity != 0 && column.most >= lane.capacity;
            list->AddRectFilled({x0, row.y1 - level}, {x1, row.y1 - level + std::max(1.0F, ws.px(is_full ? 2 : 1))},
                                is_full ? full : edge);
        }
        i = end;
    }
    list->PopClipRect();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (!hovered_ || mouse.y < row.y0 || mouse.y >= row.y1 || mouse.x >= row.x1) return;
    under_.channel = lane.text;
    if (mouse.x < row.x0) {
        under_.sentence = fmt::format("{}{}", lane.text, lane.capacity != 0 ? fmt::format(", room for {}", lane.capacity) : ", unbuffered");
        return;
    }
    const std::size_t i = column_at(axis_.time_at(mouse.x));
    if (i >= lane.columns.size() || (!lane.columns[i].known && lane.complete)) return;
    const double t = begin + static_cast<double>(i) * step;
    under_.begin = static_cast<traces::TimeNs>(t);
    under_.end = static_cast<traces::TimeNs>(t + step);
    const DepthColumn& column = lane.columns[i];
    under_.sentence = !column.known ? fmt::format("{} at {}: not read yet", lane.text, time_text(under_.begin))
                                    : fmt::format("{} at {}: at most {}{} lay in it within {}, {} at its end", lane.text, time_text(under_.begin),
                                                  column.most, lane.capacity != 0 ? fmt::format(" of {}", lane.capacity) : "",
                                                  format_duration(std::max<traces::TimeNs>(1, under_.end - under_.begin)), column.last);
}

// A mark each where it was said, with its text where there is room before the next one; of what was not read how much it is.
void TimelineView::draw_said(Workspace& ws, const Layout& at, Rect row) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ws.publish("timeline.said", row);
    draw_title(ws, at, row, "said", "", theme.text_dim);
    list->PushClipRect({row.x0, row.y0}, {row.x1, row.y1}, true);
    const std::vector<SaidMark>& marks = plan_->told.marks;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool row_hovered = hovered_ && inside(row, mouse);
    const float middle = std::floor((row.y0 + row.y1) / 2), radius = ws.px(4);
    const SaidMark* under = nullptr;
    float nearest = ws.px(6), drawn_to = -1e9F;
    for (std::size_t i = 0; i < marks.size(); ++i) {
        const SaidMark& mark = marks[i];
        if (static_cast<double>(mark.until) < axis_.begin() || static_cast<double>(mark.at) > axis_.end()) continue;
        const float x = std::round(axis_.x_of(static_cast<double>(mark.at)));
        if (mark.pieces != 0) {
            const float x1 = std::max(x + 1, std::round(axis_.x_of(static_cast<double>(mark.until))));
            list->AddRectFilled({std::max(x, drawn_to), middle - ws.px(2)}, {x1, middle + ws.px(2)}, with_alpha(theme.accent, 0.45F));
            drawn_to = std::max(drawn_to, x1);
            if (row_hovered && mouse.x >= x && mouse.x < x1) under = &mark;
            continue;
        }
        const float away = std::abs(mouse.x - x);
        if (row_hovered && away <= nearest) {
            nearest = away;
            under = &mark;
        }
        if (x < drawn_to) continue;  // beside one that is drawn: there is no room for both
        drawn_to = x + ws.px(2);
        const ImU32 colour = mark.is_note ? theme.text_dim : theme.accent;
        if (mark.is_note) {
            list->AddRectFilled({x - radius / 2, middle - radius / 2}, {x + radius / 2, middle + radius / 2}, colour);
        } else {
            list->AddQuadFilled({x, middle - radius}, {x + radius, middle}, {x, middle + radius}, {x - radius, middle}, colour);
        }
        // Up to the next one that is drawn.
        std::size_t after = i + 1;
        while (after < marks.size() && std::round(axis_.x_of(static_cast<double>(marks[after].at))) < drawn_to)
            ++after;
        const float next = after < marks.size() ? std::min(row.x1, axis_.x_of(static_cast<double>(marks[after].at)) - radius) : row.x1;
        const float room = next - x - radius - ws.px(8);
        if (room < ws.px(kWordsFromUnits)) continue;
        draw_text(list, ws.fonts.small, {x + radius + ws.px(4), std::floor(middle - ws.fonts.small->FontSize / 2)},
                  mark.is_note ? theme.text_faint : theme.text_dim, cut_to(ws.fonts.small, mark.text, room));
    }
    list->PopClipRect();
    if (under == nullptr) return;
    under_.identity = under->identity;
    under_.begin = under->at;
    under_.end = under->until;
    under_.sentence = under->pieces != 0 ? fmt::format("{} pieces of texts between {} and {}, which are read further in", under->pieces,
                                                      time_text(under->at), time_text(under->until))
                      : under->identity != 0 ? fmt::format("{} at {}: {}", who(ws, under->identity, under->name, under->site), time_text(under->at),
                                                           under->text)
                                             : fmt::format("at {}: {}", time_text(under->at), under->text);
}

// Thin bars along the lower edge of its lane, the inner ones above the outer ones.
void TimelineView::draw_zones(Workspace& ws, std::uint64_t identity, Rect row) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const float line = std::max(2.0F, std::floor(ws.px(kZoneUnits)));
    float drawn_to[static_cast<std::size_t>(kZonesDeep)] = {-1e9F, -1e9F, -1e9F};
    const ZoneSpan* under = nullptr;
    for (const ZoneSpan& zone : plan_->told.zones) {
        if (zone.identity != identity || static_cast<double>(zone.end) < axis_.begin() || static_cast<double>(zone.begin) > axis_.end()) continue;
        const float x0 = std::max(row.x0, std::round(axis_.x_of(static_cast<double>(zone.begin))));
        const float x1 = std::min(row.x1, std::max(std::round(axis_.x_of(static_cast<double>(zone.end))), x0 + 1));
        if (hovered_ && inside(row, mouse) && mouse.x >= x0 && mouse.x < x1) under = &zone;
        const auto depth = std::min<std::size_t>(zone.depth, static_cast<std::size_t>(kZonesDeep) - 1);
        if (x1 <= drawn_to[depth]) continue;
        drawn_to[depth] = x1;
        const float y1 = row.y1 - static_cast<float>(depth) * (line + 1);
        list->AddRectFilled({x0, y1 - line}, {std::max(x0 + 1, x1 - 1), y1}, ws.theme->accent);
    }
    if (under == nullptr) return;
    const std::string length = under->begun_before || under->goes_on ? "more than " + format_duration(under->end - under->begin)
                                                                    : format_duration(under->end - under->begin);
    under_.sentence += fmt::format("; in zone {} for {}", under->name, length);
}

}  // namespace coroscope::views
