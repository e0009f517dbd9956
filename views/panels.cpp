// See panels.h. Its tab strips are in panel_tabs.cpp.
#include "views/panels.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kGapUnits = 4;
constexpr float kTabBarUnits = 32;
constexpr float kLeafUnitsMin = 96;

// Takes names out of a tree that `known` does not contain; nullptr when nothing is left.
std::unique_ptr<LayoutNode> keep_known(std::unique_ptr<LayoutNode> node,
                                       const std::map<std::string, std::unique_ptr<View>>& known) {
    if (node->kind == LayoutNode::Kind::kTabs) {
        std::erase_if(node->tabs, [&](const std::string& name) { return known.find(name) == known.end(); });
        if (node->tabs.empty()) return nullptr;
        node->front = std::min(node->front, node->tabs.size() - 1);
        return node;
    }
    node->first = keep_known(std::move(node->first), known);
    node->second = keep_known(std::move(node->second), known);
    if (node->first == nullptr) return std::move(node->second);
    if (node->second == nullptr) return std::move(node->first);
    return node;
}

}  // namespace

void Panels::set(std::unique_ptr<LayoutNode> root) {
    if (root != nullptr) root = keep_known(std::move(root), *views_);
    if (root == nullptr) return;
    root_ = std::move(root);
    maximised_.clear();
    menu_of_.clear();
    dragged_.clear();
}

bool Panels::show(const std::string& view) {
    if (root_ == nullptr) return false;
    LayoutNode* leaf = find_leaf(*root_, view);
    if (leaf == nullptr) {  // the layout is of before this view: it joins those in use
        if (views_->find(view) == views_->end()) return false;
        leaf = find_leaf(*root_, focused_.empty() ? visible_views(*root_).back() : focused_);
        if (leaf == nullptr) leaf = find_leaf(*root_, visible_views(*root_).back());
        leaf->tabs.push_back(view);
    }
    leaf->front = static_cast<std::size_t>(std::find(leaf->tabs.begin(), leaf->tabs.end(), view) -
                                           leaf->tabs.begin());
    if (!maximised_.empty()) maximised_ = view;
    focused_ = view;
    return true;
}

bool Panels::close(const std::string& view) {
    if (root_ == nullptr || !close_view(root_, view)) return false;
    if (maximised_ == view) maximised_.clear();
    if (focused_ == view) focused_.clear();
    menu_of_.clear();
    return rearranged_ = true;
}

bool Panels::move(const std::string& view, const std::string& target, Side side, std::size_t position) {
    if (root_ == nullptr || views_->find(view) == views_->end() || !move_view(root_, view, target, side, position)) return false;
    focused_ = view;
    menu_of_.clear();
    return rearranged_ = true;
}

std::string Panels::in_use() const {
    const std::vector<std::string> seen = visible();
    if (seen.empty()) return {};
    return std::find(seen.begin(), seen.end(), focused_) != seen.end() ? focused_ : seen.front();
}

void Panels::next_tab(int by) {
    const std::string view = in_use();
    LayoutNode* leaf = view.empty() ? nullptr : find_leaf(*root_, view);
    if (leaf == nullptr) return;
    const std::size_t count = leaf->tabs.size();
    show(leaf->tabs[(leaf->front + (by > 0 ? 1 : count - 1)) % count]);
}

void Panels::next_panel(int by) {
    const std::vector<std::string> seen = visible();
    if (seen.empty()) return;
    const auto at = static_cast<std::size_t>(std::find(seen.begin(), seen.end(), in_use()) - seen.begin());
    focused_ = seen[(at + (by > 0 ? 1 : seen.size() - 1)) % seen.size()];
}

void Panels::maximise(const std::string& view) {
    maximised_ = maximised_ == view ? "" : view;
}

std::vector<std::string> Panels::visible() const {
    if (!maximised_.empty()) return {maximised_};
    return root_ != nullptr ? visible_views(*root_) : std::vector<std::string>{};
}

