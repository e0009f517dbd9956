// See histogram_view.h. Bars are snapped to whole pixels; heights are linear in the count, so that areas can be compared.
#include "views/histogram_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kStripUnits = 40;
constexpr float kAxisUnits = 32;

std::string axis_number(double value) {
    if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
    if (value >= 1e3) return fmt::format("{:g}k", value / 1e3);
    return fmt::format("{:g}", value);
}

struct QuantileMark {
    const char* word;
    double value;
};
std::array<QuantileMark, 4> marks_of(const HistogramPanel& panel) {
    return {{{"p50", panel.p50}, {"p90", panel.p90}, {"p99", panel.p99}, {"p99.9", panel.p999}}};
}

// The value with the words that keep it honest.
std::string quantile_text(const HistogramPanel& panel, double value) {
    if (!panel.measured || value < 0) return "not measured";
    if (value <= panel.resolution) return "below resolution";
    return format_ticks(value);
}

}  // namespace

float HistogramView::Axis::x_of(double value) const {
    const double share = (std::log2(std::max(value, 1e-9)) - std::log2(low)) /
                         (std::log2(high) - std::log2(low));
    return std::floor(x0 + (x1 - x0) * static_cast<float>(std::clamp(share, 0.0, 1.0)));
}

void HistogramView::reset() {
    model_.reset();
    chosen_ = 0;
}

nlohmann::json HistogramView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    return to_json(compute_histograms(ws.moment->state));
}

