// See duration_chart.h.
#include "views/duration_chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/histogram_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr int kBarsPerOctave = 2;

}  // namespace

nlohmann::json duration_json(const inspect::HistogramImage& durations, double ns_per_tick) {
    if (durations.samples == 0) return nullptr;
    return {{"samples", durations.samples},
            {"p50_ns", durations.quantile(0.5) * ns_per_tick},
            {"p99_ns", durations.quantile(0.99) * ns_per_tick},
            {"p999_ns", durations.quantile(0.999) * ns_per_tick}};
}

void draw_duration_chart(Workspace& ws, const char* title, const inspect::HistogramImage& durations, double ns_per_tick, Rect area,
                         const char* nobody) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const auto at_quantile = [&](double q) { return format_duration(static_cast<std::int64_t>(durations.quantile(q) * ns_per_tick)); };
    draw_text(list, ws.fonts.strong, {area.x0, area.y0}, theme.text, title);
    const float x = area.x0 + text_width(ws.fonts.strong, title) + ws.px(10);
    draw_text(list, ws.fonts.small, {x, area.y0 + ws.px(1)}, theme.text_dim,
              cut_to(ws.fonts.small,
                     durations.samples == 0 ? std::string(nobody)
                                       : fmt::format("{} · p50 {} · p99 {}", format_count(durations.samples), at_quantile(0.5), at_quantile(0.99)),
                     area.x1 - x));
    const std::vector<HistogramBar> bars = make_bars(durations.buckets, kBarsPerOctave);
    const float top = area.y0 + ws.px(22), bottom = area.y1 - ws.px(24);
    if (bars.empty() || bottom - top < ws.px(16)) return;
    double highest = 0;
    for (const HistogramBar& bar : bars)
        highest = std::max(highest, bar.count);
    const float each = (area.x1 - area.x0) / static_cast<float>(bars.size());
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    float free_from = area.x0 - 1;
    for (std::size_t i = 0; i < bars.size(); ++i) {
        const float left = std::floor(area.x0 + each * static_cast<float>(i)),
                    right = std::max(left + 1, std::floor(area.x0 + each * static_cast<float>(i + 1)) - 1);
        const bool hovered = ImGui::IsWindowHovered() && mouse.x >= left && mouse.x <= right && mouse.y >= top && mouse.y <= bottom;
        const float height = bars[i].count <= 0 ? 0 : std::max(1.0F, std::round(static_cast<float>(bars[i].count / highest) * (bottom - top)));
        if (height > 0) list->AddRectFilled({left, bottom - height}, {right, bottom}, hovered ? theme.accent : with_alpha(theme.accent, 0.7F));
        const std::string low = format_duration(static_cast<std::int64_t>(bars[i].low * ns_per_tick)),
                          high = format_duration(static_cast<std::int64_t>(bars[i].high * ns_per_tick));
        if (hovered)
            ws.hovered = fmt::format("{}: {} between {} and {}", title, format_count(static_cast<std::uint64_t>(bars[i].count + 0.5)), low, high);
        const float width = text_width(ws.fonts.mono_small, low);
        if (left < free_from || left + width > area.x1) continue;
        draw_text(list, ws.fonts.mono_small, {left, bottom + ws.px(4)}, theme.text_faint, low);
        free_from = left + width + ws.px(16);
    }
    list->AddRectFilled({area.x0, bottom}, {area.x1, bottom + std::max(1.0F, std::floor(ws.scale))}, theme.line_strong);
}

}  // namespace coroscope::views
