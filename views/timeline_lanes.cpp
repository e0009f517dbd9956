// The timeline's lanes (timeline_view.h): workers, coroutines, losses, signals. Everything lands on whole pixels.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "views/format.h"
#include "views/timeline_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kLevels = 20;             // heights that a column's share is told in
constexpr float kTextFromUnits = 28;      // slices of this width have words in them
constexpr float kMarkFromUnits = 14;      // and of this one their second mark

// Neighbours of different sites differ a little, so that runs can be told apart; all stay the colour of what they are.
ImU32 shade_of(const Theme& theme, Look look, std::uint32_t site) {
    static constexpr float kShares[] = {0, 0.12F, 0.22F, 0.32F};
    const std::uint32_t mixed = site * 2654435761U;
    return mix(theme.look(look), theme.panel, site == wire::kNone ? 0 : kShares[mixed >> 30]);
}

// What can be read on it.
ImU32 ink_on(ImU32 colour) {
    const auto part = [&](int shift) { return static_cast<float>((colour >> shift) & 0xffU); };
    const float light = 0.299F * part(IM_COL32_R_SHIFT) + 0.587F * part(IM_COL32_G_SHIFT) + 0.114F * part(IM_COL32_B_SHIFT);
    return light > 128 ? IM_COL32(10, 14, 20, 230) : IM_COL32(255, 255, 255, 240);
}

}  // namespace

void TimelineView::draw_title(Workspace& ws, const Layout& at, Rect row, const std::string& title, const std::string& value, ImU32 colour) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float middle = std::floor((row.y0 + row.y1 - ws.fonts.text->FontSize) / 2);
    const float value_width = value.empty() ? 0 : text_width(ws.fonts.mono_small, value) + ws.px(8);
    const float x0 = at.all.x0 + ws.px(12), x1 = at.gutter - ws.px(8);
    draw_text(list, ws.fonts.text, {x0, middle}, colour, cut_to(ws.fonts.text, title, x1 - value_width - x0));
    if (!value.empty()) draw_text(list, ws.fonts.mono_small, {x1, middle + ws.px(1)}, ws.theme->text_faint, value, 1);
}

