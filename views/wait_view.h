// The wait graph: who waits for what, and who could end it.
//
// Solid lines wait for, dashed ones could wake; a cycle is red and its sentence stands beside the graph. Drag pans, the middle button zooms to a
// frame, Ctrl+wheel (as in Tracy: the plain wheel) zooms at the mouse, F fits. Publishes "waits.node.N", "waits.could_wake", "waits.fit" and
// "waits.cycle.N".
//
// The frame's thread; collapsing and layout run off it. Row model: wait_model.h; positions: layered_layout.h.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "views/layered_layout.h"
#include "views/view.h"
#include "views/wait_model.h"

namespace coroscope::views {

class WaitView : public View {
public:
    const char* name() const override { return "waits"; }
    const char* title() const override { return "Wait graph"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return drawn_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // Shows the whole graph.
    void fit() { fitted_ = true; }

private:
    struct Placed {  // a graph with the positions of its nodes, at scale 1
        WaitGraph graph;
        LayoutOutput layout;
        std::vector<LayoutInput::Size> sizes;
    };
    using Key = std::pair<std::shared_ptr<const traces::Waits>, WaitQuery>;

    void draw_head(Workspace& ws, const Placed& placed);
    void draw_cycles(Workspace& ws, const Placed& placed);
    void draw_canvas(Workspace& ws, const Placed& placed);
    void move_canvas(const ImVec2& at, const ImVec2& room, const Placed& placed, const Workspace& ws);
    void draw_link(Workspace& ws, const Placed& placed, std::size_t index, ImVec2 origin, bool dimmed);
    void draw_node(Workspace& ws, const Placed& placed, std::size_t index, ImVec2 origin, bool dimmed);

    Computed<Key, Placed> drawn_;
    bool could_wake_ = true;
    bool fitted_ = true;
    float zoom_ = 1;
    ImVec2 pan_ = {0, 0};  // device pixels from the canvas's left top to the graph's
    std::ptrdiff_t hovered_ = -1;
    std::optional<Rect> zoom_to_;  // being drawn with the middle button
};

}  // namespace coroscope::views
