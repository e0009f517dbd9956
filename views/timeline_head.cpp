// The timeline's strip, its ruler and the time that is looked at (timeline_view.h).
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/timeline_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr double kRulerApartUnits = 96;

}  // namespace

// Events by time over all of the trace, ranked by their logarithm so that quiet stretches do not vanish; what is seen below stands out.
void TimelineView::draw_strip(Workspace& ws, const Layout& at) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Rect strip = at.strip;
    ws.publish("timeline.strip", strip);
    list->AddRectFilled({strip.x0, strip.y0}, {strip.x1, strip.y1}, theme.raised, ws.px(3));
    const double begin = axis_.bounds_begin(), span = std::max(1.0, axis_.bounds_end() - begin);
    const auto x_of = [&](double ns) {
        return std::floor(strip.x0 + static_cast<float>(std::clamp((ns - begin) / span, 0.0, 1.0)) * (strip.x1 - strip.x0));
    };
    const float seen_x0 = x_of(axis_.begin()), seen_x1 = std::max(x_of(axis_.end()), seen_x0 + ws.px(2));
    if (plan_ != nullptr && !plan_->strip.empty()) {
        const float most = std::max(1.0F, *std::max_element(plan_->strip.begin(), plan_->strip.end()));
        const float pixel = (strip.x1 - strip.x0) / static_cast<float>(plan_->strip.size());
        const float height = strip.y1 - strip.y0 - ws.px(6);
        for (std::size_t i = 0; i < plan_->strip.size();) {
            const auto level_of = [&](std::size_t part) {
                const float events = plan_->strip[part];
                return events <= 0 ? 0.0F : std::max(ws.px(1), std::round(height * std::log1p(events) / std::log1p(most)));
            };
            const float level = level_of(i);
            std::size_t end = i + 1;
            while (end < plan_->strip.size() && level_of(end) == level)
                ++end;
            const float x0 = std::round(strip.x0 + pixel * static_cast<float>(i)), x1 = std::round(strip.x0 + pixel * static_cast<float>(end));
            const bool seen = x1 > seen_x0 && x0 < seen_x1;
            const ImU32 colour = seen ? mix(theme.accent, theme.raised, 0.45F) : theme.line_strong;
            if (level > 0) list->AddRectFilled({x0, strip.y1 - level}, {x1, strip.y1}, colour);
            i = end;
        }
        for (const TimeRange& loss : plan_->all_losses) {
            const float x0 = x_of(static_cast<double>(loss.begin)), x1 = std::max(x_of(static_cast<double>(loss.end)), x0 + ws.px(2));
            list->AddRectFilled({x0, strip.y0}, {x1, strip.y0 + ws.px(4)}, theme.bad);
        }
    }
    const ImU32 veil = with_alpha(theme.panel, 0.45F);
    list->AddRectFilled({strip.x0, strip.y0}, {seen_x0, strip.y1}, veil);
    list->AddRectFilled({seen_x1, strip.y0}, {strip.x1, strip.y1}, veil);
    list->AddRect({seen_x0, strip.y0}, {seen_x1, strip.y1}, theme.accent, ws.px(2), 0, std::max(1.0F, std::floor(ws.scale)));
    draw_text(list, ws.fonts.small, {at.all.x0 + ws.px(12), strip.y0 + std::floor((strip.y1 - strip.y0 - ws.fonts.small->FontSize) / 2)},
              theme.text_faint, "all events");
}

