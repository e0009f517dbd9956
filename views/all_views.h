// Every view that the window has, a line each: what MainWindow makes, what keys show, what the palette and scripts name.
//
// A view that no preset names is shown by its key and joins the panel in use (Panels::show). The frame's thread.
#pragma once

#include <memory>
#include <vector>

#include "views/view.h"

namespace coroscope::views {

struct ViewEntry {
    const char* name;  // as View::name() says it
    const char* key;   // that shows it
    std::unique_ptr<View> (*make)();
};
const std::vector<ViewEntry>& all_views();

}  // namespace coroscope::views
