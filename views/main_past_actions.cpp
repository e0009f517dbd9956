// Actions of the views that tell of whole stretches of the past, and their keys (main_window.h).
#include <imgui.h>

#include <algorithm>

#include "views/compare_view.h"
#include "views/event_view.h"
#include "views/flame_view.h"
#include "views/histogram_view.h"
#include "views/signal_view.h"
#include "views/main_window.h"

namespace coroscope::views {

void MainWindow::add_past_actions() {
    const auto visible = [this](const char* view) {
        const auto names = panels_.visible();
        return ws_.session != nullptr && std::find(names.begin(), names.end(), view) != names.end();
    };
    const auto add = [&](const char* id, const char* title, const char* group, const char* key, std::function<void()> run,
                         std::function<bool()> possible) {
        // "flame.mode": an action of the view flame.
        const std::string_view named(id);
        actions_.add({id, title, group, {key}, std::move(run), std::move(possible), false, std::string(named.substr(0, named.find('.')))});
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

    auto& signals = static_cast<SignalView&>(*views_.at("signals"));
    add(
        "signals.show", "What came, handlers, latency, threads", "Signals", "alt+g", [&signals] { signals.next_part(); },
        [visible] { return visible("signals"); });
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
    auto& histograms = static_cast<HistogramView&>(*views_.at("histograms"));
    histograms.use_runs(compare.runs());
    add(
        "histograms.kind", "What a switch costs, from wake to run, running, blocked", "Histograms", "shift+w",
        [&histograms] { histograms.next_kind(); }, [visible] { return visible("histograms"); });
    add(
        "histograms.other", "Lay the other run over the histograms, or not", "Histograms", "alt+w",
        [&histograms] { histograms.toggle_other(); },
        [visible, &histograms] { return visible("histograms") && histograms.has_other(); });

    const auto step = [&](const char* id, const char* title, const char* key, FlameStep way) {
        add(
            id, title, "Flame", key, [&flame, way] { flame.step(way); }, sees_flame);
    };
    step("flame.in", "Into the widest callee", "ctrl+shift+down", FlameStep::kIn);
    step("flame.caller", "To the caller", "ctrl+shift+up", FlameStep::kOut);
    step("flame.next", "Next frame beside it", "ctrl+shift+right", FlameStep::kNext);
    step("flame.previous", "Frame beside it before", "ctrl+shift+left", FlameStep::kPrevious);
    add(
        "flame.zoom", "Zoom into the chosen frame", "Flame", "enter", [&flame] { flame.zoom_in(); }, sees_flame);
    add(
        "flame.out", "Zoom out", "Flame", "backspace", [&flame] { flame.zoom_out(); },
        [sees_flame, &flame] { return sees_flame() && flame.zoomed(); });
    add(
        "events.down", "Next event", "Events", "ctrl+shift+down", [this, &events] { events.step(ws_, 1); }, sees_events);
    add(
        "events.up", "Event before", "Events", "ctrl+shift+up", [this, &events] { events.step(ws_, -1); }, sees_events);
    add(
        "events.go", "Go to the time of the chosen event", "Events", "enter", [this, &events] { events.go(ws_); }, sees_events);
}

}  // namespace coroscope::views
