// Actions on the arrangement of panels (panels.h), so that all that a mouse can do to it keys can do, too.
#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_layout_actions() {
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto add = [&](const char* id, const char* title, const char* key, std::function<void()> run) {
        actions_.add({id, title, "Panels", {key}, std::move(run), has_session, true});
    };
    add("tab.next", "Next tab of the panel in use", "ctrl+tab", [this] { panels_.next_tab(1); });
    add("tab.previous", "Tab before", "ctrl+shift+tab", [this] { panels_.next_tab(-1); });
    add("tab.menu", "All tabs of the panel in use, as a menu", "ctrl+m", [this] { panels_.toggle_menu(); });
    add("tab.close", "Close the view in use; its key brings it back", "ctrl+f4", [this] {
        if (!panels_.close(panels_.in_use())) {
            ws_.notice = "The last view stays; another one is shown by its key (? lists them)";
            ws_.notice_is_error = false;
        }
    });
    add("panel.next", "Next panel", "f6", [this] { panels_.next_panel(1); });
    add("panel.previous", "Panel before", "shift+f6", [this] { panels_.next_panel(-1); });
    const auto split = [this](Side side) {
        const std::string view = panels_.in_use();
        panels_.move(view, view, side);
    };
    add("panel.left", "Put the view in use into a panel of its own, on the left", "ctrl+shift+left", [split] { split(Side::kLeft); });
    add("panel.right", "Put it into a panel of its own, on the right", "ctrl+shift+right", [split] { split(Side::kRight); });
    add("panel.above", "Put it into a panel of its own, above", "ctrl+shift+up", [split] { split(Side::kAbove); });
    add("panel.below", "Put it into a panel of its own, below", "ctrl+shift+down", [split] { split(Side::kBelow); });
    add("panel.join", "Move the view in use among the tabs of the next panel", "ctrl+shift+m", [this] {
        const std::string view = panels_.in_use();
        panels_.next_panel(1);
        if (const std::string target = panels_.in_use(); target != view) panels_.move(view, target, Side::kTabs);
    });
    add("layout.reset", "Arrange the panels as they were made to be", "ctrl+shift+r", [this] {
        arranged_.erase(preset_);
        use_preset(preset_);
    });
}

}  // namespace coroscope::views