void TimelineView::draw_lanes(Workspace& ws, const Layout& at) {
    ws.publish("timeline.lanes", at.lanes);
    under_ = {};
    worker_y_.clear();
    if (plan_ == nullptr) return;
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->PushClipRect({at.all.x0, at.lanes.y0}, {at.all.x1, at.lanes.y1}, true);
    float y = at.lanes.y0 + ws.px(6) - scroll_;
    const float top = y;
    const auto next = [&](float extra) {
        const Rect row = {at.lanes.x0, std::floor(y), at.lanes.x1, std::floor(y) + at.row};
        y += at.row + at.gap + extra;
        return row;
    };
    for (const WorkerLane& lane : plan_->workers) {
        const Rect row = next(0);
        worker_y_[lane.worker] = (row.y0 + row.y1) / 2;
        if (row.y1 < at.lanes.y0 || row.y0 > at.lanes.y1) continue;
        draw_title(ws, at, row, fmt::format("worker {}", lane.worker), format_share(lane.running_share), theme.text_dim);
        draw_worker(ws, lane, row);
    }
    const auto has_lane = [&](const CoroutineLane& lane) {
        return lane.busiest || lane.identity == ws.selection().coroutine || ws.is_pinned(lane.identity);
    };
    if (plan_->told.speaks) {
        const Rect row = next(0);
        if (row.y1 >= at.lanes.y0 && row.y0 <= at.lanes.y1) draw_said(ws, at, row);
    }
    const auto draw_channels = [&] {
        if (!plan_->channels.empty()) y += ws.px(8);
        for (const ChannelLane& lane : plan_->channels) {
            const Rect row = next(0);
            if (row.y1 >= at.lanes.y0 && row.y0 <= at.lanes.y1) draw_channel(ws, at, lane, row);
        }
    };
    // Those asked for stand above the channels, the others below.
    bool first = true, busiest = false, channels = false;
    for (const CoroutineLane& lane : plan_->coroutines) {
        if (!has_lane(lane)) continue;
        if (lane.busiest && !std::exchange(channels, true)) draw_channels();
        if (first) y += ws.px(8);
        first = false;
        if (lane.busiest && !busiest) {
            busiest = true;
            draw_text(list, ws.fonts.small, {at.all.x0 + ws.px(12), y + ws.px(2)}, theme.text_faint, "run most");
            y += ws.px(22);
        }
        const Rect row = next(0);
        if (row.y1 < at.lanes.y0 || row.y0 > at.lanes.y1) continue;
        draw_coroutine(ws, at, lane, row);
    }
    if (!channels) draw_channels();
    draw_signals(ws, at);
    draw_arrows(ws, at);
    list->PopClipRect();
    scroll_max_ = std::max(0.0F, y - top + ws.px(8) - (at.lanes.y1 - at.lanes.y0));
    if (ws.selection().coroutine == 0 && ws.pins().empty() && y + ws.px(28) < at.lanes.y1) {
        constexpr std::string_view kHint = "Click a slice to see who woke its coroutine; the right button has more. W A S D move, F fits.";
        const std::string hint = cut_to(ws.fonts.small, kHint, at.lanes.x1 - at.lanes.x0);
        // On a ground of its own: the ruler's lines run through the lanes.
        const float end = at.lanes.x0 + text_width(ws.fonts.small, hint) + ws.px(4);
        list->AddRectFilled({at.lanes.x0, y + ws.px(6)}, {end, y + ws.px(26)}, theme.panel);
        draw_text(list, ws.fonts.small, {at.lanes.x0, y + ws.px(8)}, theme.text_faint, hint);
    }
    if (!under_.sentence.empty()) ws.hovered = under_.sentence;
    ws.hover_coroutine(under_.identity);
    if (under_.identity == under_before_.identity && under_.identity != 0) {
        ++under_frames_;
    } else {
        under_frames_ = 0;
    }
    if (under_.identity != 0 && under_frames_ < 4) ws.frames_wanted = std::max(ws.frames_wanted, 1);
    under_before_ = under_;
}

void TimelineView::draw_worker(Workspace& ws, const WorkerLane& lane, Rect row) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    ws.publish(fmt::format("timeline.worker.{}", lane.worker), row);
    list->PushClipRect({row.x0, row.y0}, {row.x1, row.y1}, true);
    list->AddRectFilled({row.x0, row.y0}, {row.x1, row.y1}, mix(ws.theme->panel, ws.theme->look(Look::kFree), 0.55F));
    draw_columns(ws, lane, row);
    draw_slices(ws, lane, row);
    draw_losses(ws, lane.losses, row);
    list->PopClipRect();
}

