// Draws a layout: splits that can be dragged, panels with tabs, one view each.
//
// A tab is clicked (shows), dragged to another panel or to an edge of one (splits it), double-clicked (maximises) or clicked with the middle
// button (closes). Tabs for which there is no room stand in the menu of the "N more" button. Every tab publishes "tab.NAME", every split
// bar "split.N", the button "tabs.more.NAME" (of the view in front), its menu's lines "more.NAME"; a panel "view.NAME".
// A panel can be maximised: then it alone is drawn.
//
// The frame's thread. The tree itself: layout.h; what a drag does to it: layout_edit.h. Tested in tests/unit/app/panels_test.cpp.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "views/layout.h"
#include "views/layout_edit.h"
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
    // Takes a view out of the arrangement; false when it is not there or the last. show() brings it back.
    bool close(const std::string& view);
    // Moves a view to another panel, or to an edge of one; false as move_view().
    bool move(const std::string& view, const std::string& target, Side side, std::size_t position = SIZE_MAX);
    // The panel in use shows its next tab (by 1) or the one before (-1); or the next panel is in use.
    void next_tab(int by);
    void next_panel(int by);
    // Opens the menu of all tabs of the panel in use, or closes it. While it is open, up, down, enter and escape are its own.
    void toggle_menu();
    bool take_menu_key(const std::string& chord);
    // Draws one view alone, or the whole tree again when it is "" or already alone.
    void maximise(const std::string& view);
    const std::string& maximised() const { return maximised_; }
    // The views that can be seen, left to right, top to bottom.
    std::vector<std::string> visible() const;
    // The view that was last clicked into.
    const std::string& focused() const { return focused_; }
    void focus(const std::string& view) { focused_ = view; }
    // The panel in use, by its view in front: the one that was clicked into, as long as it can be seen.
    std::string in_use() const;
    // True once after somebody dragged, closed or split something.
    bool take_rearranged() { return std::exchange(rearranged_, false); }

    // Draws everything into the rectangle (device pixels).
    void draw(Workspace& ws, Rect area);

private:
    struct Place {  // of a panel, this frame
        LayoutNode* leaf;
        Rect area, bar;
        std::vector<float> tab_middles;  // of those that are drawn
        std::vector<std::size_t> tabs;   // which
    };
    struct Drop {
        std::string target;  // "" = nowhere
        Side side = Side::kTabs;
        std::size_t position = SIZE_MAX;
        Rect mark;
    };
    void draw_node(Workspace& ws, LayoutNode& node, Rect area);
    void draw_split(Workspace& ws, LayoutNode& node, Rect area);
    void draw_leaf(Workspace& ws, LayoutNode& node, Rect area);
    void draw_tabs(Workspace& ws, LayoutNode& node, Rect bar);
    float draw_tab(Workspace& ws, LayoutNode& node, std::size_t index, float x, Rect bar);
    void draw_more(Workspace& ws, LayoutNode& node, std::size_t hidden, float x, Rect bar);
    void draw_menu(Workspace& ws, Rect area);
    void draw_drag(Workspace& ws);
    Drop drop_at(Workspace& ws, float x, float y) const;

    std::map<std::string, std::unique_ptr<View>>* views_;
    std::unique_ptr<LayoutNode> root_;
    std::string maximised_, focused_;
    int splits_drawn_ = 0;
    std::vector<Place> places_;
    std::string dragged_, to_close_;
    std::string menu_of_;         // the view in front of the panel whose menu is open; "" = none is
    std::size_t menu_at_ = 0;     // the line that Enter takes
    bool menu_opened_ = false;    // in this frame: the click that did it does not close it
    bool rearranged_ = false;
};

}  // namespace coroscope::views
