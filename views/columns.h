// Columns of a small table in a panel of any width: which of them are shown, and where.
//
// Each column says how much room it needs at least, what it would do with more, and how soon it can be done without. Where the panel is too
// narrow for all, those that matter least go first; what is shown is never narrower than it needs.
//
// place_columns() is pure; the rest is the frame's thread. Tested in tests/unit/views/columns_test.cpp.
#pragma once

#include <imgui.h>

#include <span>
#include <string_view>
#include <vector>

#include "views/workspace.h"

namespace coroscope::views {

struct Column {
    const char* title;
    float units;          // least width, at scale 1, the gap to the next one included
    float weight;         // of its share in what is left
    bool number = false;  // ends at its right edge, in the mono font
    int rank = 0;         // the highest goes first; 0 stays in any case
};

struct PlacedColumn {
    bool shown = false;
    float x = 0, width = 0;  // device pixels from the left edge
};

// `width` in device pixels.
std::vector<PlacedColumn> place_columns(std::span<const Column> columns, float width, float scale);

// The titles, in a line of their own at the cursor, which moves below it.
void draw_column_titles(Workspace& ws, std::span<const Column> columns, std::span<const PlacedColumn> places);
// One cell of a row whose left top is `at`; cut where it does not fit.
void draw_cell(Workspace& ws, const Column& column, const PlacedColumn& place, ImVec2 at, float row_height,
               ImU32 colour, std::string_view what);

}  // namespace coroscope::views
