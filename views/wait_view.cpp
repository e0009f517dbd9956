// See wait_view.h.
#include "views/wait_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

// Below it the second line of a node would be specks: 11 units times this.
constexpr float kDetailScaleMin = 0.75F;
// Whatever is written is at least so large, in units: what does not fit at that size is cut, and what has no room at all is not written.
constexpr float kTypeUnitsMin = 10;
// Sizes at scale 1. Titles are measured roughly (by their characters), for the layout runs off the frame, where no font may be asked.
constexpr float kNodeHeight = 44;
constexpr float kNodeWidthMin = 96, kNodeWidthMax = 220;
constexpr float kLabelsFromZoom = 0.55F;

// Measured by letters, because the layout is made where there are no fonts: 7.2 and 6.3 units are those of the title's and the
// detail's type.
LayoutInput::Size size_of(const WaitNode& node) {
    const std::size_t count = node.count > 1 ? format_count(node.count).size() + 2 : 0;
    const float title = static_cast<float>(node.title.size() + count) * 7.2F + 44;
    const float detail = static_cast<float>(node.detail.size()) * 6.3F + 40;
    return {std::clamp(std::max(title, detail), kNodeWidthMin, kNodeWidthMax), kNodeHeight};
}

// The analysis's sentence without the word that stands before it already.
std::string_view sentence_of(const traces::WaitCycle& cycle) {
    std::string_view sentence = cycle.sentence;
    const std::size_t colon = sentence.find(": ");
    if (colon != std::string_view::npos && colon < 24 && sentence.substr(0, colon).find(' ') > 9)
        sentence.remove_prefix(colon + 2);
    return sentence;
}

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

void WaitView::reset() {
    drawn_.reset();
    fitted_ = true;
    hovered_ = -1;
}

nlohmann::json WaitView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    const traces::Waits waits = traces::compute_waits(*ws.moment);
    return to_json(compute_wait_graph(*ws.moment, waits,
                                      {ws.selection().coroutine, ws.selection().channel, could_wake_, ws.filter}));
}

void WaitView::draw(Workspace& ws) {
    const auto waits = ws.shared_waits();
    if (ws.moment == nullptr || waits == nullptr) {
        empty_state(ws, "Nothing is known about waits yet",
                    "The graph appears with the first look at the program.");
        return;
    }
    const WaitQuery query{ws.selection().coroutine, ws.selection().channel, could_wake_, ws.filter};
    drawn_.want(ws.background, Key{waits, query}, [waits, moment = ws.moment, query] {
        Placed placed;
        placed.graph = compute_wait_graph(*moment, *waits, query);
        LayoutInput input;
        input.layer_gap = 60;
        for (const WaitNode& node : placed.graph.nodes)
            input.nodes.push_back(size_of(node));
        for (const WaitLink& link : placed.graph.links) {
            input.edges.emplace_back(link.could_wake ? link.to : link.from,
                                     link.could_wake ? link.from : link.to);
        }
        placed.layout = lay_out(input);
        placed.sizes = std::move(input.nodes);
        return placed;
    });
    const Placed* placed = drawn_.value();
    if (placed == nullptr) return;
    draw_head(ws, *placed);
    draw_cycles(ws, *placed);
    if (placed->graph.nodes.empty()) {
        empty_state(ws, "Nobody waits for anybody",
                    !ws.filter.empty() ? "None of those that pass the filter waits. Ctrl+Shift+F shows everybody again."
                    : placed->graph.sleeping != 0
                        ? "All that wait, wait for time alone; sleepers are not drawn."
                        : "Every coroutine is running, ready or gone.");
        return;
    }
    draw_canvas(ws, *placed);
}

