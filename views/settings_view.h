// Settings: what a person likes to have otherwise, kept per user (app/saved_state.h): theme, size of everything, what the wheel does, the
// arrangement of panels.
//
// Publishes "settings.theme.N", "settings.zoom.N", "settings.mouse.N", "settings.layout". The frame's thread.
#pragma once

#include <functional>

#include "views/view.h"

namespace coroscope::views {

class SettingsView : public View {
public:
    // What it changes beyond the workspace; set by the window.
    struct Host {
        std::function<void(const Theme&)> set_theme;
        std::function<float()> zoom;
        std::function<void(float)> set_zoom;
        std::function<void()> reset_layouts;
    };
    void set_host(Host host) { host_ = std::move(host); }

    const char* name() const override { return "settings"; }
    const char* title() const override { return "Settings"; }
    void draw(Workspace& ws) override;
    nlohmann::json dump(Workspace& ws) override;

private:
    Host host_;
};

}  // namespace coroscope::views
