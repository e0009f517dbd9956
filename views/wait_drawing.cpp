// The wait graph's canvas (wait_view.h): blocks, lines and nodes, with less of each the further out one looks, and what the mouse is over.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/wait_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

// Zooms from which on nodes have words, their second line, and lines have theirs.
constexpr float kWordsFromZoom = 0.3F, kDetailFromZoom = 0.7F, kLabelsFromZoom = 0.55F;
// Whatever is written is at least so large, in units: what does not fit at that size is cut.
constexpr float kTypeUnitsMin = 10;
constexpr float kWordsRoomUnits = 20;    // below that nothing that can be read would be left of them
constexpr float kPieceUnits = 10;        // of a curve
constexpr int kPiecesMost = 48;

ImVec2 bezier(ImVec2 a, ImVec2 b, ImVec2 c, ImVec2 d, float t) {
    const float s = 1 - t;
    return {s * s * s * a.x + 3 * s * s * t * b.x + 3 * s * t * t * c.x + t * t * t * d.x,
            s * s * s * a.y + 3 * s * s * t * b.y + 3 * s * t * t * c.y + t * t * t * d.y};
}

void draw_path(ImDrawList* list, const std::vector<ImVec2>& points, ImU32 colour, float thick, float dash) {
    if (dash <= 0) {
        list->AddPolyline(points.data(), static_cast<int>(points.size()), colour, 0, thick);
        return;
    }
    float walked = 0;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
        const ImVec2 a = points[i], b = points[i + 1];
        const float length = std::hypot(b.x - a.x, b.y - a.y);
        for (float at = 0; at < length;) {
            const float phase = std::fmod(walked + at, 2 * dash);
            const float step = std::min(length - at, (phase < dash ? dash : 2 * dash) - phase + 0.01F);
            if (phase < dash) {
                const float t0 = at / length, t1 = (at + step) / length;
                list->AddLine({a.x + (b.x - a.x) * t0, a.y + (b.y - a.y) * t0},
                              {a.x + (b.x - a.x) * t1, a.y + (b.y - a.y) * t1}, colour, thick);
            }
            at += step;
        }
        walked += length;
    }
}

}  // namespace

Rect WaitView::on_screen(const Workspace& ws, const WaitBox& box) const {
    const float unit = ws.scale * zoom_;
    const float x = std::floor(origin_.x + box.x * unit), y = std::floor(origin_.y + box.y * unit);
    return {x, y, x + std::max(2.0F, std::floor(box.width * unit)), y + std::max(2.0F, std::floor(box.height * unit))};
}

bool WaitView::is_seen(const Rect& rect) const {
    return rect.x1 > canvas_.x0 && rect.x0 < canvas_.x1 && rect.y1 > canvas_.y0 && rect.y0 < canvas_.y1;
}