void Panels::draw(Workspace& ws, Rect area) {
    if (root_ == nullptr) return;
    splits_drawn_ = 0;
    places_.clear();
    LayoutNode* alone = maximised_.empty() ? nullptr : find_leaf(*root_, maximised_);
    draw_node(ws, alone != nullptr ? *alone : *root_, area);
    draw_menu(ws, area);
    draw_drag(ws);
    if (!to_close_.empty()) close(std::exchange(to_close_, {}));
}

void Panels::draw_node(Workspace& ws, LayoutNode& node, Rect area) {
    if (node.kind == LayoutNode::Kind::kTabs) {
        draw_leaf(ws, node, area);
    } else {
        draw_split(ws, node, area);
    }
}

void Panels::draw_split(Workspace& ws, LayoutNode& node, Rect area) {
    const bool beside = node.kind == LayoutNode::Kind::kBeside;
    const float gap = ws.px(kGapUnits);
    const float length = (beside ? area.x1 - area.x0 : area.y1 - area.y0) - gap;
    const float least = std::min(ws.px(kLeafUnitsMin), length / 2);
    const float first = std::floor(std::clamp(length * node.share, least, length - least));
    Rect a = area, b = area, bar = area;
    if (beside) {
        a.x1 = bar.x0 = area.x0 + first;
        b.x0 = bar.x1 = a.x1 + gap;
    } else {
        a.y1 = bar.y0 = area.y0 + first;
        b.y0 = bar.y1 = a.y1 + gap;
    }
    const std::string id = fmt::format("split.{}", splits_drawn_++);
    ImGui::SetCursorScreenPos({bar.x0, bar.y0});
    ImGui::InvisibleButton(id.c_str(), {std::max(1.0F, bar.x1 - bar.x0), std::max(1.0F, bar.y1 - bar.y0)});
    publish_item(ws, id);
    if (ImGui::IsItemHovered() || ImGui::IsItemActive()) {
        ImGui::SetMouseCursor(beside ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
        ImGui::GetWindowDrawList()->AddRectFilled({bar.x0, bar.y0}, {bar.x1, bar.y1}, ws.theme->accent_soft);
    }
    if (ImGui::IsItemActive() && length > 0) {
        const ImVec2 mouse = ImGui::GetIO().MousePos;
        const float share = std::clamp(((beside ? mouse.x - area.x0 : mouse.y - area.y0) - gap / 2) / length, 0.1F, 0.9F);
        rearranged_ = rearranged_ || share != node.share;
        node.share = share;
    }
    draw_node(ws, *node.first, a);
    draw_node(ws, *node.second, b);
}

void Panels::draw_leaf(Workspace& ws, LayoutNode& node, Rect area) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float round = ws.px(6);
    list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, ws.theme->panel, round);
    const Rect bar = {area.x0, area.y0, area.x1, area.y0 + ws.px(kTabBarUnits)};
    places_.push_back({&node, area, bar, {}, {}});
    draw_tabs(ws, node, bar);
    View& view = *views_->at(node.tabs[node.front]);
    const float line = std::max(1.0F, std::floor(ws.scale));
    ImGui::SetCursorScreenPos({area.x0 + line, bar.y1 + line});
    const ImVec2 size = {std::max(1.0F, area.x1 - area.x0 - 2 * line),
                         std::max(1.0F, area.y1 - bar.y1 - 2 * line)};
    ImGui::BeginChild(view.name(), size, false,
                      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    ws.publish(std::string("view.") + view.name(), {area.x0, bar.y1, area.x1, area.y1});
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        (ImGui::IsMouseClicked(0) || ImGui::IsMouseClicked(1)))
        focused_ = view.name();
    view.draw(ws);
    ImGui::EndChild();
    list->AddRect({area.x0, area.y0}, {area.x1, area.y1}, ws.theme->line, round, 0, line);
}

}  // namespace coroscope::views