void HistogramView::draw(Workspace& ws) {
    if (ws.moment != nullptr) {
        model_.want(ws.background, ws.moment,
                    [moment = ws.moment] { return compute_histograms(moment->state); });
    }
    const HistogramModel* model = model_.value();
    if (model == nullptr) {
        empty_state(ws, "No histograms yet", "They appear with the first look at the program.");
        return;
    }
    if (!model->wake_to_run.empty()) {
        static constexpr const char* kKinds[] = {"Switch", "Wake to run"};
        place_head_buttons(ws, {kKinds[0], kKinds[1]});
        choice(ws, "histograms.kind", kKinds, 2, &kind_);
    }
    const auto& panels = kind_ == 0 || model->wake_to_run.empty() ? model->switches : model->wake_to_run;
    if (panels.empty()) {
        empty_state(
            ws, "Not measured",
            "This program keeps no histograms: it was built without probes, or has not started its workers.");
        return;
    }
    chosen_ %= panels.size();
    const HistogramPanel& large = panels[chosen_];
    if (!panels.front().measured) {
        empty_state(ws, "Not measured yet",
                    "While somebody listens, one switch in 64 is stamped on both sides. Press E to listen even "
                    "where events cost the program more than it should lose, or record.");
        return;
    }
    draw_numbers(ws, large);
    const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    Axis axis;
    axis.x0 = at.x + ws.px(108);
    axis.x1 = at.x + room.x - ws.px(16);
    const auto& bars = panels.front().bars;
    if (!bars.empty()) {
        axis.low = bars.front().low;
        axis.high = std::max(bars.back().high, axis.low * 4);
    }
    if (panels.front().resolution >= 1) axis.low = std::min(axis.low, panels.front().resolution);
    axis.low = std::max(1.0, axis.low / 1.2);
    axis.high *= 1.2;
    const float strips = std::min(static_cast<float>(panels.size()) * ws.px(kStripUnits) + ws.px(8),
                                  room.y * 0.5F);
    const float large_height = std::max(ws.px(72), room.y - strips - ws.px(kAxisUnits + 12));
    const Rect area = {axis.x0, at.y, axis.x1, at.y + large_height};
    ws.publish("histograms.panel.large", area);
    draw_chart(ws, large, axis, area, true, model->ticks_per_ns);
    draw_axis(ws, axis, area, model->ticks_per_ns);
    ImGui::SetCursorScreenPos({at.x, area.y1 + ws.px(kAxisUnits + 4)});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("strips");
    for (std::size_t i = 0; i < panels.size(); ++i) {
        const ImVec2 row = ImGui::GetCursorScreenPos();
        draw_strip(ws, panels[i], axis, {at.x, row.y, at.x + room.x, row.y + ws.px(kStripUnits)}, i);
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

// "all workers   1 234 samples   p50 … p90 … p99 … p99.9 …   below resolution 12"
void HistogramView::draw_numbers(Workspace& ws, const HistogramPanel& panel) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    text(ws.fonts.strong, theme.text, panel.title);
    ImGui::SameLine(0, ws.px(12));
    text(ws.fonts.mono_small, theme.text_dim, format_count(panel.samples));
    ImGui::SameLine(0, ws.px(6));
    std::string sampled = "samples";
    if (panel.sample_period > 1) sampled += fmt::format(", one switch in {}", panel.sample_period);
    text(ws.fonts.small, theme.text_faint, sampled);
    ImGui::SetCursorPos({ws.px(12), ws.px(34)});
    bool first = true;
    for (const QuantileMark& mark : marks_of(panel)) {
        if (!first) ImGui::SameLine(0, ws.px(16));
        first = false;
        const bool known = mark.value > panel.resolution;
        fact(ws, mark.word, quantile_text(panel, mark.value), known ? theme.text : theme.text_faint);
    }
    if (panel.below_resolution != 0) {
        ImGui::SameLine(0, ws.px(16));
        fact(ws, fmt::format("below resolution (≤ {:g})", panel.resolution).c_str(),
             format_count(panel.below_resolution), theme.warn);
    }
    ImGui::SetCursorPos({0, ws.px(58)});
}

void HistogramView::draw_marks(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area,
                               bool words) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    float free_from[2] = {-1e9F, -1e9F};
    int row = 0;
    for (const QuantileMark& mark : marks_of(panel)) {
        if (mark.value < 0 || mark.value <= panel.resolution) continue;
        const float x = axis.x_of(mark.value);
        const float top = words ? area.y0 + ws.px(14) : area.y0;
        for (float y = top; y < area.y1; y += ws.px(6)) {
            list->AddRectFilled({x, y}, {x + line, std::min(area.y1, y + ws.px(3))}, theme.text_dim);
        }
        if (!words) continue;
        const float width = text_width(ws.fonts.small, mark.word) + ws.px(8);
        row = x - width / 2 >= free_from[0] ? 0 : 1;
        if (row == 1 && x - width / 2 < free_from[1]) continue;
        free_from[row] = x + width / 2;
        const float y = area.y0 + (row == 0 ? 0 : ws.px(13)) - ws.px(4);
        list->AddRectFilled({x - width / 2, y}, {x + width / 2, y + ws.fonts.small->FontSize}, theme.panel,
                            ws.px(2));
        draw_text(list, ws.fonts.small, {x, y}, theme.text_dim, mark.word, 0.5F);
    }
}

