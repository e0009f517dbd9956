// Actions of the Lints view, and their keys (main_window.h).
#include <utility>

#include "views/lint_view.h"
#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_lint_actions() {
    auto& lints = static_cast<LintView&>(*views_.at("lints"));
    const auto add = [this](const char* id, const char* title, const char* key, std::function<void()> run,
                            std::function<bool()> possible) {
        actions_.add({id, title, "Lints", {key}, std::move(run), std::move(possible), false});
    };
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto has_choice = [this, &lints] { return ws_.session != nullptr && lints.has_choice(); };
    add(
        "lints.next", "Next finding", "alt+j", [this, &lints] { lints.move(ws_, 1); }, has_session);
    add(
        "lints.previous", "Finding before", "alt+k", [this, &lints] { lints.move(ws_, -1); }, has_session);
    add(
        "lints.follow", "Go to what it points at, one after the other", "alt+enter",
        [this, &lints] { lints.follow_next(ws_); }, has_choice);
    add(
        "lints.mute", "Mute the finding, or show it again", "alt+m",
        [this, &lints] { lints.mute(ws_, false); }, has_choice);
    add(
        "lints.mute-rule", "Mute all findings of its rule", "shift+alt+m",
        [this, &lints] { lints.mute(ws_, true); }, has_choice);
}

}  // namespace coroscope::views
