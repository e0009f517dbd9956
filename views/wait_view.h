// The wait graph: who waits for what, and who could end it.
//
// Solid lines wait for, dashed ones could wake; a cycle is red and its sentence stands beside the graph. Drag pans, the middle button zooms to a
// frame, Ctrl+wheel (as in Tracy: the plain wheel) zooms at the mouse, F fits. Further out nodes have no second line, then no words: they are
// areas of their state's colour, and what the mouse is over says who it is. Publishes "waits.node.N" (of those on the screen),
// "waits.could_wake", "waits.fit" and "waits.cycle.N".
//
// The frame's thread; collapsing and layout run off it, once a look. Row model: wait_model.h; positions: wait_layout.h; drawing of lines and
// nodes: wait_drawing.cpp.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "views/view.h"
#include "views/wait_layout.h"

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
    using Key = std::pair<std::shared_ptr<const traces::Waits>, WaitQuery>;

    void draw_head(Workspace& ws, const WaitPicture& picture);
    void draw_cycles(Workspace& ws, const WaitPicture& picture);
    void draw_canvas(Workspace& ws, const WaitPicture& picture);
    void move_canvas(const ImVec2& at, const ImVec2& room, const WaitPicture& picture, const Workspace& ws);
    // Lines and nodes (wait_drawing.cpp).
    void draw_graph(Workspace& ws, const WaitPicture& picture);
    void hover(Workspace& ws, const WaitPicture& picture, bool clicked);
    void draw_blocks(Workspace& ws, const WaitPicture& picture);
    void draw_stroke(Workspace& ws, const WaitPicture& picture, const WaitStroke& stroke, bool dimmed);
    void draw_node(Workspace& ws, const WaitPicture& picture, std::size_t index, bool dimmed);
    void write_node(Workspace& ws, const WaitNode& node, Rect at, bool dimmed);
    // Where a box lies on the screen, and whether any of it is seen.
    Rect on_screen(const Workspace& ws, const WaitBox& box) const;
    bool is_seen(const Rect& rect) const;

    Computed<Key, WaitPicture> drawn_;
    bool could_wake_ = true;
    bool fitted_ = true;
    float zoom_ = 1;
    ImVec2 pan_ = {0, 0};  // device pixels from the canvas's left top to the graph's
    std::ptrdiff_t hovered_ = -1;
    Rect canvas_;            // of this frame, on the screen
    ImVec2 origin_ = {0, 0}; // of the graph, on the screen
    std::optional<Rect> zoom_to_;  // being drawn with the middle button
};

}  // namespace coroscope::views
