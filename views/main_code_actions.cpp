// Actions of the code view and the stack words view, and their keys (main_window.h).
#include <imgui.h>

#include <algorithm>

#include "views/code_view.h"
#include "views/main_window.h"
#include "views/stack_view.h"
#include "views/words_view.h"

namespace coroscope::views {

CodePanel& MainWindow::code_panel() {
    const auto visible = panels_.visible();
    if (std::find(visible.begin(), visible.end(), "code") != visible.end())
        return static_cast<CodeView&>(*views_.at("code")).panel();
    return static_cast<StackView&>(*views_.at("stack")).code();
}

void MainWindow::add_code_actions() {
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto add = [&](const char* id, const char* title, const char* group, std::vector<std::string> keys,
                         std::function<void()> run, std::function<bool()> possible) {
        actions_.add({id, title, group, std::move(keys), std::move(run), std::move(possible), false});
    };
    add(
        "code.mode", "Source, instructions, or both", "Code", {"i"}, [this] { code_panel().next_mode(); },
        has_session);
    add(
        "code.bytes", "Bytes of the instructions", "Code", {"b"}, [this] { code_panel().toggle_bytes(); },
        has_session);
    add(
        "code.down", "Next instruction", "Code", {"n"}, [this] { code_panel().step(ws_, 1); }, has_session);
    add(
        "code.up", "Instruction before", "Code", {"shift+n"}, [this] { code_panel().step(ws_, -1); },
        has_session);
    add(
        "code.line_down", "Next line that has instructions", "Code", {"s"},
        [this] { code_panel().step_line(ws_, 1); }, has_session);
    add(
        "code.line_up", "Line before that has instructions", "Code", {"shift+s"},
        [this] { code_panel().step_line(ws_, -1); }, has_session);
    add(
        "code.follow", "Follow the call or jump; a second click does, too", "Code", {"t"},
        [this] { code_panel().follow(ws_); },
        [this] { return ws_.session != nullptr && code_panel().can_follow(); });
    add(
        "code.back", "Back from there", "Code", {"backspace"}, [this] { code_panel().go_back(ws_); },
        [this] { return ws_.session != nullptr && code_panel().can_go_back(); });
    add(
        "code.copy", "Copy the code as text", "Code", {"ctrl+shift+y"},
        [this] { ImGui::SetClipboardText(code_panel().as_text().c_str()); }, has_session);
    auto& words = static_cast<WordsView&>(*views_.at("words"));
    add(
        "words.all", "Equal words merged, or all", "Stack words", {"x"}, [&words] { words.toggle_all(); },
        has_session);
    add(
        "words.down", "Next word", "Stack words", {"alt+down"}, [this, &words] { words.step(ws_, 1, false); },
        has_session);
    add(
        "words.up", "Word before", "Stack words", {"alt+up"}, [this, &words] { words.step(ws_, -1, false); },
        has_session);
    add(
        "words.extend_down", "Select the next word, too", "Stack words", {"shift+alt+down"},
        [this, &words] { words.step(ws_, 1, true); }, has_session);
    add(
        "words.extend_up", "Select the word before, too", "Stack words", {"shift+alt+up"},
        [this, &words] { words.step(ws_, -1, true); }, has_session);
    add(
        "words.copy", "Copy the selected words, or all", "Stack words", {"ctrl+shift+w"},
        [this, &words] { ImGui::SetClipboardText(words.as_text(ws_).c_str()); }, has_session);
}

}  // namespace coroscope::views
