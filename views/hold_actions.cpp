// Taking hold of the program: pause, resume, step, the hard stop, a look at who runs; and what came of it as the window says it.
#include <algorithm>

#include "views/main_window.h"

namespace coroscope::views {

using What = traces::HoldWish::What;

bool MainWindow::can_hold() const {
    return ws_.session != nullptr && ws_.moment != nullptr && ws_.info.status == traces::TargetStatus::kRunning &&
           ws_.session->hold_state().available;
}

bool MainWindow::is_paused() const {
    return ws_.moment != nullptr && ws_.info.kind == traces::SessionKind::kLive &&
           ws_.moment->state.pause.everything;
}

void MainWindow::next_listening() {
    using traces::Listening;
    const Listening next = ws_.info.wish == Listening::kAffordable ? Listening::kAlways
                           : ws_.info.wish == Listening::kAlways   ? Listening::kNever
                                                                   : Listening::kAffordable;
    ws_.session->set_listening(next);
}

void MainWindow::add_hold_actions() {
    const auto ask = [this](What what, bool selected) {
        traces::HoldWish wish;
        wish.what = what;
        if (selected) wish.coroutines.push_back(ws_.selection().coroutine);
        ws_.session->hold(std::move(wish));
    };
    const auto can = [this] { return can_hold(); };
    const auto can_selected = [this] { return can_hold() && ws_.selected() != nullptr; };
    const auto selected_is = [this](wire::CoroutineState state) {
        return can_hold() && ws_.selected() != nullptr && ws_.selected()->state == state;
    };
    actions_.add({"hold.pause",
                  "Pause the program, or let it go on",
                  "Hold",
                  {"f9"},
                  [this, ask] {
                      const bool held = is_paused() || ws_.moment->state.pause.chosen != 0 ||
                                        ws_.session->hold_state().stopped_thread != 0;
                      ask(held ? What::kResume : What::kPause, false);
                  },
                  can,
                  true});
    actions_.add({"hold.step",
                  "Step: one scheduling decision",
                  "Hold",
                  {"f10"},
                  [ask] { ask(What::kStep, false); },
                  [this] { return can_hold() && is_paused(); },
                  true});
    actions_.add({"hold.step-selected",
                  "Step the selected coroutine to its next scheduling point",
                  "Hold",
                  {"f11"},
                  [ask] { ask(What::kStep, true); },
                  [this, can_selected, selected_is] {
                      return can_selected() && (is_paused() || selected_is(wire::CoroutineState::kPaused));
                  },
                  true});
    actions_.add({"hold.keep",
                  "Keep the selected coroutine from running, or let it go",
                  "Hold",
                  {"shift+f9"},
                  [ask, selected_is] {
                      ask(selected_is(wire::CoroutineState::kPaused) ? What::kResume : What::kPause, true);
                  },
                  can_selected,
                  true});
    actions_.add({"hold.running",
                  "Look at the coroutines that run (their workers stand still for a moment)",
                  "Hold",
                  {"l"},
                  [ask] { ask(What::kLookAtRunning, false); },
                  can,
                  false});
    actions_.add({"hold.stop",
                  "Stop the thread that runs the selected coroutine, hard",
                  "Hold",
                  {"ctrl+f9"},
                  [ask] { ask(What::kStopThread, true); },
                  [selected_is] { return selected_is(wire::CoroutineState::kRunning); },
                  true});
}

// Once for each wish: whoever was stepped is selected; what went well is said on the bottom line, what did not in a notice.
void MainWindow::take_hold_state() {
    if (ws_.session == nullptr) return;
    const traces::HoldState state = ws_.session->hold_state();
    if (state.said == hold_said_) return;
    const bool stepped = state.steps != hold_steps_ && hold_said_ < state.said;
    hold_said_ = state.said;
    hold_steps_ = state.steps;
    if (stepped && state.stepped != 0) ws_.select_coroutine(state.stepped);
    hold_sentence_ = state.is_error ? "" : state.sentence;
    ws_.notice = state.is_error ? state.sentence : "";
    ws_.notice_is_error = state.is_error;
}

}  // namespace coroscope::views
