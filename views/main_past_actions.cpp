// Actions of the views that tell of whole stretches of the past, and their keys (main_window.h). Keys that mean something else elsewhere are theirs
// only while their view is the one in use.
#include <imgui.h>

#include <algorithm>

#include "views/compare_view.h"
#include "views/event_view.h"
#include "views/flame_view.h"
#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_past_actions() {
    const auto visible = [this](const char* view) {
        const auto names = panels_.visible();
        return ws_.session != nullptr && std::find(names.begin(), names.end(), view) != names.end();
    };
    const auto add = [&](const char* id, const char* title, const char* group, const char* key, std::function<void()> run,
                         std::function<bool()> possible) {
        actions_.add({id, title, group, {key}, std::move(run), std::move(possible), false});
    };
    auto& events = static_cast<EventView&>(*views_.at("events"));
    auto& flame = static_cast<FlameView&>(*views_.at("flame"));
    const auto sees_events = [visible] { return visible("events"); };
    const auto sees_flame = [visible] { return visible("flame"); };
    add(
        "events.of", "All events, or those of the selection", "Events", "shift+v", [&events] { events.toggle_mine(); },
        sees_events);
    add(
        "flame.mode", "On CPU, off CPU, parked, stack memory", "Flame", "shift+y", [&flame] { flame.next_mode(); }, sees_flame);
    add(
        "flame.of", "Of all, of the selected coroutine, of its site", "Flame", "alt+y", [&flame] { flame.next_whom(); },
        sees_flame);
    add(
        "flame.search", "Find a function or file in the flame graph", "Flame", "ctrl+y", [&flame] { flame.focus_search(); },
        sees_flame);
    add(
        "flame.copy", "Copy the flame graph as folded text", "Flame", "ctrl+shift+y",
        [&flame] { ImGui::SetClipboardText(flame.folded().c_str()); }, sees_flame);
    add(
        "flame.update", "Ask the flame graph anew", "Flame", "ctrl+alt+y", [&flame] { flame.update(); }, sees_flame);

    auto& compare = static_cast<CompareView&>(*views_.at("compare"));
    add(
        "compare.part", "Distributions, sites, totals", "Compare", "alt+c", [&compare] { compare.next_part(); },
        [visible] { return visible("compare"); });
    add(
        "compare.with", "Compare with another run", "Compare", "ctrl+alt+c",
        [this, &compare] {
            show("compare");
            compare.focus_path();
        },
        [this] { return ws_.session != nullptr; });

    // One set of keys for both, by which of them is in use; where neither is, for the one that is seen.
    const auto in_flame = [this, visible] { return visible("flame") && (panels_.focused() == "flame" || !visible("events")); };
    const auto sees_either = [visible] { return visible("flame") || visible("events"); };
    const auto step = [&](const char* id, const char* title, const char* key, FlameStep frame, int row) {
        add(
            id, title, "Flame", key,
            [this, &events, &flame, in_flame, frame, row] {
                if (in_flame()) {
                    flame.step(frame);
                } else if (row != 0) {
                    events.step(ws_, row);
                }
            },
            sees_either);
    };
    step("past.down", "Into the widest callee; next event", "ctrl+shift+down", FlameStep::kIn, 1);
    step("past.up", "To the caller; event before", "ctrl+shift+up", FlameStep::kOut, -1);
    step("past.right", "Next frame beside it", "ctrl+shift+right", FlameStep::kNext, 0);
    step("past.left", "Frame beside it before", "ctrl+shift+left", FlameStep::kPrevious, 0);
    add(
        "past.go", "Zoom into the chosen frame; go to the time of the chosen event", "Flame", "enter",
        [this, &events, &flame, in_flame] {
            if (in_flame()) {
                flame.zoom_in();
            } else {
                events.go(ws_);
            }
        },
        sees_either);
}

// Backspace is the code's, and the flame graph's while that is in use.
bool MainWindow::can_zoom_flame_out() {
    return panels_.focused() == "flame" && static_cast<FlameView&>(*views_.at("flame")).zoomed();
}

// False when it is not the flame graph's.
bool MainWindow::zoom_flame_out() {
    if (!can_zoom_flame_out()) return false;
    static_cast<FlameView&>(*views_.at("flame")).zoom_out();
    return true;
}

}  // namespace coroscope::views