// How much of each column was run, as its height; where only the number of events is known, a faint one.
void TimelineView::draw_columns(Workspace& ws, const WorkerLane& lane, Rect row) {
    const TimelineWish& wish = plan_->wish;
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double begin = static_cast<double>(wish.range.begin), step = wish.pixel_ns;
    const auto column_at = [&](double ns) {
        return static_cast<std::size_t>(std::clamp((ns - begin) / step, 0.0, static_cast<double>(lane.columns.size())));
    };
    const std::size_t first = column_at(axis_.begin()), last = std::min(lane.columns.size(), column_at(axis_.end()) + 1);
    // Who ran in a column is not kept apart: with a filter all of it steps back.
    const ImU32 running = mix(theme.look(Look::kRunning), theme.panel, ws.past_filter() != nullptr ? 0.72F : 0.12F);
    const ImU32 guessed = with_alpha(theme.text_faint, 0.35F);
    const float height = row.y1 - row.y0;
    const auto level_of = [&](const PlanColumn& column) {
        if (column.slices > 0 || column.running > 0) return std::max(1.0F, std::round(std::min(1.0F, column.running) * kLevels));
        return column.events > 0 ? -1.0F : 0.0F;
    };
    const auto x_of = [&](std::size_t column) { return std::round(axis_.x_of(begin + static_cast<double>(column) * step)); };
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool row_hovered = hovered_ && mouse.y >= row.y0 && mouse.y < row.y1;
    for (std::size_t i = first; i < last;) {
        const float level = level_of(lane.columns[i]);
        std::size_t end = i + 1;
        while (end < last && level_of(lane.columns[end]) == level)
            ++end;
        if (level != 0) {
            const float top = level < 0 ? row.y0 + height * 0.5F : std::round(row.y1 - height * level / kLevels);
            list->AddRectFilled({x_of(i), top}, {std::max(x_of(end), x_of(i) + 1), row.y1}, level < 0 ? guessed : running);
        }
        i = end;
    }
    if (!row_hovered || mouse.x < row.x0 || mouse.x >= row.x1) return;
    const std::size_t under = column_at(axis_.time_at(mouse.x));
    if (under >= lane.columns.size() || level_of(lane.columns[under]) == 0) return;
    const double at = begin + static_cast<double>(under) * step;
    hover_column(lane, lane.columns[under], static_cast<traces::TimeNs>(at), static_cast<traces::TimeNs>(at + step));
}

void TimelineView::draw_slices(Workspace& ws, const WorkerLane& lane, Rect row) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool row_hovered = hovered_ && mouse.y >= row.y0 && mouse.y < row.y1 && mouse.x >= row.x0 && mouse.x < row.x1;
    const auto first = std::partition_point(lane.slices.begin(), lane.slices.end(), [&](const PlanSlice& slice) {
        return static_cast<double>(slice.end) < axis_.begin();
    });
    const float line = std::max(1.0F, std::floor(ws.scale));
    const std::uint64_t lit = ws.hovered_coroutine(), selected = ws.selection().coroutine;
    Rect widest;
    bool lit_slice = false;
    for (auto slice = first; slice != lane.slices.end() && static_cast<double>(slice->begin) <= axis_.end(); ++slice) {
        const float x0 = std::max(row.x0 - 1, std::round(axis_.x_of(static_cast<double>(slice->begin))));
        const float x1 = std::min(row.x1 + 1, std::max(std::round(axis_.x_of(static_cast<double>(slice->end))), x0 + 1));
        if (x1 <= row.x0 || x0 >= row.x1) continue;
        ImU32 colour = slice->identity == 0 ? theme.look(Look::kUnknown) : shade_of(theme, Look::kRunning, slice->site);
        const bool is_lit = slice->identity != 0 && slice->identity == lit, is_selected = slice->identity != 0 && slice->identity == selected;
        if (lit != 0 && !is_lit && !is_selected) colour = mix(colour, theme.panel, 0.35F);
        const bool out = left_out(ws, slice->identity, slice->name, slice->site);
        if (out) colour = mix(colour, theme.panel, 0.78F);  // the worker ran, whoever it was
        lit_slice = lit_slice || is_lit;
        if (is_selected) colour = theme.accent;
        // A gap of a pixel between neighbours, where there is room for one.
        const float right = x1 - x0 >= 4 ? x1 - line : x1;
        list->AddRectFilled({x0, row.y0}, {right, row.y1}, colour, right - x0 > ws.px(6) ? ws.px(2) : 0);
        if (is_lit && right - x0 >= 4) list->AddRect({x0, row.y0}, {right, row.y1}, theme.text, ws.px(2), 0, line);
        const float from = std::max(x0, row.x0), room = std::min(right, row.x1) - from - ws.px(10);
        if (room >= ws.px(kTextFromUnits) && !out) {
            const std::string words = cut_to(ws.fonts.small, who(ws, slice->identity, slice->name, slice->site), room);
            const float text_y = std::floor((row.y0 + row.y1 - ws.fonts.small->FontSize) / 2);
            draw_text(list, ws.fonts.small, {from + ws.px(5), text_y}, is_selected ? theme.on_accent : ink_on(colour), words);
        }
        if (std::min(right, row.x1) - from > widest.x1 - widest.x0) widest = {from, row.y0, std::min(right, row.x1), row.y1};
        if (row_hovered && mouse.x >= x0 && mouse.x < x1) hover_slice(ws, lane, *slice);
    }
    if (widest.x1 > widest.x0) ws.publish(fmt::format("timeline.slice.{}", lane.worker), widest);
    if (lit_slice) ws.show_lit(fmt::format("timeline.worker.{}", lane.worker));
}

