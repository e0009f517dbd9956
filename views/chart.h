// Charts over time: stacked areas, lines and strips of heat in equal parts of one time axis, and the axis itself.
//
// All charts of a view share one TimeAxis, so that a cursor stands at the same place in each. Everything lands on whole pixels; a part that is
// narrower than a pixel is drawn with its neighbours as the most that any of them says, so that nothing short gets lost.
//
// time_ticks() and columns_of() are pure; the rest is the frame's thread, inside an ImGui window. Tested in tests/unit/views/chart_test.cpp.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "views/workspace.h"

namespace coroscope::views {

// Where times lie on the screen: begin at x0, end at x1 (device pixels).
struct TimeAxis {
    traces::TimeNs begin = 0, end = 1;
    float x0 = 0, x1 = 1;

    float x_of(traces::TimeNs t) const;
    traces::TimeNs time_at(float x) const;  // within [begin, end]
};

// Times at which an axis of this length says its time: multiples of 1, 2 or 5 of a power of ten nanoseconds, at most `count` of them.
std::vector<traces::TimeNs> time_ticks(traces::TimeNs begin, traces::TimeNs end, int count);
// "1.5 s", "20 ms": with as many digits as the step between two ticks asks for.
std::string tick_text(traces::TimeNs t, traces::TimeNs step);

// What one column of pixels stands for: parts [first, last) of `parts`, of a chart that is `pixels` wide; column 0 <= x < pixels.
struct PartsOfColumn {
    std::size_t first = 0, last = 0;
};
PartsOfColumn columns_of(std::size_t x, std::size_t pixels, std::size_t parts);

// One layer of a stacked chart. `values` has one a part.
struct Layer {
    ImU32 colour = 0;
    std::span<const float> values;
    ImU32 line = 0;  // along its upper edge, where it has a colour
};
// Layers on top of each other, the first at the bottom; `highest` is the sum at the top edge. What is there at all gets a pixel.
void draw_stacked(Workspace& ws, Rect area, std::span<const Layer> layers, float highest);
// One line with a soft area below it.
void draw_line(Workspace& ws, Rect area, std::span<const float> values, float highest, ImU32 colour);
// A strip whose colour grows with the value, 0..1.
void draw_heat(Workspace& ws, Rect area, std::span<const float> values, ImU32 colour);
// The highest value; at least `least`.
float highest_of(std::span<const float> values, float least);

// Ticks and their times in a line below `area`; thin lines in it.
void draw_time_axis(Workspace& ws, const TimeAxis& axis, Rect area);
// The range that is selected, and where the moment stands; over the charts.
void draw_time_marks(Workspace& ws, const TimeAxis& axis, Rect area);
// Takes mouse input over `area` under the published name: a click goes to that time, a drag selects a range. Returns the time that is hovered.
std::optional<traces::TimeNs> time_input(Workspace& ws, const std::string& name, const TimeAxis& axis, Rect area);

}  // namespace coroscope::views
