// See histogram_view.h. One chart: bars are snapped to whole pixels; heights are linear in the count, of two runs in the share of its
// samples, so that areas can be compared.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "views/format.h"
#include "views/histogram_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kFlagLineUnits = 13;  // between two lines of words over a chart

struct QuantileMark {
    const char* word;
    double value;
};
std::array<QuantileMark, 4> marks_of(const HistogramPanel& panel) {
    return {{{"p50", panel.p50}, {"p90", panel.p90}, {"p99", panel.p99}, {"p99.9", panel.p999}}};
}

std::string ticks_number(double value) {
    if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
    if (value >= 1e3) return fmt::format("{:g}k", value / 1e3);
    return fmt::format("{:g}", value);
}

double share_of(const HistogramPanel& panel, double count) {
    return count / static_cast<double>(std::max<std::uint64_t>(1, panel.samples));
}

}  // namespace

double HistogramView::Pair::height(const HistogramPanel& of, double count) const {
    return other == nullptr ? count : share_of(of, count);
}

double HistogramView::Pair::highest() const {
    const double most = height(own, own.highest);
    return std::max(1e-12, other == nullptr ? most : std::max(most, height(*other, other->highest)));
}

void HistogramView::draw_chart(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, bool large) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    const float top = area.y0 + (large ? ws.px(28) : ws.px(4));
    if (large) draw_ground(ws, pair, axis, area, top);
    if (pair.own.resolution >= 1) {  // what cannot be told from nothing
        const float x = axis.x_of(pair.own.resolution);
        for (float h = axis.x0 - (area.y1 - top); h < x; h += ws.px(8)) {
            const float from = std::max(axis.x0, h), to = std::min(x, h + (area.y1 - top));
            if (to > from) list->AddLine({from, area.y1 - (from - h)}, {to, area.y1 - (to - h)}, theme.line, line);
        }
    }
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const double highest = pair.highest();
    const bool inside = ImGui::IsWindowHovered() && mouse.y >= top && mouse.y < area.y1;
    for (const HistogramBar& bar : pair.own.bars) {
        const float x0 = axis.x_of(bar.low);
        const float x1 = std::max(x0 + line, axis.x_of(bar.high) - line);
        const bool under = inside && mouse.x >= x0 && mouse.x < x1 + line;
        if (under && (bar.count > 0 || pair.other != nullptr)) ws.hovered = bar_text(pair, axis, bar);
        if (bar.count <= 0) continue;
        const auto share = static_cast<float>(pair.height(pair.own, bar.count) / highest);
        const float y = std::floor(area.y1 - std::max(line, (area.y1 - top) * share));
        list->AddRectFilled({x0, y}, {x1, area.y1}, under ? theme.text : theme.accent);
    }
    if (pair.other != nullptr) draw_outline(ws, pair, axis, area, top);
    list->AddRectFilled({axis.x0, area.y1}, {axis.x1, area.y1 + line}, theme.line_strong);
    const int lines = large ? 2 : 0;
    if (pair.other == nullptr) {
        draw_marks(ws, pair.own, axis, area, {theme.text_dim, 0, lines, 0});
        return;
    }
    draw_marks(ws, pair.own, axis, area, {theme.accent, 0, lines / 2, 0});
    draw_marks(ws, *pair.other, axis, area, {theme.text, 1, lines / 2, ws.px(3)});
}

void HistogramView::draw_ground(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, float top) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    for (const float share : {0.25F, 0.5F, 0.75F, 1.0F}) {
        const float y = std::floor(area.y1 - (area.y1 - top) * share);
        list->AddRectFilled({axis.x0, y}, {axis.x1, y + line}, theme.line);
    }
    const float half = ws.fonts.mono_small->FontSize / 2, x = axis.x0 - ws.px(8);
    const std::string most = pair.other != nullptr ? format_share(pair.highest())
                                                   : format_count(static_cast<std::uint64_t>(std::llround(pair.highest())));
    draw_text(list, ws.fonts.mono_small, {x, top - half}, theme.text_faint, most, 1);
    draw_text(list, ws.fonts.mono_small, {x, area.y1 - half}, theme.text_faint, "0", 1);
}

