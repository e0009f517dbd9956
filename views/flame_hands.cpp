// See flame_view.h. Zooming, scrolling, and what a click on a frame does besides.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "views/flame_view.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

constexpr float kWheelUnits = 48;  // that a notch scrolls
constexpr float kDragUnits = 4;    // a movement of less is no drag

}  // namespace

// Towards what is zoomed into, a third of the way every 16 ms.
void FlameView::move_window(Workspace& ws, const FlameTree& tree) {
    const FlameWindow aim = flame_window(tree, zoom_);
    if (seen_generation_ != generation_ || seen_.end <= seen_.begin) {  // another tree: there is no way between the two
        seen_ = aim;
        seen_generation_ = generation_;
    }
    moving_ = !(seen_ == aim);
    if (!moving_) return;
    const double share = 1 - std::pow(2.0 / 3, static_cast<double>(ImGui::GetIO().DeltaTime) / 0.016);
    seen_ = flame_between(seen_, aim, share);
    const double near = 0.002 * (aim.end - aim.begin);
    if (std::abs(seen_.begin - aim.begin) < near && std::abs(seen_.end - aim.end) < near) seen_ = aim;
    ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

// Zooms by one frame, or scrolls; which of both the plain wheel does is chosen in Settings.
void FlameView::take_wheel(Workspace& ws, const FlameTree& tree, std::uint32_t hit) {
    const ImGuiIO& io = ImGui::GetIO();
    const auto scroll = [&](float by) { ImGui::SetScrollY(std::clamp(ImGui::GetScrollY() + by, 0.0F, ImGui::GetScrollMaxY())); };
    if (ImGui::IsMouseDragging(ImGuiMouseButton_Right, kDragUnits * ws.scale)) scroll(-io.MouseDelta.y);
    if (io.MouseWheel == 0) return;
    if (io.KeyCtrl == ws.tracy_mouse) {
        scroll(-io.MouseWheel * ws.px(kWheelUnits));
    } else if (io.MouseWheel < 0) {
        zoom_out();
    } else if (hit != FlameBox::kMerged) {
        // The next one on the way to what lies under the mouse.
        std::uint32_t next = hit;
        while (next != 0 && tree.frames[next].parent != zoom_ && tree.frames[next].depth > tree.frames[zoom_].depth)
            next = tree.frames[next].parent;
        if (tree.frames[next].depth > tree.frames[zoom_].depth) {
            zoom_ = next;
            zoom_path_ = flame_path(tree, zoom_);
        }
    }
    ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

const std::vector<std::uint64_t>& FlameView::behind(const Workspace& ws, const FlameTree& tree, std::uint32_t frame) {
    const std::string root = flame_root(tree, frame);
    if (behind_of_ != ws.moment || behind_root_ != root) {
        behind_of_ = ws.moment;
        behind_root_ = root;
        behind_ = root.empty() ? std::vector<std::uint64_t>() : who_has_root(*ws.moment, root);
    }
    return behind_;
}

bool FlameView::filters_here(const Workspace& ws) const {
    return !site_filter_.empty() && ws.filter == site_filter_;
}

// What a click would do, for the status line; it stands first there, since the line ends where there is no more room.
std::string FlameView::who_stands_behind(Workspace& ws, const FlameTree& tree, std::uint32_t frame) {
    if (flame_root(tree, frame).empty()) return {};
    const std::vector<std::uint64_t>& who = behind(ws, tree, frame);
    if (who.size() == 1) {
        ws.hover_coroutine(who.front());
        return fmt::format("a click selects coroutine {} · ", who.front());
    }
    const std::string site = flame_site(tree, frame), place(short_path(site));
    const bool shown = site.empty() || ws.filter == site || whom_ == 1;
    if (shown && who.empty()) return "nobody of it lives at this moment · ";
    if (shown) return fmt::format("a click selects the next of {} coroutines · ", format_count(who.size()));
    return fmt::format("a click filters by {}, of which {} · ", place,
                       who.empty() ? "nobody lives at this moment" : format_count(who.size()) + " live");
}

// The coroutine behind it. Of several, or where nobody of them lives, their site becomes the filter, so that every view tells of them; but the
// tree stays that of everybody. Once it is the filter, one after the other is selected.
void FlameView::select_behind(Workspace& ws, const FlameTree& tree, std::uint32_t frame) {
    const std::vector<std::uint64_t>& who = behind(ws, tree, frame);
    if (whom_ == 1) return;  // only one's stacks are told of: another one would be another tree
    const std::string site = flame_site(tree, frame);
    if (who.size() != 1 && !site.empty() && ws.filter != site) {
        if (!filters_here(ws)) {
            filter_before_ = ws.filter;
            whom_before_ = ws.past_filter();
        }
        ws.filter = site_filter_ = site;
        return;
    }
    if (who.empty()) return;
    const auto next = std::upper_bound(who.begin(), who.end(), ws.selection().coroutine);
    ws.select_coroutine(next != who.end() ? *next : who.front());
}

}  // namespace coroscope::views
