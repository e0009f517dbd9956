// See chart.h.
#include "views/chart.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kTickUnits = 96;  // room for a time and a gap
constexpr float kDragUnits = 4;   // a movement of less is a click
constexpr float kTickLengthUnits = 4;

std::size_t pixels_of(Rect area) {
    return static_cast<std::size_t>(std::max(0.0F, std::floor(area.x1) - std::floor(area.x0)));
}

float most(std::span<const float> values, PartsOfColumn parts) {
    float found = 0;
    for (std::size_t i = parts.first; i < std::min(parts.last, values.size()); ++i)
        found = std::max(found, values[i]);
    return found;
}

traces::TimeNs step_of(traces::TimeNs span, int count) {
    double step = 1;
    const double least = static_cast<double>(std::max<traces::TimeNs>(1, span)) / std::max(1, count);
    for (;; step *= 10) {
        for (const double factor : {1.0, 2.0, 5.0}) {
            if (step * factor >= least) return static_cast<traces::TimeNs>(step * factor);
        }
    }
}

}  // namespace

float TimeAxis::x_of(traces::TimeNs t) const {
    const double share = static_cast<double>(t - begin) / static_cast<double>(std::max<traces::TimeNs>(1, end - begin));
    return std::floor(x0 + (x1 - x0) * static_cast<float>(std::clamp(share, 0.0, 1.0)));
}

traces::TimeNs TimeAxis::time_at(float x) const {
    const double share = x1 > x0 ? std::clamp(static_cast<double>((x - x0) / (x1 - x0)), 0.0, 1.0) : 0.0;
    return begin + static_cast<traces::TimeNs>(share * static_cast<double>(end - begin));
}

std::vector<traces::TimeNs> time_ticks(traces::TimeNs begin, traces::TimeNs end, int count) {
    std::vector<traces::TimeNs> ticks;
    if (end <= begin || count <= 0) return ticks;
    const traces::TimeNs step = step_of(end - begin, count);
    const traces::TimeNs first = begin >= 0 ? (begin + step - 1) / step * step : begin / step * step;
    for (traces::TimeNs t = first; t <= end && static_cast<int>(ticks.size()) <= count; t += step)
        ticks.push_back(t);
    return ticks;
}

std::string tick_text(traces::TimeNs t, traces::TimeNs step) {
    const auto digits = [&](traces::TimeNs unit) {
        int count = 0;
        for (traces::TimeNs fine = unit; fine > 1 && step % fine != 0; fine /= 10)
            ++count;
        return count;
    };
    if (step >= 1'000'000) return fmt::format("{:.{}f} s", static_cast<double>(t) * 1e-9, digits(1'000'000'000));
    if (step >= 1'000) return fmt::format("{:.{}f} ms", static_cast<double>(t) * 1e-6, digits(1'000'000));
    return fmt::format("{:.{}f} µs", static_cast<double>(t) * 1e-3, digits(1'000));
}

PartsOfColumn columns_of(std::size_t x, std::size_t pixels, std::size_t parts) {
    if (pixels == 0 || parts == 0) return {};
    const std::size_t first = x * parts / pixels;
    return {first, std::max(first + 1, (x + 1) * parts / pixels)};
}

float highest_of(std::span<const float> values, float least) {
    return values.empty() ? least : std::max(least, *std::max_element(values.begin(), values.end()));
}

void draw_stacked(Workspace& ws, Rect area, std::span<const Layer> layers, float highest) {
    if (layers.empty() || highest <= 0) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::size_t parts = layers.front().values.size(), pixels = pixels_of(area);
    const float room = area.y1 - area.y0, x0 = std::floor(area.x0), pixel = std::max(1.0F, std::floor(ws.scale));
    std::vector<float> tops(layers.size()), run(layers.size());
    std::size_t run_begin = 0;
    const auto flush = [&](std::size_t end) {
        float bottom = area.y1;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            if (run[i] < bottom && end > run_begin) {
                const float left = x0 + static_cast<float>(run_begin), right = x0 + static_cast<float>(end);
                list->AddRectFilled({left, run[i]}, {right, bottom}, layers[i].colour);
                if (layers[i].line != 0) list->AddRectFilled({left, run[i]}, {right, std::min(bottom, run[i] + pixel)}, layers[i].line);
            }
            bottom = std::min(bottom, run[i]);
        }
    };
    // Columns that look the same are one rectangle.
    for (std::size_t x = 0; x < pixels; ++x) {
        const PartsOfColumn column = columns_of(x, pixels, parts);
        float bottom = area.y1;
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const float value = most(layers[i].values, column);
            const float height = value <= 0 ? 0 : std::max(pixel, std::round(value / highest * room));
            tops[i] = bottom = std::max(area.y0, bottom - height);
        }
        if (x != 0 && tops == run) continue;
        flush(x);
        run = tops;
        run_begin = x;
    }
    flush(pixels);
}

void draw_line(Workspace& ws, Rect area, std::span<const float> values, float highest, ImU32 colour) {
    if (values.empty() || highest <= 0) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::size_t pixels = pixels_of(area);
    const float room = area.y1 - area.y0, x0 = std::floor(area.x0), line = std::max(1.0F, std::floor(ws.scale));
    float before = -1;
    std::size_t run_begin = 0;
    const auto y_of = [&](std::size_t x) {
        const float value = most(values, columns_of(x, pixels, values.size()));
        return std::round(area.y1 - line - std::max(value > 0 ? 1.0F : 0.0F, std::min(1.0F, value / highest) * (room - line)));
    };
    const ImU32 soft = with_alpha(colour, 0.18F);
    for (std::size_t x = 0; x <= pixels; ++x) {
        const float y = x < pixels ? y_of(x) : -1;
        if (x != 0 && y == before) continue;
        if (x != 0) {
            const float left = x0 + static_cast<float>(run_begin), right = x0 + static_cast<float>(x);
            list->AddRectFilled({left, before}, {right, area.y1}, soft);
            list->AddRectFilled({left, before}, {right, before + line}, colour);
            if (x < pixels) list->AddRectFilled({right, std::min(before, y)}, {right + line, std::max(before, y) + line}, colour);
        }
        before = y;
        run_begin = x;
    }
}

void draw_heat(Workspace& ws, Rect area, std::span<const float> values, ImU32 colour) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::size_t pixels = pixels_of(area);
    const float x0 = std::floor(area.x0);
    constexpr int kSteps = 16;
    list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, ws.theme->field);
    int before = 0;
    std::size_t run_begin = 0;
    for (std::size_t x = 0; x <= pixels; ++x) {
        const float value = x < pixels ? most(values, columns_of(x, pixels, values.size())) : 0;
        const int level = value <= 0 ? 0 : std::clamp(static_cast<int>(std::ceil(value * kSteps)), 1, kSteps);
        if (x < pixels && level == before) continue;
        if (before != 0)
            list->AddRectFilled({x0 + static_cast<float>(run_begin), area.y0}, {x0 + static_cast<float>(x), area.y1},
                                with_alpha(colour, 0.12F + 0.88F * static_cast<float>(before) / kSteps));
        before = level;
        run_begin = x;
    }
}

void draw_time_axis(Workspace& ws, const TimeAxis& axis, Rect area) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const int count = std::max(1, static_cast<int>((axis.x1 - axis.x0) / ws.px(kTickUnits)));
    const std::vector<traces::TimeNs> ticks = time_ticks(axis.begin, axis.end, count);
    const traces::TimeNs step = ticks.size() > 1 ? ticks[1] - ticks[0] : std::max<traces::TimeNs>(1, axis.end - axis.begin);
    const float line = std::max(1.0F, std::floor(ws.scale));
    float free_from = axis.x0 - ws.px(24);
    for (const traces::TimeNs t : ticks) {
        const float x = axis.x_of(t);
        list->AddRectFilled({x, area.y0}, {x + line, area.y1 + ws.px(kTickLengthUnits)}, with_alpha(theme.line, 0.5F));
        const std::string what = tick_text(t, step);
        const float half = text_width(ws.fonts.mono_small, what) / 2;
        if (x - half < free_from || x + half > axis.x1 + ws.px(24)) continue;
        draw_text(list, ws.fonts.mono_small, {x, area.y1 + ws.px(kTickLengthUnits + 2)}, theme.text_faint, what, 0.5F);
        free_from = x + half + ws.px(12);
    }
}

