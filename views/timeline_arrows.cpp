// Wake arrows (timeline_view.h): from who woke the selected coroutine, when and where, to the run that it led to.
#include <algorithm>
#include <cmath>

#include "views/format.h"
#include "views/timeline_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

using Doing = traces::TrackSpan::Doing;

constexpr std::size_t kArrowsMax = 48;  // in sight; of more nobody sees one
constexpr float kFromPixels = 3;        // shorter ones are a dot

}  // namespace

void TimelineView::draw_arrows(Workspace& ws, const Layout& at) {
    const auto lane = std::find_if(plan_->coroutines.begin(), plan_->coroutines.end(), [&](const CoroutineLane& candidate) {
        return candidate.known && candidate.identity == ws.selection().coroutine;
    });
    if (lane == plan_->coroutines.end()) return;
    struct Arrow {
        const TrackSlice* ready;
        const TrackSlice* run;
    };
    std::vector<Arrow> arrows;
    for (std::size_t i = 0; i + 1 < lane->spans.size(); ++i) {
        const TrackSlice &ready = lane->spans[i], &run = lane->spans[i + 1];
        if (ready.span.doing != Doing::kReady || !ready.span.woken || run.span.doing != Doing::kRunning) continue;
        if (static_cast<double>(run.begin) < axis_.begin() || static_cast<double>(ready.begin) > axis_.end()) continue;
        if (!worker_y_.contains(ready.span.waker_worker) || !worker_y_.contains(run.span.worker)) continue;
        arrows.push_back({&ready, &run});
        if (arrows.size() > kArrowsMax) return;
    }
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->PushClipRect({at.lanes.x0, at.lanes.y0}, {at.lanes.x1, at.lanes.y1}, true);
    const float thick = std::max(1.0F, ws.px(1.5F)), head = ws.px(5);
    for (const Arrow& arrow : arrows) {
        const float half = at.row / 2;
        const float y0 = worker_y_.at(arrow.ready->span.waker_worker), y1 = worker_y_.at(arrow.run->span.worker);
        const ImVec2 from = {axis_.x_of(static_cast<double>(arrow.ready->begin)), y1 >= y0 ? y0 + half : y0 - half};
        const ImVec2 to = {axis_.x_of(static_cast<double>(arrow.run->begin)), y1 > y0 ? y1 - half : y1 + half};
        list->AddCircleFilled(from, ws.px(2.5F), theme.warn);
        if (std::abs(to.x - from.x) < kFromPixels && y0 == y1) continue;
        const float bend = std::max(ws.px(8), std::min(ws.px(48), std::abs(to.x - from.x) / 2));
        const float below = y1 >= y0 ? bend : -bend, above = y1 > y0 ? -bend : bend;
        list->AddBezierCubic(from, {from.x, from.y + below}, {to.x, to.y + above}, to, theme.warn, thick);
        const float tip = y1 > y0 ? -head : head;
        list->AddTriangleFilled(to, {to.x - head * 0.6F, to.y + tip}, {to.x + head * 0.6F, to.y + tip}, theme.warn);
        const std::string late = format_duration(arrow.run->begin - arrow.ready->begin);
        if (to.x - from.x < text_width(ws.fonts.small, late) + ws.px(32)) continue;
        const ImVec2 middle = {std::floor((from.x + to.x) / 2), std::floor((from.y + to.y) / 2)};
        const float width = text_width(ws.fonts.small, late) + ws.px(8);
        list->AddRectFilled({middle.x - width / 2, middle.y - ws.px(8)}, {middle.x + width / 2, middle.y + ws.px(8)}, theme.raised, ws.px(3));
        draw_text(list, ws.fonts.small, {middle.x, middle.y - std::floor(ws.fonts.small->FontSize / 2)}, theme.text, late, 0.5F);
    }
    list->PopClipRect();
}

}  // namespace coroscope::views
