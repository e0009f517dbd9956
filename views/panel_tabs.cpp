// The tab strips of panels.h: tabs, the button with those that found no room, its menu, and tabs under way.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/panels.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kMoreUnits = 72;
constexpr float kMenuLineUnits = 26;
constexpr float kMenuUnits = 220;
constexpr float kDragUnits = 8;  // from which a press is a drag

float tab_width(Workspace& ws, const View& view) {
    return std::ceil(text_width(ws.fonts.strong, view.title())) + ws.px(16);
}

bool within(const Rect& rect, float x, float y) {
    return x >= rect.x0 && x < rect.x1 && y >= rect.y0 && y < rect.y1;
}

}  // namespace

// Returns where the next one begins.
float Panels::draw_tab(Workspace& ws, LayoutNode& node, std::size_t index, float x, Rect bar) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws.theme;
    const std::string& name = node.tabs[index];
    const View& view = *views_->at(name);
    const bool front = index == node.front;
    ImFont* font = front ? ws.fonts.strong : ws.fonts.text;
    const float width = tab_width(ws, view);
    ImGui::SetCursorScreenPos({x, bar.y0});
    ImGui::InvisibleButton(fmt::format("tab.{}", name).c_str(), {std::max(1.0F, width), std::max(1.0F, bar.y1 - bar.y0)},
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonMiddle);
    publish_item(ws, "tab." + name);
    const bool hovered = ImGui::IsItemHovered();
    if (ImGui::IsItemClicked()) {
        node.front = index;
        focused_ = name;
        if (!maximised_.empty()) maximised_ = name;
    }
    if (hovered && ImGui::IsMouseClicked(2)) to_close_ = name;
    if (hovered && ImGui::IsMouseDoubleClicked(0)) maximise(name);
    if (ImGui::IsItemActive() && ImGui::IsMouseDragging(0, ws.px(kDragUnits)) && maximised_.empty()) dragged_ = name;
    const float text_y = std::floor(bar.y0 + (bar.y1 - bar.y0 - font->FontSize) / 2);
    const bool lit = front && (node.tabs.size() > 1 || focused_ == name);
    draw_text(list, font, {x + width / 2, text_y}, front ? theme.text : hovered ? theme.text_dim : theme.text_faint, view.title(),
              0.5F);
    if (lit) {
        list->AddRectFilled({x + ws.px(8), bar.y1 - ws.px(2)}, {x + width - ws.px(8), bar.y1},
                            focused_ == name ? theme.accent : theme.line_strong);
    }
    return x + width;
}

void Panels::draw_more(Workspace& ws, LayoutNode& node, std::size_t hidden, float x, Rect bar) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::string& front = node.tabs[node.front];
    ImGui::SetCursorScreenPos({x, bar.y0});
    ImGui::InvisibleButton(fmt::format("tabs.more.{}", front).c_str(), {ws.px(kMoreUnits), std::max(1.0F, bar.y1 - bar.y0)});
    publish_item(ws, "tabs.more." + front);
    if (ImGui::IsItemClicked()) {
        focused_ = front;
        toggle_menu();
    }
    const bool lit = ImGui::IsItemHovered() || menu_of_ == front;
    if (ImGui::IsItemHovered()) ws.hovered = "All views of this panel (Ctrl+M)";
    draw_text(list, ws.fonts.text, {x + ws.px(8), std::floor(bar.y0 + (bar.y1 - bar.y0 - ws.fonts.text->FontSize) / 2)},
              lit ? ws.theme->text : ws.theme->text_dim, fmt::format("{} more ▾", hidden));
}

