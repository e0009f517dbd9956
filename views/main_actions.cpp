// Every action of the window and its keys (main_window.h). The key sheet is this table.
#include <algorithm>
#include <csignal>

#include "views/all_views.h"
#include "views/coroutine_view.h"
#include "views/histogram_view.h"
#include "views/main_window.h"
#include "views/pool_view.h"
#include "views/stack_view.h"
#include "views/timeline_view.h"
#include "views/wait_view.h"

namespace coroscope::views {

bool MainWindow::press(const std::string& chord) {
    ws_.frames_wanted = std::max(ws_.frames_wanted, 3);
    if (palette_.press(chord)) return true;
    if (!palette_.is_open() && !ImGui::GetIO().WantTextInput && panels_.take_menu_key(chord)) return true;
    // Where the mouse is over the timeline, zooming and going along it need no click.
    const auto& timeline = static_cast<const TimelineView&>(*views_.at("timeline"));
    const auto visible = panels_.visible();
    const bool on_timeline = std::find(visible.begin(), visible.end(), "timeline") != visible.end() && timeline.in_hand(false);
    return actions_.press(chord, ImGui::GetIO().WantTextInput || palette_.is_open() || key_sheet_open_,
                          on_timeline ? "timeline" : std::string_view(panels_.focused()));
}

void MainWindow::add_actions() {
    const auto has_session = [this] { return ws_.session != nullptr; };
    const auto request = [this](RequestKind kind, int signal = 0) {
        Request made;
        made.kind = kind;
        made.signal = signal;
        ws_.requests.push_back(std::move(made));
    };
    add_view_actions();
    add_finding_actions();
    add_mark_actions();
    add_window_actions();
    actions_.add({"select.back",
                  "Back to the selection before",
                  "Selection",
                  {"ctrl+z", "alt+left"},
                  [this] { ws_.go_back(); },
                  [this] { return ws_.can_go_back(); },
                  false});
    actions_.add({"select.forward",
                  "Forward again",
                  "Selection",
                  {"ctrl+shift+z", "alt+right"},
                  [this] { ws_.go_forward(); },
                  [this] { return ws_.can_go_forward(); },
                  false});
    actions_.add({"select.none",
                  "Clear selection, close what is open",
                  "Selection",
                  {"escape"},
                  [this] { escape(); },
                  {},
                  true});
    add_relation_actions();
    add_hold_actions();
    actions_.add({"copy",
                  "Copy what is hovered, or the selected stack",
                  "Selection",
                  {"ctrl+c"},
                  [this] { ImGui::SetClipboardText(copyable().c_str()); },
                  {},
                  false});
    add_step_actions();
    add_save_action();
    actions_.add({"time.end",
                  "Follow the end",
                  "Time",
                  {"end"},
                  [this] { ws_.session->set_time(std::nullopt); },
                  has_session,
                  false});
    actions_.add({"events",
                  "Listen to events: while they are cheap, always, never",
                  "Program",
                  {"e"},
                  [this] { next_listening(); },
                  [this] {
                      return ws_.session != nullptr && ws_.info.kind == traces::SessionKind::kLive && !ws_.info.recording;
                  },
                  false});
    actions_.add({"program.restart",
                  "Restart the launched program",
                  "Program",
                  {"ctrl+r"},
                  [request] { request(RequestKind::kRestart); },
                  [this] { return ws_.program.present; },
                  true});
    actions_.add({"program.kill",
                  "Kill the launched program",
                  "Program",
                  {"ctrl+k"},
                  [request] { request(RequestKind::kKill, SIGKILL); },
                  [this] { return ws_.program.running; },
                  true});
    actions_.add({"program.interrupt",
                  "Send it SIGINT",
                  "Program",
                  {"ctrl+shift+k"},
                  [request] { request(RequestKind::kKill, SIGINT); },
                  [this] { return ws_.program.running; },
                  true});
    actions_.add({"session.close",
                  "Close the session, back to the start page",
                  "Window",
                  {"ctrl+w"},
                  [request] { request(RequestKind::kCloseSession); },
                  [this] { return ws_.session != nullptr || ws_.program.present; },
                  true});
    actions_.add({"theme",
                  "Next theme",
                  "Window",
                  {"ctrl+t"},
                  [this] {
                      const auto& themes = all_themes();
                      const auto at = std::find(themes.begin(), themes.end(), ws_.theme) - themes.begin();
                      set_theme(*themes[(static_cast<std::size_t>(at) + 1) % themes.size()]);
                  },
                  {},
                  true});
    actions_.add({"keys",
                  "Keys and actions",
                  "Window",
                  {"?"},
                  [this] {
                      key_sheet_open_ = !key_sheet_open_;
                      key_sheet_focus_ = key_sheet_open_;
                      key_sheet_filter_.clear();
                  },
                  {},
                  false});
    actions_.add({"quit", "Quit", "Window", {"ctrl+q"}, [request] { request(RequestKind::kQuit); }, {}, true});
}

// From the selected coroutine to those it has to do with.
void MainWindow::add_relation_actions() {
    const auto add = [this](const char* id, const char* title, const char* key,
                            std::uint64_t inspect::CoroutineImage::*identity) {
        actions_.add({id,
                      title,
                      "Selection",
                      {key},
                      [this, identity] { ws_.select_coroutine(ws_.selected()->*identity); },
                      [this, identity] { return ws_.selected() != nullptr && ws_.selected()->*identity != 0; },
                      false});
    };
    add("select.waker", "Go to who woke it last", "u", &inspect::CoroutineImage::woken_by);
    add("select.spawner", "Go to who spawned it", "p", &inspect::CoroutineImage::spawner);
    actions_.add({"select.awaited",
                  "Go to what it waits for; again: the next arm of a select",
                  "Selection",
                  {"o"},
                  [this] { ws_.select_awaited(); },
                  [this] { return ws_.selected() != nullptr || !ws_.selection().channel.empty(); },
                  false});
}

void MainWindow::add_view_actions() {
    const auto has_session = [this] { return ws_.session != nullptr; };
    for (const Preset& preset : presets()) {
        actions_.add({std::string("preset.") + preset.name,
                      std::string("Arrange: ") + preset.title,
                      "Views",
                      {preset.key},
                      [this, name = std::string(preset.name)] { use_preset(name); },
                      has_session,
                      true});
    }
    add_layout_actions();
    for (const auto& [name, key, make] : all_views()) {
        actions_.add({std::string("view.") + name,
                      std::string("Show: ") + views_.at(name)->title(),
                      "Views",
                      {key},
                      [this, view = std::string(name)] { show(view); },
                      has_session,
                      false});
    }
    actions_.add({"view.maximise",
                  "Maximise the panel in use, and back",
                  "Views",
                  {"m"},
                  [this] { panels_.maximise(panels_.in_use()); },
                  has_session,
                  false});
    add_timeline_actions();
    auto& table = static_cast<CoroutineView&>(*views_.at("coroutines"));
    auto& pools = static_cast<PoolView&>(*views_.at("pools"));
    auto& stack = static_cast<StackView&>(*views_.at("stack"));
    auto& waits = static_cast<WaitView&>(*views_.at("waits"));
    auto& histograms = static_cast<HistogramView&>(*views_.at("histograms"));
    actions_.add({"find",
                  "Filter the coroutines",
                  "Coroutines",
                  {"/", "ctrl+f"},
                  [this, &table] {
                      show("coroutines");
                      table.focus_filter();
                  },
                  has_session,
                  false});
    actions_.add({"table.down",
                  "Next coroutine",
                  "Coroutines",
                  {"j", "down"},
                  [this, &table] { table.move(ws_, 1); },
                  has_session,
                  false});
    actions_.add({"table.up",
                  "Coroutine before",
                  "Coroutines",
                  {"k", "up"},
                  [this, &table] { table.move(ws_, -1); },
                  has_session,
                  false});
    actions_.add({"frame.down",
                  "Next frame of its stack",
                  "Stack",
                  {"shift+j", "shift+down"},
                  [this, &stack] { stack.move(ws_, 1); },
                  has_session,
                  false});
    actions_.add({"frame.up",
                  "Frame before",
                  "Stack",
                  {"shift+k", "shift+up"},
                  [this, &stack] { stack.move(ws_, -1); },
                  has_session,
                  false});
    actions_.add({"stack.merged",
                  "One stack or all, merged",
                  "Stack",
                  {"g"},
                  [&stack] { stack.toggle_merged(); },
                  has_session,
                  false});
    add_past_actions();
    add_code_actions();
    add_size_actions();
    add_lint_actions();
    actions_.add(
        {"pools.larger", "Larger cells", "Pools", {"+"}, [&pools] { pools.zoom(1); }, has_session, false});
    actions_.add(
        {"pools.smaller", "Smaller cells", "Pools", {"-"}, [&pools] { pools.zoom(-1); }, has_session, false});
    actions_.add({"pools.mode", "Colours: state, age, high water, site, worker, growth", "Pools", {"alt+p"}, [&pools] { pools.next_mode(); },
                  has_session, false, "pools"});
    actions_.add({"pools.ranked", "Colours by place among all, or by size", "Pools", {"ctrl+alt+p"}, [&pools] { pools.toggle_ranked(); },
                  [this, &pools] { return ws_.session != nullptr && pools.can_be_ranked(); }, false, "pools"});
    actions_.add({"pools.band", "List the owners of a pool's slots, or no more", "Pools", {"alt+b"},
                  [this, &pools] { pools.toggle_band(ws_); }, has_session, false, "pools"});
    actions_.add({"fit",
                  "Fit pools and graph",
                  "Pools",
                  {"f"},
                  [&pools, &waits] {
                      pools.set_level(std::nullopt);
                      waits.fit();
                  },
                  has_session,
                  false});
    actions_.add({"slot.left",
                  "Slot before",
                  "Pools",
                  {"left"},
                  [this, &pools] { pools.step(ws_, -1); },
                  has_session,
                  false});
    actions_.add({"slot.right",
                  "Next slot",
                  "Pools",
                  {"right"},
                  [this, &pools] { pools.step(ws_, 1); },
                  has_session,
                  false});
    actions_.add({"histograms.next",
                  "Next worker's histogram",
                  "Histograms",
                  {"w"},
                  [&histograms] { histograms.next(); },
                  has_session,
                  false});
}

}  // namespace coroscope::views
