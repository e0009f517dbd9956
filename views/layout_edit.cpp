// See layout_edit.h.
#include "views/layout_edit.h"

#include <algorithm>
#include <numeric>

namespace coroscope::views {
namespace {

constexpr float kEdgeShare = 0.25F;

int depth_of(const LayoutNode& node) {
    if (node.kind == LayoutNode::Kind::kTabs) return 0;
    return 1 + std::max(depth_of(*node.first), depth_of(*node.second));
}

std::unique_ptr<LayoutNode> copy_of(const LayoutNode& node) {
    auto copy = std::make_unique<LayoutNode>();
    copy->kind = node.kind;
    copy->share = node.share;
    copy->tabs = node.tabs;
    copy->front = node.front;
    if (node.first != nullptr) copy->first = copy_of(*node.first);
    if (node.second != nullptr) copy->second = copy_of(*node.second);
    return copy;
}

// The tree without a view; nullptr when nothing is left of it.
std::unique_ptr<LayoutNode> without(std::unique_ptr<LayoutNode> node, std::string_view view) {
    if (node->kind == LayoutNode::Kind::kTabs) {
        const auto found = std::find(node->tabs.begin(), node->tabs.end(), view);
        if (found == node->tabs.end()) return node;
        const auto at = static_cast<std::size_t>(found - node->tabs.begin());
        node->tabs.erase(found);
        if (node->tabs.empty()) return nullptr;
        if (at < node->front || node->front == node->tabs.size()) --node->front;
        return node;
    }
    node->first = without(std::move(node->first), view);
    node->second = without(std::move(node->second), view);
    if (node->first == nullptr) return std::move(node->second);
    if (node->second == nullptr) return std::move(node->first);
    return node;
}

void split(LayoutNode& leaf, std::string_view view, Side side) {
    auto old = std::make_unique<LayoutNode>(), fresh = std::make_unique<LayoutNode>();
    old->tabs = std::move(leaf.tabs);
    old->front = leaf.front;
    fresh->tabs = {std::string(view)};
    const bool beside = side == Side::kLeft || side == Side::kRight, first = side == Side::kLeft || side == Side::kAbove;
    leaf = LayoutNode();
    leaf.kind = beside ? LayoutNode::Kind::kBeside : LayoutNode::Kind::kAbove;
    leaf.first = std::move(first ? fresh : old);
    leaf.second = std::move(first ? old : fresh);
}

}  // namespace

Side side_at(float across, float down) {
    const float distances[] = {across, 1 - across, down, 1 - down};
    const auto nearest = std::min_element(std::begin(distances), std::end(distances)) - std::begin(distances);
    if (distances[nearest] > kEdgeShare) return Side::kTabs;
    static constexpr Side kSides[] = {Side::kLeft, Side::kRight, Side::kAbove, Side::kBelow};
    return kSides[nearest];
}

bool close_view(std::unique_ptr<LayoutNode>& root, std::string_view view) {
    const LayoutNode* leaf = find_leaf(*root, view);
    if (leaf == nullptr || (leaf == root.get() && leaf->tabs.size() == 1)) return false;
    root = without(std::move(root), view);
    return true;
}

bool move_view(std::unique_ptr<LayoutNode>& root, std::string_view view, std::string_view target, Side side,
               std::size_t position) {
    auto next = copy_of(*root);
    LayoutNode* from = find_leaf(*next, view);
    LayoutNode* to = find_leaf(*next, target);
    if (to == nullptr) return false;
    std::string landmark(target);  // of the panel, and not the view itself, which is taken out first
    if (from == to) {
        if (to->tabs.size() == 1) return false;
        if (side == Side::kTabs) {
            const auto at = static_cast<std::size_t>(std::find(to->tabs.begin(), to->tabs.end(), view) - to->tabs.begin());
            const std::size_t end = std::min(position, to->tabs.size());
            if (end == at || end == at + 1) return false;
            position = end > at ? end - 1 : end;
        }
        if (landmark == view) landmark = to->tabs[to->tabs.front() == view ? 1 : 0];
    }
    if (from != nullptr) next = without(std::move(next), view);
    to = find_leaf(*next, landmark);
    if (side == Side::kTabs) {
        to->front = std::min(position, to->tabs.size());
        to->tabs.insert(to->tabs.begin() + static_cast<std::ptrdiff_t>(to->front), std::string(view));
    } else {
        split(*to, view, side);
        if (depth_of(*next) > kLayoutDepthMax) return false;
    }
    root = std::move(next);
    return true;
}

std::vector<std::size_t> tabs_that_fit(const std::vector<float>& widths, float room, float more_width, std::size_t front) {
    std::vector<std::size_t> shown(widths.size());
    std::iota(shown.begin(), shown.end(), std::size_t{0});
    if (std::accumulate(widths.begin(), widths.end(), 0.0F) <= room) return shown;
    room -= more_width + widths[front];
    shown = {front};
    for (std::size_t i = 0; i < widths.size(); ++i) {
        if (i == front) continue;
        if (widths[i] > room) break;
        room -= widths[i];
        shown.push_back(i);
    }
    std::sort(shown.begin(), shown.end());
    return shown;
}

}  // namespace coroscope::views