void Panels::draw_tabs(Workspace& ws, LayoutNode& node, Rect bar) {
    std::vector<float> widths;
    for (const std::string& name : node.tabs)
        widths.push_back(tab_width(ws, *views_->at(name)));
    float x = bar.x0 + ws.px(4);
    const std::vector<std::size_t> shown = tabs_that_fit(widths, bar.x1 - ws.px(4) - x, ws.px(kMoreUnits), node.front);
    Place& place = places_.back();
    place.tabs = shown;
    ImGui::PushClipRect({bar.x0, bar.y0}, {bar.x1, bar.y1 + ws.px(2)}, true);
    for (const std::size_t index : shown) {
        place.tab_middles.push_back(x + widths[index] / 2);
        x = draw_tab(ws, node, index, x, bar);
    }
    if (shown.size() < node.tabs.size()) draw_more(ws, node, node.tabs.size() - shown.size(), x, bar);
    ImGui::PopClipRect();
    ImGui::GetWindowDrawList()->AddRectFilled({bar.x0, bar.y1}, {bar.x1, bar.y1 + std::max(1.0F, std::floor(ws.scale))},
                                              ws.theme->line);
}

void Panels::toggle_menu() {
    const std::string view = in_use();
    menu_of_ = menu_of_ == view ? "" : view;
    if (menu_of_.empty()) return;
    const LayoutNode* leaf = find_leaf(*root_, menu_of_);
    menu_at_ = leaf->front;
    menu_opened_ = true;
}

bool Panels::take_menu_key(const std::string& chord) {
    const LayoutNode* leaf = menu_of_.empty() ? nullptr : find_leaf(*root_, menu_of_);
    if (leaf == nullptr) {
        menu_of_.clear();
        return false;
    }
    const std::size_t count = leaf->tabs.size();
    if (chord == "down" || chord == "j") {
        menu_at_ = (menu_at_ + 1) % count;
    } else if (chord == "up" || chord == "k") {
        menu_at_ = (menu_at_ + count - 1) % count;
    } else if (chord == "enter") {
        menu_of_.clear();
        show(leaf->tabs[std::min(menu_at_, count - 1)]);
    } else if (chord == "escape") {
        menu_of_.clear();
    } else {
        return false;
    }
    return true;
}

// Under the strip of its panel, over everything else.
void Panels::draw_menu(Workspace& ws, Rect area) {
    const auto place = std::find_if(places_.begin(), places_.end(), [this](const Place& at) {
        return !menu_of_.empty() && std::find(at.leaf->tabs.begin(), at.leaf->tabs.end(), menu_of_) != at.leaf->tabs.end();
    });
    if (place == places_.end()) {
        menu_of_.clear();
        return;
    }
    const LayoutNode& leaf = *place->leaf;
    const float line = ws.px(kMenuLineUnits), pad = ws.px(4);
    const float height = line * static_cast<float>(leaf.tabs.size()) + 2 * pad;
    const float width = std::min(ws.px(kMenuUnits), area.x1 - area.x0);
    const float x = std::max(area.x0, std::min(place->bar.x1, area.x1) - width);
    const float y = std::max(area.y0, std::min(place->bar.y1 + ws.px(2), area.y1 - height));
    ImGui::SetNextWindowPos({x, y});
    ImGui::SetNextWindowSize({width, height});
    if (menu_opened_) ImGui::SetNextWindowFocus();
    ImGui::PushStyleColor(ImGuiCol_WindowBg, ws.theme->raised);
    ImGui::PushStyleColor(ImGuiCol_Border, ws.theme->line_strong);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, ws.px(6));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1);
    ImGui::Begin("panel menu", nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings);
    ImDrawList* list = ImGui::GetWindowDrawList();
    std::string chosen;
    for (std::size_t i = 0; i < leaf.tabs.size(); ++i) {
        ImGui::SetCursorScreenPos({x, y + pad + line * static_cast<float>(i)});
        const ImVec2 at = ImGui::GetCursorScreenPos();
        if (ImGui::InvisibleButton(fmt::format("more.{}", leaf.tabs[i]).c_str(), {std::max(1.0F, width), line})) chosen = leaf.tabs[i];
        publish_item(ws, "more." + leaf.tabs[i]);
        if (ImGui::IsItemHovered()) menu_at_ = i;
        if (menu_at_ == i)
            list->AddRectFilled({at.x + pad, at.y}, {at.x + width - pad, at.y + line}, ws.theme->accent_soft, ws.px(4));
        draw_text(list, i == leaf.front ? ws.fonts.strong : ws.fonts.text,
                  {at.x + ws.px(12), at.y + std::floor((line - ws.fonts.text->FontSize) / 2)}, ws.theme->text,
                  views_->at(leaf.tabs[i])->title());
    }
    const bool outside = !menu_opened_ && ImGui::IsMouseClicked(0) && !ImGui::IsWindowHovered(ImGuiHoveredFlags_AllowWhenBlockedByActiveItem);
    ImGui::End();
    ImGui::PopStyleVar(2);
    ImGui::PopStyleColor(2);
    menu_opened_ = false;
    if (!chosen.empty()) show(chosen);
    if (!chosen.empty() || outside) menu_of_.clear();
}