void draw_time_marks(Workspace& ws, const TimeAxis& axis, Rect area) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    if (const auto& range = ws.selection().range; range.has_value() && range->end >= axis.begin && range->begin <= axis.end) {
        const float from = axis.x_of(range->begin), to = std::max(from + line, axis.x_of(range->end));
        list->AddRectFilled({from, area.y0}, {to, area.y1}, with_alpha(theme.accent, 0.14F));
        list->AddRectFilled({from, area.y0}, {from + line, area.y1}, theme.accent);
        list->AddRectFilled({to - line, area.y0}, {to, area.y1}, theme.accent);
    }
    if (ws.moment == nullptr || ws.moment->t < axis.begin || ws.moment->t > axis.end) return;
    const float x = std::min(axis.x_of(ws.moment->t), axis.x1 - line);
    list->AddRectFilled({x, area.y0}, {x + line, area.y1}, theme.text);
}

std::optional<traces::TimeNs> time_input(Workspace& ws, const std::string& name, const TimeAxis& axis, Rect area) {
    const ImVec2 before = ImGui::GetCursorScreenPos();
    ImGui::SetCursorScreenPos({area.x0, area.y0});
    ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, area.x1 - area.x0), std::max(1.0F, area.y1 - area.y0)});
    ImGui::SetItemAllowOverlap();
    publish_item(ws, name);
    const bool active = ImGui::IsItemActive(), hovered = ImGui::IsItemHovered(), released = ImGui::IsItemDeactivated();
    ImGui::SetCursorScreenPos(before);
    const ImGuiIO& io = ImGui::GetIO();
    const float pressed_x = io.MouseClickedPos[0].x;
    const bool dragged = std::abs(io.MousePos.x - pressed_x) >= ws.px(kDragUnits);
    if (active || released) {
        const traces::TimeNs here = axis.time_at(io.MousePos.x), there = axis.time_at(pressed_x);
        if (active && dragged) {
            const float from = axis.x_of(std::min(here, there)), to = axis.x_of(std::max(here, there));
            ImGui::GetWindowDrawList()->AddRectFilled({from, area.y0}, {to, area.y1}, with_alpha(ws.theme->accent, 0.2F));
        }
        if (released && dragged) {
            ws.select_range(TimeRange{std::min(here, there), std::max(here, there)});
        } else if (released && ws.session != nullptr) {
            ws.session->set_time(here);
        }
    }
    if (!hovered && !active) return std::nullopt;
    return axis.time_at(io.MousePos.x);
}

}  // namespace coroscope::views