void TimelineView::draw_coroutine(Workspace& ws, const Layout& at, const CoroutineLane& lane, Rect row) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ws.publish(fmt::format("timeline.coroutine.{}", lane.identity), row);
    const bool pinned = ws.is_pinned(lane.identity);
    const std::string title = lane.known ? who(ws, lane.identity, lane.name, lane.site) : fmt::format("{} · not in sight", lane.identity);
    if (ws.lit(lane.identity)) {
        list->AddRectFilled({at.all.x0 + ws.px(4), row.y0}, {at.gutter - ws.px(4), row.y1}, theme.hover, ws.px(3));
        ws.show_lit(fmt::format("timeline.coroutine.{}", lane.identity));
    }
    draw_title(ws, at, row, title, pinned ? "pinned" : "", lane.identity == ws.selection().coroutine ? theme.accent : theme.text);
    if (pinned) ws.publish(fmt::format("timeline.unpin.{}", lane.identity), {at.gutter - ws.px(56), row.y0, at.gutter - ws.px(4), row.y1});
    list->PushClipRect({row.x0, row.y0}, {row.x1, row.y1}, true);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool row_hovered = hovered_ && mouse.y >= row.y0 && mouse.y < row.y1 && mouse.x >= row.x0 && mouse.x < row.x1;
    float drawn_to = -1e9F;
    Rect widest;
    for (const TrackSlice& slice : lane.spans) {
        if (static_cast<double>(slice.end) < axis_.begin() || static_cast<double>(slice.begin) > axis_.end()) continue;
        const float x0 = std::max(row.x0 - 1, std::round(axis_.x_of(static_cast<double>(slice.begin))));
        const float x1 = std::min(row.x1 + 1, std::max(std::round(axis_.x_of(static_cast<double>(slice.end))), x0 + 1));
        if (x1 <= drawn_to) continue;  // all within a pixel that is drawn
        drawn_to = x1;
        const Look look = look_of_span(slice.span);
        const bool runs = look == Look::kRunning;
        const ImU32 colour = runs ? theme.look(look) : mix(theme.look(look), theme.panel, 0.42F);
        const float inset = runs ? 0 : ws.px(4);
        const float right = x1 - x0 >= 4 ? x1 - 1 : x1;
        list->AddRectFilled({x0, row.y0 + inset}, {right, row.y1 - inset}, colour, right - x0 > ws.px(6) ? ws.px(2) : 0);
        if (row_hovered && mouse.x >= x0 && mouse.x < x1) hover_span(ws, lane, slice);
        const float seen_from = std::max(x0, row.x0), seen_to = std::min(right, row.x1);
        if (!runs && seen_to - seen_from > widest.x1 - widest.x0) widest = {seen_from, row.y0, seen_to, row.y1};
        float from = std::max(x0, row.x0) + ws.px(3);
        const float end = std::min(right, row.x1);
        if (end - from < ws.px(kMarkFromUnits)) continue;
        const float side = row.y1 - row.y0 - 2 * inset - ws.px(2);
        const float mark = std::min(side, ws.px(14));
        draw_mark(list, {from, std::floor((row.y0 + row.y1 - mark) / 2)}, mark, mark_of(look), ink_on(colour));
        from += ws.px(18);
        if (end - from < ws.px(kTextFromUnits)) continue;
        std::string words = slice.span.doing == traces::TrackSpan::Doing::kBlocked ? inspect::reason_name(slice.span.reason)
                                                                                  : look_name(look);
        if (slice.span.doing == traces::TrackSpan::Doing::kMixed) words = fmt::format("{} spans", slice.span.count);
        words += " " + format_duration(slice.end - slice.begin);
        draw_text(list, ws.fonts.small, {from, std::floor((row.y0 + row.y1 - ws.fonts.small->FontSize) / 2)}, ink_on(colour),
                  cut_to(ws.fonts.small, words, end - from - ws.px(4)));
    }
    draw_zones(ws, lane.identity, row);
    list->PopClipRect();
    if (widest.x1 > widest.x0) ws.publish(fmt::format("timeline.span.{}", lane.identity), widest);
    if (hovered_ && mouse.y >= row.y0 && mouse.y < row.y1 && mouse.x < row.x0) under_.identity = lane.identity;  // its title
}