void WaitView::draw_canvas(Workspace& ws, const WaitPicture& picture) {
    ImGui::BeginChild("canvas", {0, 0}, false,
                      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    ImGui::InvisibleButton("graph", {std::max(1.0F, room.x), std::max(1.0F, room.y)},
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight | ImGuiButtonFlags_MouseButtonMiddle);
    const bool canvas_hovered = ImGui::IsItemHovered();
    const bool clicked = canvas_hovered && ImGui::IsMouseReleased(0) && ImGui::GetMouseDragDelta(0).x == 0;
    move_canvas(at, room, picture, ws);
    canvas_ = {at.x, at.y, at.x + room.x, at.y + room.y};
    origin_ = {at.x + pan_.x, at.y + pan_.y};
    hovered_ = -1;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    for (std::size_t i = 0; i < picture.graph.nodes.size() && canvas_hovered; ++i) {
        const Rect rect = on_screen(ws, picture.boxes[i]);
        if (mouse.x >= rect.x0 && mouse.y >= rect.y0 && mouse.x < rect.x1 && mouse.y < rect.y1) hovered_ = static_cast<std::ptrdiff_t>(i);
    }
    if (hovered_ >= 0) hover(ws, picture, clicked);
    draw_graph(ws, picture);
    if (zoom_to_.has_value()) {
        const ImVec2 low = {zoom_to_->x0, zoom_to_->y0}, high = {zoom_to_->x1, zoom_to_->y1};
        ImGui::GetWindowDrawList()->AddRectFilled(low, high, with_alpha(ws.theme->accent, 0.14F));
        ImGui::GetWindowDrawList()->AddRect(low, high, ws.theme->accent);
    }
    ImGui::EndChild();
}

// Says who is under the mouse, in the bottom line, and beside it where the node itself does not.
void WaitView::hover(Workspace& ws, const WaitPicture& picture, bool clicked) {
    const WaitNode& node = picture.graph.nodes[static_cast<std::size_t>(hovered_)];
    std::string sentence = node.count > 1 ? fmt::format("{} × {}", node.title, node.count)
                           : node.count == 1 ? fmt::format("{} {}", node.title, node.first_identity)
                                             : node.title;
    if (!node.detail.empty()) sentence += " · " + node.detail;
    if (node.orphan) sentence += " · nobody can wake it";
    ws.hovered = sentence;
    if (zoom_ < kDetailFromZoom) {
        begin_tooltip(ws);
        text(ws.fonts.text, ws.theme->text, sentence);
        end_tooltip();
    }
    if (node.count == 1) ws.hover_coroutine(node.first_identity);
    if (clicked && node.kind == WaitNode::Kind::kChannel) ws.select_channel(node.channel);
    if (clicked && node.first_identity != 0) ws.select_coroutine(node.first_identity);
}

void WaitView::draw_graph(Workspace& ws, const WaitPicture& picture) {
    const WaitGraph& graph = picture.graph;
    const std::size_t none = picture.boxes.size();
    const std::size_t hovered = hovered_ >= 0 ? picture.stands[static_cast<std::size_t>(hovered_)] : none;
    std::vector<bool> lit(picture.boxes.size(), hovered == none), selected(picture.boxes.size(), false);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (graph.nodes[i].selected) selected[picture.stands[i]] = true;
    }
    for (const WaitStroke& stroke : picture.strokes) {
        if (stroke.from == hovered) lit[stroke.to] = true;
        if (stroke.to == hovered) lit[stroke.from] = true;
    }
    draw_blocks(ws, picture);
    for (const bool cycles : {false, true}) {
        for (const WaitStroke& stroke : picture.strokes) {
            if (stroke.in_cycle != cycles) continue;
            const bool touched = stroke.from == hovered || stroke.to == hovered;
            if (stroke.far && !touched && !selected[stroke.from] && !selected[stroke.to]) continue;
            draw_stroke(ws, picture, stroke, hovered != none && !touched);
        }
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (is_seen(on_screen(ws, picture.boxes[i])))
            draw_node(ws, picture, i, !lit[picture.stands[i]] && static_cast<std::ptrdiff_t>(i) != hovered_);
    }
    // Whom the mouse is over in whatever view, and who is pinned.
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        const std::vector<std::uint64_t>& who = graph.nodes[i].identities;
        const bool under = ws.hovered_coroutine() != 0 && std::find(who.begin(), who.end(), ws.hovered_coroutine()) != who.end();
        if (!under && !graph.nodes[i].pinned) continue;
        if (under) ws.show_lit(fmt::format("waits.node.{}", i));
        const Rect rect = on_screen(ws, picture.boxes[i]);
        ImGui::GetWindowDrawList()->AddRect({rect.x0, rect.y0}, {rect.x1, rect.y1}, ws.theme->accent, ws.px(6), 0, ws.px(under ? 2 : 1));
    }
}

void WaitView::draw_blocks(Workspace& ws, const WaitPicture& picture) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    for (std::size_t i = picture.graph.nodes.size(); i < picture.boxes.size(); ++i) {
        const Rect rect = on_screen(ws, picture.boxes[i]);
        if (!is_seen(rect)) continue;
        list->AddRectFilled({rect.x0, rect.y0}, {rect.x1, rect.y1}, with_alpha(ws.theme->line, 0.35F), ws.px(6));
        list->AddRect({rect.x0, rect.y0}, {rect.x1, rect.y1}, ws.theme->line, ws.px(6));
    }
}

