// Actions of the Sizes view, and their keys (main_window.h); what came of an export, on the bottom line.
#include <algorithm>
#include <utility>

#include "views/coroutine_view.h"
#include "views/main_window.h"
#include "views/size_view.h"

namespace coroscope::views {

void MainWindow::add_size_actions() {
    auto& sizes = static_cast<SizeView&>(*views_.at("sizes"));
    auto& table = static_cast<CoroutineView&>(*views_.at("coroutines"));
    const auto add = [this](const char* id, const char* title, const char* key, std::function<void()> run,
                            std::function<bool()> possible) {
        actions_.add({id, title, "Sizes", {key}, std::move(run), std::move(possible), false, "sizes"});
    };
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto has_choice = [this, &sizes] { return ws_.session != nullptr && sizes.has_choice(); };
    add(
        "sizes.down", "Next spawn site", "ctrl+down", [this, &sizes] { sizes.move(ws_, 1); }, has_session);
    add(
        "sizes.up", "Spawn site before", "ctrl+up", [this, &sizes] { sizes.move(ws_, -1); }, has_session);
    add(
        "sizes.larger", "Wish a larger class for it", "ctrl+right", [&sizes] { sizes.change_class(1); },
        has_choice);
    add(
        "sizes.smaller", "Wish a smaller class for it", "ctrl+left", [&sizes] { sizes.change_class(-1); },
        has_choice);
    add(
        "sizes.undo", "Take the last wish back", "ctrl+u", [&sizes] { sizes.book().undo_wish(); },
        [&sizes] { return sizes.book().can_undo(); });
    add(
        "sizes.coroutines", "List its coroutines", "ctrl+l",
        [this, &sizes, &table] {
            ws_.filter = sizes.chosen();
            show("coroutines");
        },
        has_choice);
    const auto has_frames = [this, &sizes] { return ws_.session != nullptr && sizes.detail().has_frames(); };
    add(
        "sizes.frame_down", "Next call of its proof", "ctrl+shift+down", [this, &sizes] { sizes.detail().move(ws_, 1); }, has_frames);
    add(
        "sizes.frame_up", "Call of its proof before", "ctrl+shift+up", [this, &sizes] { sizes.detail().move(ws_, -1); }, has_frames);
    add(
        "sizes.frame_open", "Open this call in the code view", "enter",
        [&sizes] { sizes.detail().open_chosen(); },
        [this, has_frames] {
            const auto visible = panels_.visible();
            return has_frames() && std::find(visible.begin(), visible.end(), "sizes") != visible.end();
        });
    add(
        "sizes.before", "Compare with another run", "ctrl+b",
        [this, &sizes] {
            show("sizes");
            sizes.ask_before();
        },
        has_session);
    add(
        "sizes.export", "Write the size table, for CPRIME_SIZES", "ctrl+e",
        [this, &sizes] { sizes.book().export_table(ws_); }, has_session);
}

void MainWindow::take_size_answer() {
    auto& sizes = static_cast<SizeView&>(*views_.at("sizes"));
    if (auto opened = sizes.detail().take_opened(); opened.has_value()) {
        ws_.code_place = std::move(opened);
        show("code");
    }
    auto answer = sizes.book().poll();
    if (!answer.has_value()) return;
    hold_sentence_ = answer->is_error ? "" : answer->sentence;
    ws_.notice = answer->is_error ? std::move(answer->sentence) : "";
    ws_.notice_is_error = answer->is_error;
}

}  // namespace coroscope::views
