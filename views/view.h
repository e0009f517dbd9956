// A View: one panel of the window. One file a view; its row model is computed elsewhere (NAME_model.h) and can be dumped.
//
// Thread: the frame's. Neither function may block: what takes longer than a millisecond goes to Workspace::background.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "views/workspace.h"

namespace coroscope::views {

class View {
public:
    virtual ~View() = default;
    // As scripts, keys and the saved layout name it: "pools".
    virtual const char* name() const = 0;
    // As the tab says it: "Stack pools".
    virtual const char* title() const = 0;
    // Draws into the current child window, which is the panel's whole content area.
    virtual void draw(Workspace& ws) = 0;
    // True while what is drawn is not yet that of the newest Moment.
    virtual bool busy() const { return false; }
    // The row model as JSON, computed anew and whole from `ws.moment` (may take as long as it needs: scripts and tests call it).
    virtual nlohmann::json dump(Workspace& ws) = 0;
    // What "copy the rows" takes: lines of cells with tabs between, a line of headings first; or text. By itself the longest list of rows in
    // what dump() says.
    virtual std::string copy_text(Workspace& ws);
    // Forgets everything about a session that was closed.
    virtual void reset() {}
};

// The longest list of objects in a dump, as lines with tabs: a column a key, in the order in which they first occur; cells that are lists or
// objects themselves as JSON. "" when there is none.
std::string rows_as_text(const nlohmann::json& dump);

}  // namespace coroscope::views