void WaitView::draw_head(Workspace& ws, const Placed& placed) {
    const WaitGraph& graph = placed.graph;
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    fact(ws, "waiting", format_count(graph.waiting));
    if (graph.sleeping != 0) {
        ImGui::SameLine(0, ws.px(16));
        fact(ws, "sleeping, not drawn", format_count(graph.sleeping));
    }
    if (graph.hidden_nodes != 0) {
        ImGui::SameLine(0, ws.px(16));
        fact(ws, "groups not drawn", format_count(graph.hidden_nodes), ws.theme->warn);
    }
    if (graph.orphans != 0) {
        ImGui::SameLine(0, ws.px(16));
        fact(ws, "orphans", format_count(graph.orphans), ws.theme->bad);
    }
    const std::string label = could_wake_ ? "Could wake: on" : "Could wake: off";
    place_head_buttons(ws, {"Could wake: off", "Fit"});
    if (button(ws, "waits.could_wake", label.c_str(), ButtonKind::kQuiet,
               "Dashed lines: who could end a wait"))
        could_wake_ = !could_wake_;
    place_head_buttons(ws, {"Fit"});
    if (button(ws, "waits.fit", "Fit", ButtonKind::kQuiet, "Show the whole graph (F)")) fitted_ = true;
    ImGui::SetCursorPos({0, ws.px(36)});
}

// One line a cycle: certain ones first, as the analysis words them.
void WaitView::draw_cycles(Workspace& ws, const Placed& placed) {
    const Theme& theme = *ws.theme;
    std::size_t index = 0;
    for (const bool certain : {true, false}) {
        for (const traces::WaitCycle& cycle : placed.graph.cycles) {
            if (cycle.certain != certain || index >= 4) continue;
            const ImVec2 at = ImGui::GetCursorScreenPos();
            const float width = ImGui::GetContentRegionAvail().x - ws.px(24), pad = ws.px(8);
            const char* word = certain ? "Deadlock" : "Suspected";
            const std::string sentence(sentence_of(cycle));
            const float word_width = text_width(ws.fonts.strong, word) + ws.px(12);
            const float wrap = width - word_width - 2 * pad;
            const ImVec2 size = ws.fonts.text->CalcTextSizeA(ws.fonts.text->FontSize, FLT_MAX, wrap,
                                                             sentence.c_str());
            const float height = size.y + 2 * ws.px(6);
            ImGui::SetCursorScreenPos({at.x + ws.px(12), at.y});
            const std::string name = fmt::format("waits.cycle.{}", index);
            if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height})) {
                for (const std::string& id : cycle.ids) {
                    if (id.starts_with("channel:")) continue;
                    ws.select_coroutine(std::strtoull(id.c_str(), nullptr, 10));
                    break;
                }
            }
            publish_item(ws, name);
            ImDrawList* list = ImGui::GetWindowDrawList();
            list->AddRectFilled({at.x + ws.px(12), at.y}, {at.x + ws.px(12) + width, at.y + height},
                                theme.bad_soft, ws.px(4));
            draw_text(list, ws.fonts.strong, {at.x + ws.px(12) + pad, at.y + ws.px(6)},
                      certain ? theme.bad : theme.warn, word);
            list->AddText(ws.fonts.text, ws.fonts.text->FontSize,
                          {at.x + ws.px(12) + pad + word_width, at.y + ws.px(6)}, theme.text,
                          sentence.c_str(), nullptr, wrap);
            if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{}: {}", word, sentence);
            ImGui::SetCursorScreenPos({at.x, at.y + height + ws.px(4)});
            ++index;
        }
    }
    if (placed.graph.cycles.size() > index) {
        ImGui::SetCursorPosX(ws.px(12));
        text(ws.fonts.small, theme.text_faint,
             fmt::format("and {} more cycles", placed.graph.cycles.size() - index));
    }
}

