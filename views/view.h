// A View: one panel of the window. One file a view; its row model is computed elsewhere (NAME_model.h) and can be dumped.
//
// Thread: the frame's. Neither function may block: what takes longer than a millisecond goes to Workspace::background.
#pragma once

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
    // Forgets everything about a session that was closed.
    virtual void reset() {}
};

}  // namespace coroscope::views