// Hatched, and never thinner than can be seen.
void TimelineView::draw_losses(Workspace& ws, const std::vector<TimeRange>& losses, Rect row) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws.theme;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    float drawn_to = -1e9F;
    for (const TimeRange& loss : losses) {
        if (static_cast<double>(loss.end) < axis_.begin() || static_cast<double>(loss.begin) > axis_.end()) continue;
        const float x0 = std::max(row.x0, std::floor(axis_.x_of(static_cast<double>(loss.begin))));
        const float x1 = std::min(row.x1, std::max(std::ceil(axis_.x_of(static_cast<double>(loss.end))), x0 + ws.px(3)));
        if (x1 <= drawn_to) continue;
        drawn_to = x1;
        list->AddRectFilled({x0, row.y0}, {x1, row.y1}, theme.bad_soft);
        const float height = row.y1 - row.y0, apart = ws.px(6);
        list->PushClipRect({x0, row.y0}, {x1, row.y1}, true);
        for (float x = std::floor((x0 - height) / apart) * apart; x < x1; x += apart)
            list->AddLine({x, row.y1}, {x + height, row.y0}, theme.bad, std::max(1.0F, std::floor(ws.scale)));
        list->PopClipRect();
        if (hovered_ && mouse.x >= x0 && mouse.x < x1 && mouse.y >= row.y0 && mouse.y < row.y1) {
            under_ = {};
            under_.sentence = fmt::format("events are lost from {} for {}: who ran is not known", time_text(loss.begin),
                                          format_duration(loss.end - loss.begin));
        }
    }
}

// A flag on the ruler each.
void TimelineView::draw_signals(Workspace& ws, const Layout& at) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const ImU32 colour = ws.theme->look(Look::kSignal);
    float drawn_to = -1e9F;
    for (const SignalMark& signal : plan_->signals) {
        const float x = std::floor(axis_.x_of(static_cast<double>(signal.at)));
        if (x < at.lanes.x0 || x > at.lanes.x1 || x <= drawn_to) continue;
        drawn_to = x + ws.px(2);
        list->AddRectFilled({x, at.lanes.y0}, {x + std::max(1.0F, std::floor(ws.scale)), at.lanes.y0 + ws.px(12)}, colour);
        list->AddTriangleFilled({x, at.lanes.y0}, {x + ws.px(7), at.lanes.y0 + ws.px(3)}, {x, at.lanes.y0 + ws.px(6)}, colour);
        if (hovered_ && std::abs(mouse.x - x) <= ws.px(4) && mouse.y < at.lanes.y0 + ws.px(8) && mouse.y >= at.ruler.y0)
            under_.sentence = fmt::format("signal {} arrived at {}", signal.number, time_text(signal.at));
    }
}

}  // namespace coroscope::views