void WaitView::move_canvas(const ImVec2& at, const ImVec2& room, const Placed& placed, const Workspace& ws) {
    const float scale = ws.scale;
    const ImGuiIO& io = ImGui::GetIO();
    if (ImGui::IsItemActive() && (ImGui::IsMouseDragging(0, 4) || ImGui::IsMouseDragging(1, 4))) {
        fitted_ = false;
        pan_.x += io.MouseDelta.x;
        pan_.y += io.MouseDelta.y;
    }
    if (ImGui::IsItemHovered() && io.MouseWheel != 0) {
        fitted_ = false;
        if (io.KeyCtrl != ws.tracy_mouse) {
            const float factor = io.MouseWheel > 0 ? 1.15F : 1 / 1.15F;
            const float next = std::clamp(zoom_ * factor, 0.1F, 3.0F);
            const ImVec2 mouse = {io.MousePos.x - at.x - pan_.x, io.MousePos.y - at.y - pan_.y};
            pan_.x += mouse.x - mouse.x * next / zoom_;
            pan_.y += mouse.y - mouse.y * next / zoom_;
            zoom_ = next;
        } else {
            (io.KeyShift ? pan_.x : pan_.y) += io.MouseWheel * 48 * scale;
        }
    }
    if (fitted_) {
        const float margin = 24 * scale;
        const float across = (room.x - 2 * margin) / std::max(1.0F, placed.layout.width * scale);
        const float down = (room.y - 2 * margin) / std::max(1.0F, placed.layout.height * scale);
        zoom_ = std::clamp(std::min(across, down), 0.1F, 1.25F);
        pan_ = {std::floor((room.x - placed.layout.width * scale * zoom_) / 2),
                std::floor((room.y - placed.layout.height * scale * zoom_) / 2)};
    }
}

