// See code_view.h.
#include "views/code_view.h"

#include <nlohmann/json.hpp>

#include "views/selected_frames.h"
#include "views/widgets.h"

namespace coroscope::views {

void CodeView::reset() {
    panel_.reset();
    waiting_ = shown_ = false;
}

void CodeView::draw(Workspace& ws) {
    waiting_ = shown_ = false;
    if (ws.moment == nullptr || ws.selection().coroutine == 0) {
        empty_state(ws, "No coroutine is selected",
                    "Select one in the table or the heatmap: this shows the code of its frames.");
        return;
    }
    const SelectedFrames selected = selected_frames(ws);
    if (selected.coroutine == nullptr || selected.frames.empty()) {
        const bool runs = selected.coroutine != nullptr &&
                          selected.coroutine->state == wire::CoroutineState::kRunning;
        empty_state(ws, runs ? "It is running" : "No stack to show",
                    runs ? "Where it stands is known when it parks."
                         : "The coroutine is not alive at this time, or its stack was not captured yet.");
        return;
    }
    shown_ = true;
    waiting_ = !selected.named;
    panel_.draw(ws, selected.frames[selected.chosen],
                code_context(ws, *selected.coroutine, selected.frames, selected.chosen));
}

nlohmann::json CodeView::dump(Workspace& ws) {
    return shown_ ? panel_.dump(ws) : nlohmann::json();
}

}  // namespace coroscope::views
