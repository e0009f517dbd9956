// Actions on the window itself: copying what is shown, its picture, its size, and what Help and Settings need of it.
#include <imgui.h>

#include <algorithm>

#include <fmt/format.h>

#include "views/format.h"
#include "views/help_view.h"
#include "views/main_window.h"
#include "views/settings_view.h"

namespace coroscope::views {

void MainWindow::add_window_actions() {
    constexpr float kZoomStep = 0.1F;
    actions_.add({"copy.rows",
                  "Copy the rows of the view in use, with tabs between",
                  "Selection",
                  {"ctrl+shift+c"},
                  [this] {
                      View& view = *views_.at(panels_.in_use());
                      const std::string text = view.copy_text(ws_);
                      ImGui::SetClipboardText(text.c_str());
                      const auto lines = std::count(text.begin(), text.end(), '\n');
                      say(text.empty() ? fmt::format("{} has nothing to copy", view.title())
                                       : fmt::format("copied {}: {} lines", view.title(), format_count(static_cast<std::uint64_t>(lines))),
                          false);
                  },
                  [this] { return ws_.session != nullptr; },
                  false});
    actions_.add({"picture", "Write a picture of the window", "Window", {"f12"}, [this] { picture_wanted_ = true; }, {}, true});
    actions_.add({"zoom.in", "Everything larger", "Window", {"ctrl+=", "ctrl++"}, [this] { set_zoom(zoom_ + kZoomStep); }, {}, true});
    actions_.add({"zoom.out", "Everything smaller", "Window", {"ctrl+-"}, [this] { set_zoom(zoom_ - kZoomStep); }, {}, true});
    actions_.add({"zoom.none", "Everything as large as the display wants it", "Window", {"ctrl+0"}, [this] { set_zoom(1); }, {}, true});
    actions_.add({"mouse.tracy",
                  "The plain wheel zooms, or scrolls",
                  "Window",
                  {"ctrl+shift+t"},
                  [this] {
                      ws_.tracy_mouse = !ws_.tracy_mouse;
                      say(ws_.tracy_mouse ? "the wheel zooms, with Ctrl it scrolls" : "the wheel scrolls, with Ctrl it zooms", false);
                  },
                  {},
                  true});
    static_cast<HelpView&>(*views_.at("help")).set_actions(&actions_);
    static_cast<SettingsView&>(*views_.at("settings")).set_host({[this](const Theme& theme) { set_theme(theme); },
                                                                 [this] { return zoom_; },
                                                                 [this](float zoom) { set_zoom(zoom); },
                                                                 [this] {
                                                                     arranged_.clear();
                                                                     use_preset(preset_);
                                                                 }});
}

}  // namespace coroscope::views