void WaitView::draw_canvas(Workspace& ws, const Placed& placed) {
    ImGui::BeginChild("canvas", {0, 0}, false,
                      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    const ImVec2 at = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    ImGui::InvisibleButton("graph", {std::max(1.0F, room.x), std::max(1.0F, room.y)},
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight);
    const bool clicked = ImGui::IsItemHovered() && ImGui::IsMouseReleased(0) &&
                         ImGui::GetMouseDragDelta(0).x == 0;
    const bool canvas_hovered = ImGui::IsItemHovered();
    move_canvas(at, room, placed, ws);
    const ImVec2 origin = {at.x + pan_.x, at.y + pan_.y};
    const WaitGraph& graph = placed.graph;
    hovered_ = -1;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const float unit = ws.scale * zoom_;
    for (std::size_t i = 0; i < graph.nodes.size() && canvas_hovered; ++i) {
        const float x = origin.x + placed.layout.nodes[i].x * unit,
                    y = origin.y + placed.layout.nodes[i].y * unit;
        if (mouse.x >= x && mouse.y >= y && mouse.x < x + placed.sizes[i].width * unit &&
            mouse.y < y + placed.sizes[i].height * unit) {
            hovered_ = static_cast<std::ptrdiff_t>(i);
        }
    }
    std::vector<bool> lit(graph.nodes.size(), hovered_ < 0);
    if (hovered_ >= 0) {
        const auto hovered = static_cast<std::size_t>(hovered_);
        lit[hovered] = true;
        for (const WaitLink& link : graph.links) {
            if (link.from == hovered) lit[link.to] = true;
            if (link.to == hovered) lit[link.from] = true;
        }
        const WaitNode& node = graph.nodes[hovered];
        ws.hovered = node.count > 1 ? fmt::format("{} × {} · {}", node.title, node.count, node.detail)
                                    : fmt::format("{} {} · {}", node.title,
                                                  node.count == 1 ? std::to_string(node.first_identity) : "",
                                                  node.detail);
        if (node.count == 1) ws.hover_coroutine(node.first_identity);
        if (clicked && node.kind == WaitNode::Kind::kChannel) ws.select_channel(node.channel);
        if (clicked && node.first_identity != 0) ws.select_coroutine(node.first_identity);
    }
    const auto touches = [&](const WaitLink& link) {
        return hovered_ < 0 || static_cast<std::ptrdiff_t>(link.from) == hovered_ ||
               static_cast<std::ptrdiff_t>(link.to) == hovered_;
    };
    for (const bool cycles : {false, true}) {
        for (std::size_t i = 0; i < graph.links.size(); ++i) {
            if (graph.links[i].in_cycle == cycles) draw_link(ws, placed, i, origin, !touches(graph.links[i]));
        }
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
        draw_node(ws, placed, i, origin, !lit[i]);
    // Whom the mouse is over in another view.
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (graph.nodes[i].count != 1 || !ws.lit(graph.nodes[i].first_identity)) continue;
        const ImVec2 corner = {origin.x + placed.layout.nodes[i].x * unit, origin.y + placed.layout.nodes[i].y * unit};
        const ImVec2 end = {corner.x + placed.sizes[i].width * unit, corner.y + placed.sizes[i].height * unit};
        ImGui::GetWindowDrawList()->AddRect(corner, end, ws.theme->accent, ws.px(6), 0, ws.px(2));
    }
    ImGui::EndChild();
}

void WaitView::draw_link(Workspace& ws, const Placed& placed, std::size_t index, ImVec2 origin, bool dimmed) {
    const Theme& theme = *ws.theme;
    const WaitLink& link = placed.graph.links[index];
    const float unit = ws.scale * zoom_;
    const auto corner = [&](std::size_t node) {
        return ImVec2{origin.x + placed.layout.nodes[node].x * unit,
                      origin.y + placed.layout.nodes[node].y * unit};
    };
    const ImVec2 a = corner(link.from), b = corner(link.to);
    const float a_width = placed.sizes[link.from].width * unit, b_width = placed.sizes[link.to].width * unit,
                half = kNodeHeight * unit / 2;
    const bool rightwards = a.x + a_width <= b.x + b_width * 0.5F;
    // Two links between the same nodes, one each way, run beside each other.
    const float shift = link.could_wake ? 6 * unit : -6 * unit;
    const ImVec2 start = {rightwards ? a.x + a_width : a.x, a.y + half + shift};
    const ImVec2 end = {rightwards ? b.x : b.x + b_width, b.y + half + shift};
    std::vector<ImVec2> stops = {start};
    std::vector<LayoutPoint> bends = placed.layout.bends[index];
    if (link.could_wake) std::reverse(bends.begin(), bends.end());
    for (const LayoutPoint& bend : bends)
        stops.push_back({origin.x + bend.x * unit, origin.y + bend.y * unit});
    stops.push_back(end);
    std::vector<ImVec2> points;
    for (std::size_t i = 0; i + 1 < stops.size(); ++i) {
        const ImVec2 p = stops[i], q = stops[i + 1];
        const float reach = std::max(16 * unit, std::abs(q.x - p.x) * 0.45F) * (rightwards ? 1.0F : -1.0F);
        constexpr int kPieces = 18;
        for (int k = i == 0 ? 0 : 1; k <= kPieces; ++k) {
            points.push_back(
                bezier(p, {p.x + reach, p.y}, {q.x - reach, q.y}, q, static_cast<float>(k) / kPieces));
        }
    }
    ImU32 colour = link.in_cycle ? theme.bad : link.could_wake ? theme.text_faint : theme.text_dim;
    if (dimmed) colour = with_alpha(colour, 0.2F);
    ImDrawList* list = ImGui::GetWindowDrawList();
    draw_path(list, points, colour, ws.px(link.in_cycle ? 2 : 1.25F), link.could_wake ? 5 * ws.scale : 0);
    const float tip = std::max(4.0F, 7 * unit) * (rightwards ? -1.0F : 1.0F);
    list->AddTriangleFilled(end, {end.x + tip, end.y - std::abs(tip) * 0.5F},
                            {end.x + tip, end.y + std::abs(tip) * 0.5F}, colour);
    if (zoom_ < kLabelsFromZoom || dimmed || link.could_wake) return;
    const ImVec2 middle = points[points.size() / 2];
    const float line = ws.fonts.small->FontSize;
    const float room = std::abs(end.x - start.x) - 24 * unit;
    std::string label = link.count > 1 ? fmt::format("{} × {}", link.kind, format_count(link.count))
                                       : link.kind;
    if (text_width(ws.fonts.small, label) > room) label = link.kind;
    const float width = text_width(ws.fonts.small, label);
    if (width > room) return;
    list->AddRectFilled({middle.x - width / 2 - ws.px(4), middle.y - line / 2},
                        {middle.x + width / 2 + ws.px(4), middle.y + line / 2}, theme.panel, ws.px(2));
    draw_text(list, ws.fonts.small, {middle.x, middle.y - line / 2},
              link.in_cycle ? theme.bad : theme.text_faint, label, 0.5F);
}

void WaitView::draw_node(Workspace& ws, const Placed& placed, std::size_t index, ImVec2 origin, bool dimmed) {
    const Theme& theme = *ws.theme;
    const WaitNode& node = placed.graph.nodes[index];
    const float unit = ws.scale * zoom_;
    const float x = std::floor(origin.x + placed.layout.nodes[index].x * unit),
                y = std::floor(origin.y + placed.layout.nodes[index].y * unit);
    const float width = std::floor(placed.sizes[index].width * unit),
                height = std::floor(placed.sizes[index].height * unit);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float alpha = dimmed ? 0.35F : 1;
    const bool channel = node.kind == WaitNode::Kind::kChannel;
    const float round = channel ? height / 2 : ws.px(4);
    ws.publish(fmt::format("waits.node.{}", index), {x, y, x + width, y + height});
    if (node.count > 1) {  // more behind it
        list->AddRectFilled({x + ws.px(4), y + ws.px(4)}, {x + width + ws.px(4), y + height + ws.px(4)},
                            with_alpha(theme.raised, alpha), round);
        list->AddRect({x + ws.px(4), y + ws.px(4)}, {x + width + ws.px(4), y + height + ws.px(4)},
                      with_alpha(theme.line, alpha), round);
    }
    list->AddRectFilled({x, y}, {x + width, y + height}, theme.panel, round);
    list->AddRectFilled({x, y}, {x + width, y + height}, with_alpha(theme.raised, alpha), round);
    const ImU32 border = node.in_cycle ? theme.bad : node.orphan ? theme.warn : theme.line_strong;
    list->AddRect({x, y}, {x + width, y + height}, with_alpha(node.selected ? theme.text : border, alpha),
                  round, 0, node.selected || node.in_cycle ? ws.px(2) : ws.px(1));
    if (zoom_ < 0.3F) return;
    const float pad = (channel ? 16 : 10) * unit;
    // Text is drawn at its own size down to the zoom at which it would not fit any more, then scaled, as far as it can be read.
    const float text_scale = std::max(std::min(1.0F, zoom_ * 1.05F), kTypeUnitsMin * ws.scale / ws.fonts.small->FontSize);
    const auto write = [&](ImFont* font, float dy, ImU32 colour, const std::string& what, float left,
                           float room) {
        const std::string shown = cut_to(font, what, room / text_scale);
        list->AddText(font, font->FontSize * text_scale, {std::floor(x + left), std::floor(y + dy)},
                      with_alpha(colour, alpha), shown.c_str());
    };
    float left = pad;
    if (!channel) {
        const float side = std::floor(12 * unit);
        draw_swatch(ws, list, {x + pad, y + std::floor(8 * unit)}, side, node.look);
        left += side + 8 * unit;
    }
    float room = width - left - pad;
    if (node.count > 1) {
        const std::string count = format_count(node.count);
        const float count_width = text_width(ws.fonts.mono_small, count) * text_scale;
        list->AddText(ws.fonts.mono_small, ws.fonts.mono_small->FontSize * text_scale,
                      {std::floor(x + width - pad - count_width), std::floor(y + 7 * unit)},
                      with_alpha(theme.accent, alpha), count.c_str());
        room -= count_width + 8 * unit;
    }
    write(channel ? ws.fonts.text : ws.fonts.strong, 5 * unit, theme.text, node.title, left, room);
    if (text_scale < kDetailScaleMin) return;
    write(ws.fonts.small, 23 * unit, node.orphan ? theme.warn : theme.text_faint,
          node.orphan ? "nobody can wake it" : node.detail, pad, width - 2 * pad);
}

}  // namespace coroscope::views
