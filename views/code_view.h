// The code view: source and instructions of the selected frame, or of a place in a binary file where nobody stands, in a panel of its own.
// While it is in front, the stack view shows frames alone.
//
// The frame's thread. What it shows: code_panel.h; its rows: code_model.h.
#pragma once

#include "views/code_panel.h"
#include "views/file_code.h"
#include "views/view.h"

namespace coroscope::views {

class CodeView : public View {
public:
    const char* name() const override { return "code"; }
    const char* title() const override { return "Code"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return waiting_ || panel_.busy(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;
    std::string copy_text(Workspace& /*ws*/) override { return panel_.as_text(); }
    CodePanel& panel() { return panel_; }

private:
    void draw_place(Workspace& ws, const BinaryPlace& place);

    CodePanel panel_{CodePanel::kBoth};
    FileCode files_;
    bool waiting_ = false;
    bool shown_ = false;  // a frame was drawn last
};

}  // namespace coroscope::views
