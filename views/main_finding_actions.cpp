// Finding things: the palette and what comes of a choice in it, the one filter, and Escape, which takes back one thing after the other.
#include <imgui.h>

#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_finding_actions() {
    const auto has_session = [this] { return ws_.session != nullptr; };
    actions_.add({"palette", "Find a command", "Window", {"ctrl+shift+p"}, [this] { palette_.toggle(Palette::Mode::kCommands); }, {}, true});
    actions_.add({"find.anything",
                  "Find anything: coroutine, channel, lock, site, view, command, time",
                  "Window",
                  {"ctrl+p"},
                  [this] { palette_.toggle(Palette::Mode::kEverything); },
                  has_session,
                  true});
    actions_.add({"filter.none",
                  "Show all coroutines again",
                  "Selection",
                  {"ctrl+shift+f"},
                  [this] { ws_.filter.clear(); },
                  [this] { return !ws_.filter.empty(); },
                  true});
    actions_.add({"range.none",
                  "Look at the whole time again",
                  "Time",
                  {"ctrl+shift+e"},
                  [this] { ws_.select_range(std::nullopt); },
                  [this] { return ws_.selection().range.has_value(); },
                  true});
}

// What is nearest to the eye first: what lies over the window, then a search, a notice, the maximised panel; then the selection, the range of
// time, the filter.
void MainWindow::escape() {
    if (key_sheet_open_) {
        key_sheet_open_ = false;
    } else if (stepper_.cancel()) {
        return;
    } else if (ImGui::GetIO().WantTextInput) {
        return;  // the field itself takes back what was typed
    } else if (!ws_.notice.empty()) {
        ws_.notice.clear();
    } else if (!panels_.maximised().empty()) {
        panels_.maximise(panels_.maximised());
    } else if (const Selection& now = ws_.selection();
               now.coroutine != 0 || now.slot.has_value() || !now.channel.empty() || now.range.has_value()) {
        ws_.clear_selection();
    } else {
        ws_.filter.clear();
    }
}

void MainWindow::take_choice(const PaletteHit& hit) {
    ws_.frames_wanted = std::max(ws_.frames_wanted, 3);
    switch (hit.kind) {
        case PaletteHit::Kind::kAction:
            actions_.run(hit.id);
            return;
        case PaletteHit::Kind::kCoroutine:
            ws_.select_coroutine(hit.number);
            return;
        case PaletteHit::Kind::kChannel:
            ws_.select_channel(hit.id);
            return;
        case PaletteHit::Kind::kLock:
            show("locks");
            if (hit.number != 0) ws_.select_coroutine(hit.number);
            return;
        case PaletteHit::Kind::kSite:
        case PaletteHit::Kind::kFilter:
            ws_.filter = hit.id;
            return;
        case PaletteHit::Kind::kTime:
            if (ws_.session != nullptr) ws_.session->set_time(static_cast<traces::TimeNs>(hit.number));
            return;
    }
}

}  // namespace coroscope::views
