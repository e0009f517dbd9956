// What the launched program wrote, line by line; stderr has a mark and a colour. Follows the end until it is scrolled away from it.
//
// The frame's thread; lines come from Workspace::program (app/launcher).
#pragma once

#include "views/view.h"

namespace coroscope::views {

class OutputView : public View {
public:
    const char* name() const override { return "output"; }
    const char* title() const override { return "Output"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    std::size_t lines_seen_ = 0;
    bool follow_ = true;
};

}  // namespace coroscope::views
