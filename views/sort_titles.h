// Titles of a table's columns that sort it: a click sorts by a column, numbers from the largest on, a second click turns the order round.
//
// Publishes "NAME.header.N". The frame's thread, inside an ImGui window.
#pragma once

#include <span>
#include <string>

#include "views/columns.h"

namespace coroscope::views {

struct SortedBy {
    std::size_t column = 0;
    bool descending = false;
    bool operator==(const SortedBy&) const = default;
};

// Draws the titles in a line at the cursor, which moves below it. True when the order changed.
bool draw_sort_titles(Workspace& ws, const std::string& name, std::span<const Column> columns, std::span<const PlacedColumn> places,
                      SortedBy* sorted);

}  // namespace coroscope::views