void TimelineView::draw_ruler(Workspace& ws, const Layout& at) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Rect ruler = at.ruler;
    ws.publish("timeline.ruler", ruler);
    const float line = std::max(1.0F, std::floor(ws.scale));
    const Ruler made = make_ruler(axis_.begin(), axis_.end(), static_cast<double>(ruler.x1 - ruler.x0), ws.px(kRulerApartUnits));
    const float text_y = ruler.y0 + ws.px(2);
    if (!made.base.empty()) draw_text(list, ws.fonts.mono_small, {at.all.x0 + ws.px(12), text_y}, theme.text_dim, made.base);
    list->PushClipRect({ruler.x0, ruler.y0}, {ruler.x1, at.lanes.y1}, true);
    for (const RulerMark& mark : made.marks) {
        if (mark.at < axis_.bounds_begin() - 1 || mark.at > axis_.bounds_end() + 1) continue;
        const float x = std::floor(axis_.x_of(mark.at));
        list->AddRectFilled({x, ruler.y1 - ws.px(mark.large ? 7 : 4)}, {x + line, ruler.y1}, mark.large ? theme.line_strong : theme.line);
        if (!mark.large) continue;
        list->AddRectFilled({x, ruler.y1}, {x + line, at.lanes.y1}, with_alpha(theme.line, 0.6F));
        if (x + ws.px(4) + text_width(ws.fonts.mono_small, mark.label) <= ruler.x1)
            draw_text(list, ws.fonts.mono_small, {x + ws.px(4), text_y}, theme.text_faint, mark.label);
    }
    list->PopClipRect();
    list->AddRectFilled({ruler.x0, ruler.y1 - line}, {ruler.x1, ruler.y1}, theme.line);
}

// The selected range, and the time that is looked at.
void TimelineView::draw_cursor(Workspace& ws, const Layout& at) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    list->PushClipRect({at.lanes.x0, at.ruler.y0}, {at.lanes.x1, at.lanes.y1}, true);
    const auto shade = [&](double begin, double end, ImU32 colour) {
        const float x0 = std::floor(axis_.x_of(begin)), x1 = std::max(std::ceil(axis_.x_of(end)), x0 + line);
        list->AddRectFilled({x0, at.ruler.y0}, {x1, at.ruler.y1}, with_alpha(colour, 0.30F));
        list->AddRectFilled({x0, at.ruler.y1}, {x1, at.lanes.y1}, with_alpha(colour, 0.10F));
        list->AddRectFilled({x0, at.ruler.y0}, {x0 + line, at.lanes.y1}, colour);
        list->AddRectFilled({x1 - line, at.ruler.y0}, {x1, at.lanes.y1}, colour);
        const std::string length = format_duration(static_cast<std::int64_t>(end - begin));
        const float width = text_width(ws.fonts.mono_small, length) + ws.px(12), middle = std::floor((x0 + x1) / 2);
        if (width > x1 - x0) return;
        list->AddRectFilled({middle - width / 2, at.ruler.y0 + ws.px(1)}, {middle + width / 2, at.ruler.y0 + ws.px(18)}, colour, ws.px(3));
        draw_text(list, ws.fonts.mono_small, {middle, at.ruler.y0 + ws.px(2)}, theme.on_accent, length, 0.5F);
    };
    if ((drag_ == Drag::kRange || drag_ == Drag::kZoom) && dragged_) {
        const double a = axis_.time_at(drag_x0_), b = axis_.time_at(ImGui::GetIO().MousePos.x);
        shade(std::min(a, b), std::max(a, b), drag_ == Drag::kZoom ? theme.warn : theme.accent);
    } else if (const auto& range = ws.selection().range; range.has_value()) {
        shade(static_cast<double>(range->begin), static_cast<double>(range->end), theme.accent);
    }
    if (ws.session->time().has_value()) {
        const float x = std::floor(axis_.x_of(static_cast<double>(*ws.session->time())));
        const float half = ws.px(5);
        list->AddRectFilled({x, at.ruler.y1}, {x + line, at.lanes.y1}, theme.text);
        list->AddTriangleFilled({x + line / 2 - half, at.ruler.y1 - ws.px(7)}, {x + line / 2 + half, at.ruler.y1 - ws.px(7)},
                                {x + line / 2, at.ruler.y1}, theme.text);
    }
    list->PopClipRect();
}

}  // namespace coroscope::views