// Steps along the upper edges of the other run's bars.
void HistogramView::draw_outline(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, float top) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const auto& bars = pair.other->bars;
    const float line = std::max(1.0F, std::floor(ws.scale)),
                width = bars.empty() ? 0 : axis.x_of(bars.front().high) - axis.x_of(bars.front().low);
    const float thick = area.y1 - top > ws.px(60) && width >= ws.px(4) ? 2 * line : line;  // of narrow bars nothing would be left
    const double highest = pair.highest();
    const ImU32 colour = ws.theme->text;
    float last = area.y1;
    const auto rise = [&](float x, float y) {
        if (y != last) list->AddRectFilled({x, std::min(y, last)}, {x + thick, std::max(y, last) + thick}, colour);
        last = y;
    };
    float end = axis.x0;
    for (const HistogramBar& bar : bars) {
        const float x0 = axis.x_of(bar.low), x1 = std::max(x0 + line, axis.x_of(bar.high));
        const auto share = static_cast<float>(pair.height(*pair.other, bar.count) / highest);
        float y = std::floor(area.y1 - (area.y1 - top) * share);
        if (bar.count > 0) y = std::min(y, area.y1 - thick);  // what is there at all is seen
        rise(x0, y);
        if (bar.count > 0) list->AddRectFilled({x0, y}, {x1, y + thick}, colour);
        end = x1;
    }
    rise(end, area.y1);
}

std::string HistogramView::bar_text(const Pair& pair, const Axis& axis, const HistogramBar& bar) const {
    std::string range = axis.in_time ? fmt::format("{} to {}", axis.text(bar.low), axis.text(bar.high))
                                     : fmt::format("{:.0f} to {:.0f} ticks", bar.low, bar.high);
    if (!axis.in_time && axis.ticks_per_ns > 0)
        range += fmt::format(" ({:.1f} to {:.1f} ns)", bar.low / axis.ticks_per_ns, bar.high / axis.ticks_per_ns);
    std::string says = fmt::format("{}: {} {} from {}, {}", pair.own.title, format_count(static_cast<std::uint64_t>(std::llround(bar.count))),
                                   std::llround(bar.count) == 1 ? "sample" : "samples", range, format_share(share_of(pair.own, bar.count)));
    if (pair.other == nullptr) return says;
    double there = 0;  // both lie in one grid
    for (const HistogramBar& its : pair.other->bars)
        if (std::abs(its.low - bar.low) <= 0.01 * bar.low) there = its.count;
    return says + fmt::format("; {} of the other run's", format_share(share_of(*pair.other, there)));
}

void HistogramView::draw_marks(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area, MarkStyle style) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    std::array<float, 2> free_from = {-1e9F, -1e9F};
    for (const QuantileMark& mark : marks_of(panel)) {
        if (mark.value < 0 || mark.value <= panel.resolution) continue;
        const float x = axis.x_of(mark.value);
        const float top = style.lines != 0 ? area.y0 + ws.px(14) : area.y0;
        for (float y = top + style.shift; y < area.y1; y += ws.px(6))
            list->AddRectFilled({x, y}, {x + line, std::min(area.y1, y + ws.px(3))}, style.colour);
        if (style.lines == 0) continue;
        const float half = (text_width(ws.fonts.small, mark.word) + ws.px(8)) / 2;
        int at = 0;
        while (at < style.lines && x - half < free_from[static_cast<std::size_t>(at)])
            ++at;
        if (at == style.lines) continue;
        free_from[static_cast<std::size_t>(at)] = x + half;
        const float y = area.y0 + ws.px(kFlagLineUnits) * static_cast<float>(style.first + at) - ws.px(4);
        list->AddRectFilled({x - half, y}, {x + half, y + ws.fonts.small->FontSize}, ws.theme->panel, ws.px(2));
        draw_text(list, ws.fonts.small, {x, y}, style.colour, mark.word, 0.5F);
    }
}

void HistogramView::draw_axis(Workspace& ws, const Axis& axis, Rect area) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    float free_from = axis.x0;
    const double unit = axis.in_time ? axis.ticks_per_ns : 1;
    for (const double value : log_axis_ticks(axis.low / unit, axis.high / unit)) {
        if (axis.in_time && value < 1) continue;  // nanoseconds are said whole
        const float x = axis.x_of(value * unit);
        const std::string number = axis.in_time ? axis_duration(value) : ticks_number(value);
        const float width = text_width(ws.fonts.mono_small, number);
        list->AddRectFilled({x, area.y1}, {x + std::max(1.0F, std::floor(ws.scale)), area.y1 + ws.px(4)}, ws.theme->line_strong);
        if (x - width / 2 < free_from || x + width / 2 > axis.x1) continue;
        free_from = x + width / 2 + ws.px(10);
        draw_text(list, ws.fonts.mono_small, {x, area.y1 + ws.px(6)}, ws.theme->text_faint, number, 0.5F);
    }
    if (axis.in_time) return;
    std::string says = "ticks";
    if (axis.ticks_per_ns > 0) says += fmt::format(" ({:.2f} a ns)", axis.ticks_per_ns);
    draw_text(list, ws.fonts.small, {axis.x0 - ws.px(8), area.y1 + ws.px(6)}, ws.theme->text_faint, says, 1);
}

}  // namespace coroscope::views
