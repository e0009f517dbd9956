// See wait_view.h. Here: what is computed, the head, the cycles' sentences, and how the canvas moves.
#include "views/wait_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kZoomMin = 0.02F, kZoomMax = 3, kZoomFitMax = 1.25F, kZoomNotch = 1.15F;

// The analysis's sentence without the word that stands before it already.
std::string_view sentence_of(const traces::WaitCycle& cycle) {
    std::string_view sentence = cycle.sentence;
    const std::size_t colon = sentence.find(": ");
    if (colon != std::string_view::npos && colon < 24 && sentence.substr(0, colon).find(' ') > 9)
        sentence.remove_prefix(colon + 2);
    return sentence;
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
    const WaitPicture picture = lay_out_waits(
        compute_wait_graph(*ws.moment, waits, {ws.selection().coroutine, ws.selection().channel, could_wake_, ws.pins(), ws.filter}));
    nlohmann::json out = to_json(picture.graph);
    out["picture"] = to_json(picture);
    out["zoom"] = zoom_;
    return out;
}

void WaitView::draw(Workspace& ws) {
    const auto waits = ws.shared_waits();
    if (ws.moment == nullptr || waits == nullptr) {
        empty_state(ws, "Nothing is known about waits yet",
                    "The graph appears with the first look at the program.");
        return;
    }
    const WaitQuery query{ws.selection().coroutine, ws.selection().channel, could_wake_, ws.pins(), ws.filter};
    drawn_.want(ws.background, Key{waits, query},
                [waits, moment = ws.moment, query] { return lay_out_waits(compute_wait_graph(*moment, *waits, query)); });
    const WaitPicture* picture = drawn_.value();
    if (picture == nullptr) return;
    draw_head(ws, *picture);
    draw_cycles(ws, *picture);
    if (picture->graph.nodes.empty()) {
        empty_state(ws, "Nobody waits for anybody",
                    !ws.filter.empty() ? "None of those that pass the filter waits. Ctrl+Shift+F shows everybody again."
                    : picture->graph.sleeping != 0
                        ? "All that wait, wait for time alone; sleepers are not drawn."
                        : "Every coroutine is running, ready or gone.");
        return;
    }
    draw_canvas(ws, *picture);
}

void WaitView::draw_head(Workspace& ws, const WaitPicture& picture) {
    const WaitGraph& graph = picture.graph;
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
    if (picture.far_strokes != 0) {
        ImGui::SameLine(0, ws.px(16));
        fact(ws, "could wake, shown at the mouse", format_count(picture.far_strokes));
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
void WaitView::draw_cycles(Workspace& ws, const WaitPicture& picture) {
    const Theme& theme = *ws.theme;
    std::size_t index = 0;
    for (const bool certain : {true, false}) {
        for (const traces::WaitCycle& cycle : picture.graph.cycles) {
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
    if (picture.graph.cycles.size() > index) {
        ImGui::SetCursorPosX(ws.px(12));
        text(ws.fonts.small, theme.text_faint,
             fmt::format("and {} more cycles", picture.graph.cycles.size() - index));
    }
}

void WaitView::move_canvas(const ImVec2& at, const ImVec2& room, const WaitPicture& picture, const Workspace& ws) {
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
            const float next = std::clamp(zoom_ * std::pow(kZoomNotch, io.MouseWheel), kZoomMin, kZoomMax);
            const ImVec2 mouse = {io.MousePos.x - at.x - pan_.x, io.MousePos.y - at.y - pan_.y};
            pan_.x += mouse.x - mouse.x * next / zoom_;
            pan_.y += mouse.y - mouse.y * next / zoom_;
            zoom_ = next;
        } else {
            (io.KeyShift ? pan_.x : pan_.y) += io.MouseWheel * 48 * scale;
        }
    }
    if (ImGui::IsItemActive() && ImGui::IsMouseDragging(ImGuiMouseButton_Middle, 4)) {
        const ImVec2 from = io.MouseClickedPos[ImGuiMouseButton_Middle];
        zoom_to_ = Rect{std::min(from.x, io.MousePos.x), std::min(from.y, io.MousePos.y), std::max(from.x, io.MousePos.x),
                        std::max(from.y, io.MousePos.y)};
    } else if (zoom_to_.has_value()) {  // let go: what was in the frame takes the room
        const Rect frame = *std::exchange(zoom_to_, std::nullopt);
        const float wide = std::max(4.0F, frame.x1 - frame.x0), high = std::max(4.0F, frame.y1 - frame.y0);
        const float next = std::clamp(zoom_ * std::min(room.x / wide, room.y / high), kZoomMin, kZoomMax);
        const ImVec2 middle = {(frame.x0 + frame.x1) / 2 - at.x - pan_.x, (frame.y0 + frame.y1) / 2 - at.y - pan_.y};
        pan_ = {std::floor(room.x / 2 - middle.x * next / zoom_), std::floor(room.y / 2 - middle.y * next / zoom_)};
        zoom_ = next;
        fitted_ = false;
    }
    if (fitted_) {
        const float margin = 24 * scale;
        const float across = (room.x - 2 * margin) / std::max(1.0F, picture.width * scale);
        const float down = (room.y - 2 * margin) / std::max(1.0F, picture.height * scale);
        zoom_ = std::clamp(std::min(across, down), kZoomMin, kZoomFitMax);
        pan_ = {std::floor((room.x - picture.width * scale * zoom_) / 2),
                std::floor((room.y - picture.height * scale * zoom_) / 2)};
    }
}

}  // namespace coroscope::views
