// A small histogram of durations: bars on a logarithmic axis with percentiles beside its title.
//
// The frame's thread, inside an ImGui window. Bars: histogram_model.h.
#pragma once

#include <string>

#include "instrumentation/inspect/state_image.h"
#include "views/workspace.h"

namespace coroscope::views {

// Draws into `area` (device pixels). `nobody`: what is said where there is no sample. The bar under the mouse says itself in the status line.
void draw_duration_chart(Workspace& ws, const char* title, const inspect::HistogramImage& durations, double ns_per_tick, Rect area,
                         const char* nobody = "nobody");

// {"samples", "p50_ns", "p99_ns", "p999_ns"}; null without samples.
nlohmann::json duration_json(const inspect::HistogramImage& durations, double ns_per_tick);

}  // namespace coroscope::views
