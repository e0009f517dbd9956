// Bookmarks: times that somebody wanted to come back to, with their notes (notebook.h). A click goes there, × removes one.
//
// Publishes "notes.row.N" and "notes.remove.N". The frame's thread.
#pragma once

#include "views/view.h"

namespace coroscope::views {

class NotesView : public View {
public:
    const char* name() const override { return "notes"; }
    const char* title() const override { return "Bookmarks"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    bool draw_row(Workspace& ws, std::size_t index, float width);
};

}  // namespace coroscope::views
