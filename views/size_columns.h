// Columns of the Sizes view, in the order of SizeColumn.
#pragma once

#include "views/columns.h"
#include "views/size_model.h"

namespace coroscope::views {

// Site, bar and classes are what one came for: the rest goes first.
inline constexpr Column kSizeColumns[kSizeColumnsCount] = {
    {"spawned at", 132, 1.2F},        {"function", 112, 1.4F, false, 6},
    {"predicted B", 88, 0, true, 5},  {"seen of its slot", 128, 1.8F},
    {"max B", 72, 0, true, 3},        {"class → advised", 132, 0},
    {"evidence", 76, 0.1F, false, 4}, {"coroutines", 88, 0, true, 3},
    {"growths", 68, 0, true, 2},      {"saved", 80, 0, true, 1}};

}  // namespace coroscope::views
