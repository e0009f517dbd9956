// The bar of a spawn site in the Sizes view: how full the slots of its class get.
//
//   ┌────────────────────────────────┐   the slot, as far as it can be used
//   │██████▓▓▓──────┤      ╷         │   to p50 full height, to p99 lower, a line to the maximum and its end
//   └────────▴───────────────────────┘   ╷ where a smaller class that is advised would end; ▴ predicted; ▎ proven
//
// Heights tell apart what colours do, too. Where the program only noticed how deep it got, an outline stands for "at least so much"; what did not
// fit, so that the stack grew, fills the slot and has an arrow.
//
// The frame's thread.
#pragma once

#include "views/size_model.h"
#include "views/workspace.h"

namespace coroscope::views {

// `faint`: of the run before. `advised`: the class whose end is marked.
void draw_size_bar(Workspace& ws, Rect area, const SizeTable& table, const SizeSite& site,
                   wire::SizeClass advised, bool faint);
// What the bar says, line by line, within a tooltip.
void size_bar_tooltip(Workspace& ws, const SizeModel& model, const SizeLine& line);

}  // namespace coroscope::views
