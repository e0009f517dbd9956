// The table of `coroscope top` as lines of a terminal: for a screen of a given size, or whole, as text.
//
// What the program calls itself and its things passes through printable(): a name cannot move the cursor.
//
// Pure functions. Tested in tests/unit/app/top_screen_test.cpp.
#pragma once

#include <cstddef>
#include <string>

#include "app/top/top_table.h"

namespace coroscope::app {

struct TopLook {
    int columns = 80;
    int rows = 24;  // 0 = as many as there is to say
    bool colour = false;
    TopSort sort = TopSort::kRunning;
    std::string filter;
    bool typing = false;  // the filter is being typed
    bool paused = false;
    std::size_t first = 0;  // site in the first row; taken back where there are not so many
};

// Sites are sorted and everything is filtered already. Lines end with '\n'; none is wider than the screen, and there are no more than it has rows.
std::string top_lines(const TopTable& table, TopLook& look);

// Letters that a terminal shows, one column each: control characters and what is no UTF-8 become '?'.
std::string printable(std::string_view text);
// At most so many columns, with "~" at its end where something is missing, filled with blanks where `fill`.
std::string fitted(std::string_view text, std::size_t columns, bool fill = true);

}  // namespace coroscope::app
