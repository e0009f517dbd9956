// What the mouse does in the timeline, and what is said of what lies under it (timeline_view.h).
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/timeline_view.h"

namespace coroscope::views {
namespace {

using Doing = traces::TrackSpan::Doing;

constexpr float kClickPixels = 3;     // a button that moved less was clicked
constexpr double kWheelFactor = 0.8;  // a notch
constexpr double kWheelPan = 0.08;    // of what is seen

bool inside(const Rect& rect, ImVec2 point) {
    return point.x >= rect.x0 && point.x < rect.x1 && point.y >= rect.y0 && point.y < rect.y1;
}

}  // namespace

void TimelineView::take_mouse(Workspace& ws, const Layout& at) {
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    hovered_ = ImGui::IsWindowHovered();
    if (drag_ == Drag::kNone && hovered_ && !inside(late_box_, mouse)) {
        const bool on_lanes = inside(at.lanes, mouse), on_ruler = inside(at.ruler, mouse);
        if (ImGui::IsMouseClicked(0) && inside(at.strip, mouse)) drag_ = Drag::kStrip;
        if (ImGui::IsMouseClicked(0) && (on_lanes || on_ruler)) drag_ = Drag::kRange;
        if (ImGui::IsMouseClicked(1) && (on_lanes || on_ruler)) drag_ = Drag::kPan;
        if (ImGui::IsMouseClicked(2) && (on_lanes || on_ruler)) drag_ = Drag::kZoom;
        drag_x0_ = mouse.x;
        dragged_ = false;
        if (on_lanes && ImGui::IsMouseDoubleClicked(0)) {
            drag_ = Drag::kNone;
            if (under_before_.slice) {
                axis_.show(static_cast<double>(under_before_.begin), static_cast<double>(under_before_.end));
            } else {
                axis_.fit();
            }
        }
        take_wheel(ws, at);
    }
    if (drag_ != Drag::kNone) drag_on(ws, at);
}

void TimelineView::take_wheel(Workspace& ws, const Layout& at) {
    const ImGuiIO& io = ImGui::GetIO();
    if (io.MouseWheelH != 0) axis_.pan(-kWheelPan * static_cast<double>(io.MouseWheelH));
    if (io.MouseWheel == 0) return;
    const double notches = static_cast<double>(io.MouseWheel);
    if (io.KeyShift) {
        axis_.pan(-kWheelPan * notches);
    } else if (io.KeyCtrl != ws.tracy_mouse || scroll_max_ <= 0 || io.MousePos.y < at.lanes.y0) {
        axis_.zoom(std::clamp(io.MousePos.x, at.lanes.x0, at.lanes.x1), std::pow(kWheelFactor, notches));
    } else {
        scroll_ = std::clamp(scroll_ - static_cast<float>(notches) * ws.px(48), 0.0F, scroll_max_);
    }
}

void TimelineView::drag_on(Workspace& ws, const Layout& at) {
    const ImGuiIO& io = ImGui::GetIO();
    const int of_button = drag_ == Drag::kPan ? 1 : drag_ == Drag::kZoom ? 2 : 0;
    dragged_ = dragged_ || std::abs(io.MousePos.x - drag_x0_) > kClickPixels * ws.scale;
    if (!ImGui::IsMouseDown(of_button)) {
        release(ws, at);
        drag_ = Drag::kNone;
        return;
    }
    ws.frames_wanted = std::max(ws.frames_wanted, 1);
    if (drag_ == Drag::kPan && dragged_) {
        axis_.drag(io.MouseDelta.x);
        scroll_ = std::clamp(scroll_ - io.MouseDelta.y, 0.0F, scroll_max_);
    }
    if (drag_ == Drag::kStrip) {
        const double share = static_cast<double>((io.MousePos.x - at.strip.x0) / std::max(1.0F, at.strip.x1 - at.strip.x0));
        const double t = axis_.bounds_begin() + std::clamp(share, 0.0, 1.0) * (axis_.bounds_end() - axis_.bounds_begin());
        axis_.drag(static_cast<float>(((axis_.begin() + axis_.end()) / 2 - t) / axis_.ns_per_pixel()));
    }
}

void TimelineView::release(Workspace& ws, const Layout& at) {
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const double a = axis_.time_at(drag_x0_), b = axis_.time_at(std::clamp(mouse.x, at.lanes.x0, at.lanes.x1));
    const auto bounded = [&](double ns) {
        return static_cast<traces::TimeNs>(std::llround(std::clamp(ns, axis_.bounds_begin(), axis_.bounds_end())));
    };
    switch (drag_) {
        case Drag::kRange:
            if (dragged_) {
                ws.select_range(TimeRange{bounded(std::min(a, b)), bounded(std::max(a, b))});
            } else {
                click(ws, mouse.x, mouse.y < at.ruler.y1);
            }
            break;
        case Drag::kZoom:
            if (dragged_) axis_.show(std::min(a, b), std::max(a, b));
            break;
        case Drag::kPan:
            if (!dragged_) open_menu();
            break;
        default:
            break;
    }
}

void TimelineView::click(Workspace& ws, float x, bool on_ruler) {
    const auto t = static_cast<traces::TimeNs>(std::llround(std::clamp(axis_.time_at(x), axis_.bounds_begin(), axis_.bounds_end())));
    const bool goes = on_ruler || ImGui::GetIO().KeyShift;
    if (goes) {
        ws.session->set_time(t);
        seen_time_ = t;
    }
    if (on_ruler) return;
    if (!under_before_.channel.empty()) {
        ws.select_channel(under_before_.channel);
    } else if (under_before_.identity != 0) {
        ws.select_coroutine(under_before_.identity);
    } else if (!goes && ws.selection().range.has_value()) {
        ws.select_range(std::nullopt);
    }
}

std::string TimelineView::woken_text(Workspace& ws, std::uint64_t identity, traces::TimeNs begin) const {
    for (const CoroutineLane& lane : plan_->coroutines) {
        if (lane.identity != identity) continue;
        for (std::size_t i = 0; i + 1 < lane.spans.size(); ++i) {
            const TrackSlice &ready = lane.spans[i], &run = lane.spans[i + 1];
            if (run.begin != begin || ready.span.doing != Doing::kReady) continue;
            if (!ready.span.woken) return fmt::format("; ready for {} before", format_duration(ready.end - ready.begin));
            const std::string by = ready.waker != 0 ? who(ws, ready.waker, ready.waker_name, ready.waker_site)
                                                    : std::string(inspect::wake_cause_name(ready.span.cause));
            return fmt::format("; woken by {} {} before", by, format_duration(ready.end - ready.begin));
        }
    }
    return {};
}

void TimelineView::hover_slice(Workspace& ws, const WorkerLane& lane, const PlanSlice& slice) {
    under_.identity = slice.identity;
    under_.begin = slice.begin;
    under_.end = slice.end;
    under_.slice = true;
    std::string ended;
    if ((slice.flags & traces::LaneSlice::kExited) != 0) {
        ended = ", and ended";
    } else if ((slice.flags & traces::LaneSlice::kCut) != 0) {
        ended = "; events are lost beside it";
    } else if ((slice.flags & traces::LaneSlice::kGoesOn) == 0) {
        ended = fmt::format(", then {}{}", slice.reason == wire::WaitReason::kYield ? "" : "waited: ", inspect::reason_name(slice.reason));
    }
    under_.sentence = fmt::format("{} ran for {} on worker {} from {}{}{}", who(ws, slice.identity, slice.name, slice.site),
                                  format_duration(slice.end - slice.begin), lane.worker, time_text(slice.begin), ended,
                                  woken_text(ws, slice.identity, slice.begin));
    if (slice.site != wire::kNone) under_.sentence += " · spawned at " + ws.moment->state.site_text(slice.site);
}

void TimelineView::hover_column(const WorkerLane& lane, const PlanColumn& column, traces::TimeNs begin, traces::TimeNs end) {
    under_.begin = begin;
    under_.end = end;
    if (column.slices <= 0 && column.running <= 0) {
        under_.sentence = fmt::format("worker {} at {}: {:.0f} events, not read yet", lane.worker, time_text(begin),
                                      std::ceil(static_cast<double>(column.events)));
        return;
    }
    under_.sentence = fmt::format("worker {} at {}: ran for {} of {}, in about {:.0f} slices", lane.worker, time_text(begin),
                                  format_share(static_cast<double>(column.running)), format_duration(end - begin),
                                  std::ceil(static_cast<double>(column.slices)));
}

void TimelineView::hover_span(Workspace& ws, const CoroutineLane& lane, const TrackSlice& slice) {
    under_.identity = lane.identity;
    under_.begin = slice.begin;
    under_.end = slice.end;
    under_.slice = true;
    const traces::TrackSpan& span = slice.span;
    const std::string name = who(ws, lane.identity, lane.name, lane.site), length = format_duration(slice.end - slice.begin);
    const std::string from = time_text(slice.begin);
    switch (span.doing) {
        case Doing::kRunning:
            under_.sentence = fmt::format("{} ran for {} on worker {} from {}{}", name, length, span.worker, from,
                                          woken_text(ws, lane.identity, slice.begin));
            break;
        case Doing::kReady: {
            const std::string by = !span.woken       ? std::string()
                                   : slice.waker != 0 ? ", woken by " + who(ws, slice.waker, slice.waker_name, slice.waker_site)
                                                      : fmt::format(", woken by {}", inspect::wake_cause_name(span.cause));
            under_.sentence = fmt::format("{} was ready for {} from {}{}", name, length, from, by);
            break;
        }
        case Doing::kBlocked:
            under_.sentence = fmt::format("{} waited for {} from {}: {}", name, length, from, inspect::reason_name(span.reason));
            break;
        case Doing::kMixed: {
            const double all = std::max(1.0, static_cast<double>(span.end - span.begin));
            under_.sentence = fmt::format("{} in {} from {}: {} spans, ran {}, ready {}, waited {}", name, length, from, span.count,
                                          format_share(static_cast<double>(span.running) / all), format_share(static_cast<double>(span.ready) / all),
                                          format_share(static_cast<double>(span.blocked) / all));
            break;
        }
        case Doing::kUnknown:
            under_.sentence = fmt::format("what {} did from {} for {} is not known", name, from, length);
            break;
    }
}

}  // namespace coroscope::views
