// Saving what a live session keeps of the past (past_saver.h): the key, and the answer on the bottom line.
#include <utility>

#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_save_action() {
    actions_.add({"session.save",
                  "Save what is kept of the past to a trace file",
                  "Program",
                  {"ctrl+s"},
                  [this] { saver_.save(ws_); },
                  [this] { return ws_.session != nullptr; },
                  true});
}

void MainWindow::take_saved() {
    std::optional<PastSaver::Answer> answer = saver_.poll(ws_);
    if (!answer.has_value()) return;
    // What was noted of it lies beside it from now on.
    if (!answer->is_error && !ws_.notes.all().empty()) {
        if (const auto moved = ws_.notes.move_to(answer->path); !moved.ok()) *answer = {moved.error().message, true, ""};
    }
    hold_sentence_ = answer->is_error ? "" : answer->sentence;
    ws_.notice = answer->is_error ? std::move(answer->sentence) : "";
    ws_.notice_is_error = answer->is_error;
}

}  // namespace coroscope::views