void WaitView::draw_stroke(Workspace& ws, const WaitPicture& picture, const WaitStroke& stroke, bool dimmed) {
    const Theme& theme = *ws.theme;
    const float unit = ws.scale * zoom_;
    const Rect a = on_screen(ws, picture.boxes[stroke.from]), b = on_screen(ws, picture.boxes[stroke.to]);
    const bool rightwards = a.x1 <= (b.x0 + b.x1) / 2;
    // Two lines between the same boxes, one each way, run beside each other.
    const float shift = (stroke.could_wake ? 6 : -6) * unit;
    const ImVec2 start = {rightwards ? a.x1 : a.x0, (a.y0 + a.y1) / 2 + shift};
    const ImVec2 end = {rightwards ? b.x0 : b.x1, (b.y0 + b.y1) / 2 + shift};
    std::vector<ImVec2> stops = {start};
    const auto stop_at = [&](const LayoutPoint& bend) { stops.push_back({origin_.x + bend.x * unit, origin_.y + bend.y * unit}); };
    if (stroke.could_wake) {
        std::for_each(stroke.bends.rbegin(), stroke.bends.rend(), stop_at);
    } else {
        std::for_each(stroke.bends.begin(), stroke.bends.end(), stop_at);
    }
    stops.push_back(end);
    Rect around = {start.x, start.y, start.x + 1, start.y + 1};
    for (const ImVec2& stop : stops) {
        around = {std::min(around.x0, stop.x - 32 * unit), std::min(around.y0, stop.y - 1), std::max(around.x1, stop.x + 32 * unit),
                  std::max(around.y1, stop.y + 1)};
    }
    if (!is_seen(around)) return;
    std::vector<ImVec2> points;
    for (std::size_t i = 0; i + 1 < stops.size(); ++i) {
        const ImVec2 p = stops[i], q = stops[i + 1];
        const float reach = std::max(16 * unit, std::abs(q.x - p.x) * 0.45F) * (rightwards ? 1.0F : -1.0F);
        const float length = std::hypot(q.x - p.x, q.y - p.y);
        const int pieces = p.y == q.y ? 1 : std::clamp(static_cast<int>(length / ws.px(kPieceUnits)), 2, kPiecesMost);
        for (int k = i == 0 ? 0 : 1; k <= pieces; ++k)
            points.push_back(bezier(p, {p.x + reach, p.y}, {q.x - reach, q.y}, q, static_cast<float>(k) / static_cast<float>(pieces)));
    }
    ImU32 colour = stroke.in_cycle ? theme.bad : stroke.could_wake ? theme.text_faint : theme.text_dim;
    if (dimmed) colour = with_alpha(colour, 0.2F);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const bool dashed = stroke.could_wake && zoom_ >= kWordsFromZoom;
    draw_path(list, points, colour, ws.px(stroke.in_cycle ? 2 : 1.25F), dashed ? 5 * ws.scale : 0);
    if (zoom_ >= kWordsFromZoom || stroke.links > 1) {
        const float tip = std::max(4.0F, 7 * unit) * (rightwards ? -1.0F : 1.0F);
        list->AddTriangleFilled(end, {end.x + tip, end.y - std::abs(tip) * 0.5F}, {end.x + tip, end.y + std::abs(tip) * 0.5F}, colour);
    }
    // What stands for many says so as long as there is room for it.
    if ((zoom_ < kLabelsFromZoom && stroke.links == 1) || dimmed || stroke.could_wake) return;
    const ImVec2 middle = stops.size() == 2 ? bezier(start, {(start.x + end.x) / 2, start.y}, {(start.x + end.x) / 2, end.y}, end, 0.5F)
                                            : points[points.size() / 2];
    const float line = ws.fonts.small->FontSize, room = std::abs(end.x - start.x) - std::min(24 * unit, ws.px(8));
    std::string label = stroke.count > 1 ? fmt::format("{} × {}", stroke.kind, format_count(stroke.count)) : stroke.kind;
    if (text_width(ws.fonts.small, label) > room) label = stroke.count > 1 && stroke.links > 1 ? "× " + format_count(stroke.count) : stroke.kind;
    const float width = text_width(ws.fonts.small, label);
    if (width > room) return;
    list->AddRectFilled({middle.x - width / 2 - ws.px(4), middle.y - line / 2}, {middle.x + width / 2 + ws.px(4), middle.y + line / 2},
                        theme.panel, ws.px(2));
    draw_text(list, ws.fonts.small, {middle.x, middle.y - line / 2}, stroke.in_cycle ? theme.bad : theme.text_faint, label, 0.5F);
}

