// Draws a layout: splits that can be dragged, leaves with tabs, one view each.
//
// Every tab publishes "tab.NAME", every splitter "split.N". A leaf can be maximised: then it alone is drawn.
//
// The frame's thread. The tree itself: layout.h.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "views/layout.h"
#include "views/view.h"

namespace coroscope::views {

class Panels {
public:
    explicit Panels(std::map<std::string, std::unique_ptr<View>>* views) : views_(views) {}

    // Replaces the tree; views that the window does not have are left out.
    void set(std::unique_ptr<LayoutNode> root);
    bool has() const { return root_ != nullptr; }
    std::string layout_text() const { return root_ != nullptr ? to_text(*root_) : std::string(); }
    // Brings a view to the front, into the tree first if that does not hold it; false when there is no such view.
    bool show(const std::string& view);
    // Draws one view alone, or the whole tree again when it is "" or already alone.
    void maximise(const std::string& view);
    const std::string& maximised() const { return maximised_; }
    // The views that can be seen, left to right, top to bottom.
    std::vector<std::string> visible() const;
    // The view that was last clicked into.
    const std::string& focused() const { return focused_; }
    void focus(const std::string& view) { focused_ = view; }

    // Draws everything into the rectangle (device pixels).
    void draw(Workspace& ws, Rect area);

private:
    void draw_node(Workspace& ws, LayoutNode& node, Rect area);
    void draw_split(Workspace& ws, LayoutNode& node, Rect area);
    void draw_leaf(Workspace& ws, LayoutNode& node, Rect area);
    void draw_tabs(Workspace& ws, LayoutNode& node, Rect bar);

    std::map<std::string, std::unique_ptr<View>>* views_;
    std::unique_ptr<LayoutNode> root_;
    std::string maximised_, focused_;
    int splits_drawn_ = 0;
};

}  // namespace coroscope::views
