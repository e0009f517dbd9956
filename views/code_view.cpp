// See code_view.h.
#include "views/code_view.h"

#include <nlohmann/json.hpp>

#include "views/selected_frames.h"
#include "views/widgets.h"

namespace coroscope::views {

void CodeView::reset() {
    panel_.reset();
    files_.reset();
    waiting_ = shown_ = false;
}

void CodeView::draw(Workspace& ws) {
    waiting_ = shown_ = false;
    if (ws.code_place.has_value()) {
        draw_place(ws, BinaryPlace(*ws.code_place));
        return;
    }
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

void CodeView::draw_place(Workspace& ws, const BinaryPlace& place) {
    std::string problem;
    const std::shared_ptr<traces::NameService> file = files_.of(ws, place, &problem);
    if (!problem.empty()) {
        empty_state(ws, "This code cannot be shown", problem.c_str());
        return;
    }
    const std::vector<inspect::Frame>* frames = file != nullptr ? file->frames({place.address + 1}) : nullptr;
    waiting_ = frames == nullptr;
    if (frames == nullptr || frames->empty()) return;
    CodeContext context;
    context.file = frames->front().file;
    context.function = frames->back().function;
    context.marked = place.address;
    context.mark = place.mark;
    shown_ = true;
    panel_.draw(ws, {ws.session, file}, frames->front(), context);
}

nlohmann::json CodeView::dump(Workspace& ws) {
    nlohmann::json out = shown_ ? panel_.dump(ws) : nlohmann::json();
    if (ws.code_place.has_value() && out.is_object())
        out["place"] = {{"binary", ws.code_place->binary}, {"address", ws.code_place->address}, {"function", ws.code_place->function}};
    return out;
}

}  // namespace coroscope::views