void WaitView::draw_node(Workspace& ws, const WaitPicture& picture, std::size_t index, bool dimmed) {
    const Theme& theme = *ws.theme;
    const WaitNode& node = picture.graph.nodes[index];
    const Rect at = on_screen(ws, picture.boxes[index]);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float alpha = dimmed ? 0.35F : 1, height = at.y1 - at.y0;
    const bool channel = node.kind == WaitNode::Kind::kChannel, words = zoom_ >= kWordsFromZoom;
    const float round = channel ? height / 2 : std::min(ws.px(4), height / 4);
    ws.publish(fmt::format("waits.node.{}", index), at);
    if (node.count > 1 && words) {  // more behind it
        const float behind = std::floor(ws.px(4) * std::min(1.0F, zoom_));
        list->AddRectFilled({at.x0 + behind, at.y0 + behind}, {at.x1 + behind, at.y1 + behind}, with_alpha(theme.raised, alpha), round);
        list->AddRect({at.x0 + behind, at.y0 + behind}, {at.x1 + behind, at.y1 + behind}, with_alpha(theme.line, alpha), round);
    }
    const bool area = !words && node.kind == WaitNode::Kind::kCoroutines;
    list->AddRectFilled({at.x0, at.y0}, {at.x1, at.y1}, theme.panel, round);
    list->AddRectFilled({at.x0, at.y0}, {at.x1, at.y1}, with_alpha(area ? theme.area(node.look) : theme.raised, alpha), round);
    const bool marked = node.selected || node.in_cycle;
    const ImU32 border = node.in_cycle ? theme.bad : node.orphan ? theme.warn : theme.line_strong;
    if (words || marked || node.orphan || channel) {
        list->AddRect({at.x0, at.y0}, {at.x1, at.y1}, with_alpha(node.selected ? theme.text : border, alpha), round, 0,
                      marked ? ws.px(2) : ws.px(1));
    }
    if (words) write_node(ws, node, at, dimmed);
}

void WaitView::write_node(Workspace& ws, const WaitNode& node, Rect at, bool dimmed) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float unit = ws.scale * zoom_, alpha = dimmed ? 0.35F : 1;
    const bool channel = node.kind == WaitNode::Kind::kChannel, detailed = zoom_ >= kDetailFromZoom;
    const float pad = (channel ? 16 : 10) * unit, width = at.x1 - at.x0, height = at.y1 - at.y0;
    // Text is drawn at its own size down to the zoom at which it would not fit any more, then scaled, as far as it can be read.
    const float text_scale = std::max(std::min(1.0F, zoom_ * 1.05F), kTypeUnitsMin * ws.scale / ws.fonts.small->FontSize);
    const auto write = [&](ImFont* font, float dy, ImU32 colour, const std::string& what, float left, float room) {
        if (room < ws.px(kWordsRoomUnits)) return;
        const std::string shown = cut_to(font, what, room / text_scale);
        list->AddText(font, font->FontSize * text_scale, {std::floor(at.x0 + left), std::floor(at.y0 + dy)}, with_alpha(colour, alpha),
                      shown.c_str());
    };
    // One line stands in the middle.
    ImFont* title_font = channel ? ws.fonts.text : ws.fonts.strong;
    const float title_y = detailed ? 5 * unit : (height - title_font->FontSize * text_scale) / 2;
    float left = pad;
    if (!channel) {
        const float side = std::floor(12 * unit);
        draw_swatch(ws, list, {at.x0 + pad, at.y0 + std::floor(detailed ? 8 * unit : (height - side) / 2)}, side, node.look);
        left += side + 8 * unit;
    }
    float room = width - left - pad;
    if (node.count > 1) {
        const std::string count = format_count(node.count);
        const float count_width = text_width(ws.fonts.mono_small, count) * text_scale;
        list->AddText(ws.fonts.mono_small, ws.fonts.mono_small->FontSize * text_scale,
                      {std::floor(at.x1 - pad - count_width), std::floor(at.y0 + title_y + 2 * unit)}, with_alpha(theme.accent, alpha),
                      count.c_str());
        room -= count_width + 8 * unit;
    }
    write(title_font, title_y, theme.text, node.title, left, room);
    if (!detailed) return;
    write(ws.fonts.small, 23 * unit, node.orphan ? theme.warn : theme.text_faint, node.orphan ? "nobody can wake it" : node.detail, pad,
          width - 2 * pad);
}

}  // namespace coroscope::views