Panels::Drop Panels::drop_at(Workspace& ws, float x, float y) const {
    for (const Place& place : places_) {
        if (!within(place.area, x, y)) continue;
        Drop drop;
        drop.target = place.leaf->tabs[place.leaf->front];
        drop.mark = place.area;
        if (within(place.bar, x, y)) {
            const auto after = std::upper_bound(place.tab_middles.begin(), place.tab_middles.end(), x) - place.tab_middles.begin();
            const auto at = static_cast<std::size_t>(after);
            drop.position = at < place.tabs.size() ? place.tabs[at] : place.tabs.back() + 1;
            drop.mark = place.bar;
            return drop;
        }
        const Rect& area = place.area;
        drop.side = side_at((x - area.x0) / (area.x1 - area.x0), (y - place.bar.y1) / std::max(1.0F, area.y1 - place.bar.y1));
        const float across = std::floor((area.x0 + area.x1) / 2), down = std::floor((area.y0 + area.y1) / 2);
        if (drop.side == Side::kLeft) drop.mark.x1 = across;
        if (drop.side == Side::kRight) drop.mark.x0 = across;
        if (drop.side == Side::kAbove) drop.mark.y1 = down;
        if (drop.side == Side::kBelow) drop.mark.y0 = down;
        ws.hovered = fmt::format("{}: {}", views_->at(dragged_)->title(),
                                 drop.side == Side::kTabs ? "among these tabs" : "a panel of its own, here");
        return drop;
    }
    return {};
}

// The tab under way: where it would go, and its name at the mouse.
void Panels::draw_drag(Workspace& ws) {
    if (dragged_.empty()) return;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const Drop drop = drop_at(ws, mouse.x, mouse.y);
    if (!ImGui::IsMouseDown(0)) {
        if (!drop.target.empty()) move(dragged_, drop.target, drop.side, drop.position);
        dragged_.clear();
        return;
    }
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    ImDrawList* list = ImGui::GetForegroundDrawList();
    if (!drop.target.empty()) {
        const Rect& mark = drop.mark;
        list->AddRectFilled({mark.x0, mark.y0}, {mark.x1, mark.y1}, ws.theme->accent_soft, ws.px(6));
        list->AddRect({mark.x0, mark.y0}, {mark.x1, mark.y1}, ws.theme->accent, ws.px(6), 0, ws.px(2));
    }
    const char* title = views_->at(dragged_)->title();
    const float width = text_width(ws.fonts.strong, title) + ws.px(16), height = ws.px(26);
    const ImVec2 at = {mouse.x + ws.px(10), mouse.y + ws.px(10)};
    list->AddRectFilled(at, {at.x + width, at.y + height}, ws.theme->raised, ws.px(4));
    list->AddRect(at, {at.x + width, at.y + height}, ws.theme->line_strong, ws.px(4));
    draw_text(list, ws.fonts.strong, {at.x + ws.px(8), at.y + std::floor((height - ws.fonts.strong->FontSize) / 2)}, ws.theme->text,
              title);
}

}  // namespace coroscope::views
