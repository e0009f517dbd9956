// Actions of the timeline and their keys (main_window.h).
#include <algorithm>

#include "views/main_window.h"
#include "views/timeline_view.h"

namespace coroscope::views {

void MainWindow::add_timeline_actions() {
    auto& timeline = static_cast<TimelineView&>(*views_.at("timeline"));
    const auto add = [&](const char* id, const char* title, std::vector<std::string> keys, std::function<void()> run) {
        const auto in_hand = [this, &timeline] {
            const auto visible = panels_.visible();
            return ws_.session != nullptr && std::find(visible.begin(), visible.end(), "timeline") != visible.end() &&
                   timeline.in_hand(panels_.focused() == "timeline");
        };
        actions_.add({id, title, "Timeline", std::move(keys), std::move(run), in_hand, false, "timeline"});
    };
    constexpr double kCloser = 0.6, kPan = 0.2;
    add("timeline.in", "Closer", {"w"}, [this, &timeline] { timeline.zoom(ws_, kCloser); });
    add("timeline.out", "Further away", {"s"}, [this, &timeline] { timeline.zoom(ws_, 1 / kCloser); });
    add("timeline.left", "Earlier", {"a"}, [&timeline] { timeline.pan(-kPan); });
    add("timeline.right", "Later", {"d"}, [&timeline] { timeline.pan(kPan); });
    add("timeline.fit", "All of it", {"f"}, [&timeline] { timeline.fit(); });
    add("timeline.selection", "To the selected range, or the selected coroutine", {"shift+f"},
        [this, &timeline] { timeline.show_selection(ws_); });
    add("timeline.pin", "Pin the coroutine under the mouse, or the selected one; again: let it go", {"shift+p"},
        [this, &timeline] { timeline.pin(ws_); });
}

}  // namespace coroscope::views
