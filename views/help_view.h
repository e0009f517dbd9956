// Help: what the words mean, what colours and marks stand for, what the mouse does, and every key. The same table of actions as the key sheet.
//
// The frame's thread.
#pragma once

#include "views/actions.h"
#include "views/view.h"

namespace coroscope::views {

class HelpView : public View {
public:
    void set_actions(const Actions* actions) { actions_ = actions; }

    const char* name() const override { return "help"; }
    const char* title() const override { return "Help"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    void draw_keys(Workspace& ws);

    const Actions* actions_ = nullptr;
};

}  // namespace coroscope::views
