// Rearranging a layout (layout.h): tabs moved, panels split, views closed and brought back; and which tabs a strip has room for.
//
// Pure functions over the tree, so that every drag is tried without a window. What cannot be done leaves the tree as it was and says false:
// a tree keeps at least one tab, a view occurs once, and splits nest no deeper than parse_layout() reads.
//
// Callers: panels.cpp. The frame's thread. Tested in tests/unit/views/layout_edit_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "views/layout.h"

namespace coroscope::views {

// Where in a panel something is dropped: among its tabs, or at an edge, which splits it.
enum class Side : std::uint8_t { kTabs, kLeft, kRight, kAbove, kBelow };

// The side for a place within a panel's area, both in shares of it (0..1 from the left and the top): its edges are a quarter each.
Side side_at(float across, float down);

// Takes a view out; a panel that is left empty goes with it. False: it is not there, or is the last.
bool close_view(std::unique_ptr<LayoutNode>& root, std::string_view view);
// Puts a view that is in the tree, or a new one, into the panel that holds `target`: before its tab number `position` (SIZE_MAX: after the
// last), or into a panel of its own at an edge. It is in front there. False: there is no such panel, it would stay where it is, or the splits
// would nest too deep.
bool move_view(std::unique_ptr<LayoutNode>& root, std::string_view view, std::string_view target, Side side,
               std::size_t position = SIZE_MAX);

// Which tabs of a strip are drawn, ascending, by their widths: all where they fit, else the one in front and as many of the first as leave
// `more_width` for the button with the others.
std::vector<std::size_t> tabs_that_fit(const std::vector<float>& widths, float room, float more_width, std::size_t front);

}  // namespace coroscope::views