void HistogramView::draw_chart(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area,
                               bool large, double ticks_per_ns) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    const float top = area.y0 + (large ? ws.px(28) : ws.px(4));
    if (panel.resolution >= 1) {  // what cannot be told from nothing
        const float x = axis.x_of(panel.resolution);
        for (float h = axis.x0 - (area.y1 - top); h < x; h += ws.px(8)) {
            const float from = std::max(axis.x0, h), to = std::min(x, h + (area.y1 - top));
            if (to > from)
                list->AddLine({from, area.y1 - (from - h)}, {to, area.y1 - (to - h)}, theme.line, line);
        }
    }
    if (large) {
        for (const float share : {0.25F, 0.5F, 0.75F, 1.0F}) {
            const float y = std::floor(area.y1 - (area.y1 - top) * share);
            list->AddRectFilled({axis.x0, y}, {axis.x1, y + line}, theme.line);
        }
        draw_text(list, ws.fonts.mono_small, {axis.x0 - ws.px(8), top - ws.fonts.mono_small->FontSize / 2},
                  theme.text_faint, format_count(static_cast<std::uint64_t>(std::llround(panel.highest))), 1);
        draw_text(list, ws.fonts.mono_small,
                  {axis.x0 - ws.px(8), area.y1 - ws.fonts.mono_small->FontSize / 2}, theme.text_faint, "0", 1);
    }
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    for (const HistogramBar& bar : panel.bars) {
        if (bar.count <= 0) continue;
        const float x0 = axis.x_of(bar.low);
        const float x1 = std::max(x0 + line, axis.x_of(bar.high) - line);
        const float share = static_cast<float>(bar.count / std::max(1e-9, panel.highest));
        const float y = std::floor(area.y1 - std::max(line, (area.y1 - top) * share));
        const bool under = ImGui::IsWindowHovered() && mouse.x >= x0 && mouse.x < x1 + line &&
                           mouse.y >= top && mouse.y < area.y1;
        list->AddRectFilled({x0, y}, {x1, area.y1}, under ? theme.text : theme.accent);
        if (under) {
            ws.hovered = fmt::format(
                "{}: {} samples from {:.0f} to {:.0f} ticks ({:.1f} to {:.1f} ns), {}", panel.title,
                format_count(static_cast<std::uint64_t>(std::llround(bar.count))), bar.low, bar.high,
                ticks_per_ns > 0 ? bar.low / ticks_per_ns : 0, ticks_per_ns > 0 ? bar.high / ticks_per_ns : 0,
                format_share(bar.count / static_cast<double>(std::max<std::uint64_t>(1, panel.samples))));
        }
    }
    list->AddRectFilled({axis.x0, area.y1}, {axis.x1, area.y1 + line}, theme.line_strong);
    draw_marks(ws, panel, axis, area, large);
}

void HistogramView::draw_axis(Workspace& ws, const Axis& axis, Rect area, double ticks_per_ns) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    float free_from = axis.x0;
    for (const double value : log_axis_ticks(axis.low, axis.high)) {
        const float x = axis.x_of(value);
        const std::string number = axis_number(value);
        const float width = text_width(ws.fonts.mono_small, number);
        list->AddRectFilled({x, area.y1}, {x + std::max(1.0F, std::floor(ws.scale)), area.y1 + ws.px(4)},
                            ws.theme->line_strong);
        if (x - width / 2 < free_from || x + width / 2 > axis.x1) continue;
        free_from = x + width / 2 + ws.px(10);
        draw_text(list, ws.fonts.mono_small, {x, area.y1 + ws.px(6)}, ws.theme->text_faint, number, 0.5F);
    }
    std::string unit = "ticks";
    if (ticks_per_ns > 0) unit += fmt::format(" ({:.2f} a ns)", ticks_per_ns);
    draw_text(list, ws.fonts.small, {axis.x0 - ws.px(8), area.y1 + ws.px(6)}, ws.theme->text_faint, unit, 1);
}

void HistogramView::draw_strip(Workspace& ws, const HistogramPanel& panel, const Axis& axis, Rect area,
                               std::size_t index) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorScreenPos({area.x0, area.y0});
    const std::string name = fmt::format("histograms.panel.{}", index);
    if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, area.x1 - area.x0), std::max(1.0F, area.y1 - area.y0)}))
        chosen_ = index;
    publish_item(ws, name);
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (index == chosen_) {
        list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.accent_soft);
    } else if (ImGui::IsItemHovered()) {
        list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.hover);
    }
    draw_text(list, ws.fonts.text, {area.x0 + ws.px(12), area.y0 + ws.px(4)}, theme.text, panel.title);
    draw_text(list, ws.fonts.mono_small, {area.x0 + ws.px(12), area.y0 + ws.px(21)}, theme.text_faint,
              panel.measured ? format_count(panel.samples) : "");
    if (!panel.measured) {
        draw_text(list, ws.fonts.small, {axis.x0, area.y0 + ws.px(12)}, theme.text_faint, "not measured");
        return;
    }
    draw_chart(ws, panel, axis, {axis.x0, area.y0 + ws.px(2), axis.x1, area.y1 - ws.px(4)}, false, 0);
    if (panel.bars.empty())
        draw_text(list, ws.fonts.small, {axis.x0 + ws.px(8), area.y0 + ws.px(12)}, theme.text_faint,
                  "all below resolution");
}

}  // namespace coroscope::views
