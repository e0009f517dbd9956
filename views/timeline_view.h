// Timeline: who ran when on which worker, what the chosen coroutines did meanwhile, and who woke whom; from hours to nanoseconds.
//
//   strip     all of the trace: events by time, losses, what is seen below; a click or drag goes there
//   ruler     times; a click goes to that time, a drag selects a range
//   lanes     a worker each: its coroutines' slices. Below: what the program said, with its zones in its coroutines' lanes; a lane each for the
//             selected coroutine and for those that are pinned; how full the selected channel was, the pinned ones, and some of the busiest
//
// W A S D and the wheel (with Ctrl; where nothing scrolls also without) zoom and move, the right button drags, the left one selects a range, the
// middle one zooms into one, a double click into a slice. A click selects who runs, with Shift it also goes there; the right button opens a menu
// of who is under it: who woke it, why it ran so late, a pin. All keys: add_timeline_actions(). Shift+P also pins the channel under the mouse.
//
// Publishes "timeline.strip", "timeline.ruler", "timeline.lanes", "timeline.worker.N", "timeline.slice.N" (the widest slice that is seen of
// worker N), "timeline.coroutine.ID", "timeline.channel.NAME", "timeline.said", "timeline.unpin.ID", "timeline.in", "timeline.out",
// "timeline.fit", "timeline.span.ID" (the widest span seen of a coroutine's lane), "timeline.menu.WHAT" (select, pin, zoom, waker, late),
// "timeline.late", "timeline.late.close" and "timeline.late.N". What is drawn: timeline_plan.h, made off the frame by timeline_planner.h; which
// stretch of time: timeline_axis.h. Drawing: timeline_lanes.cpp, timeline_depths.cpp, timeline_arrows.cpp; mouse: timeline_hands.cpp; menu:
// timeline_menu.cpp.
//
// The frame's thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "views/timeline_axis.h"
#include "views/timeline_planner.h"
#include "views/view.h"

namespace coroscope::views {

class TimelineView : public View {
public:
    const char* name() const override { return "timeline"; }
    const char* title() const override { return "Timeline"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return wanted_ && planner_ != nullptr && (planner_->busy() || moving_); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // ---- what keys do
    // The mouse is over it, or it was clicked last (`focused`).
    bool in_hand(bool focused) const { return hovered_ || focused; }
    void zoom(Workspace& ws, double factor);
    void pan(double share) { axis_.pan(share); }
    void fit() { axis_.fit(); }
    // To the selected range; without one to where the selected coroutine is in sight.
    void show_selection(Workspace& ws);
    // Pins the hovered coroutine, or the selected one, so that its lane stays; or lets it go.
    void pin(Workspace& ws);
    const TimelineAxis& axis() const { return axis_; }

private:
    // Where things are on the screen, of this frame.
    struct Layout {
        Rect all, strip, ruler, lanes;
        float gutter = 0;  // right end of the lanes' titles
        float row = 0, gap = 0;
    };
    enum class Drag { kNone, kRange, kPan, kZoom, kStrip };
    // What lies under the mouse.
    struct Under {
        std::uint64_t identity = 0;
        std::string channel;
        traces::TimeNs begin = 0, end = 0;
        bool slice = false;
        std::string sentence;
    };

    Layout lay_out(Workspace& ws) const;
    void follow_time(Workspace& ws);
    void want_plan(Workspace& ws, const Layout& at);
    std::vector<std::uint64_t> wanted_coroutines(Workspace& ws) const;
    void draw_head(Workspace& ws);
    // The strip and the ruler (timeline_head.cpp).
    void draw_strip(Workspace& ws, const Layout& at);
    void draw_ruler(Workspace& ws, const Layout& at);
    void draw_cursor(Workspace& ws, const Layout& at);
    // Lanes (timeline_lanes.cpp).
    void draw_lanes(Workspace& ws, const Layout& at);
    void draw_worker(Workspace& ws, const WorkerLane& lane, Rect row);
    void draw_columns(Workspace& ws, const WorkerLane& lane, Rect row);
    void draw_slices(Workspace& ws, const WorkerLane& lane, Rect row);
    void draw_coroutine(Workspace& ws, const Layout& at, const CoroutineLane& lane, Rect row);
    void draw_title(Workspace& ws, const Layout& at, Rect row, const std::string& title, const std::string& value, ImU32 colour);
    void draw_losses(Workspace& ws, const std::vector<TimeRange>& losses, Rect row);
    // Channels, texts and zones (timeline_depths.cpp).
    std::vector<std::string> wanted_channels(const Workspace& ws) const;
    std::size_t room_for_channels(const Layout& at, const Workspace& ws) const;
    void toggle_channel_pin(const std::string& channel);
    void draw_channel(Workspace& ws, const Layout& at, const ChannelLane& lane, Rect row);
    void draw_said(Workspace& ws, const Layout& at, Rect row);
    void draw_zones(Workspace& ws, std::uint64_t identity, Rect row);
    void draw_signals(Workspace& ws, const Layout& at);
    // Who woke the selected coroutine (timeline_arrows.cpp).
    void draw_arrows(Workspace& ws, const Layout& at);
    // The mouse (timeline_hands.cpp).
    void take_mouse(Workspace& ws, const Layout& at);
    void take_wheel(Workspace& ws, const Layout& at);
    void drag_on(Workspace& ws, const Layout& at);
    void release(Workspace& ws, const Layout& at);
    void click(Workspace& ws, float x, bool on_ruler);
    void hover_slice(Workspace& ws, const WorkerLane& lane, const PlanSlice& slice);
    void hover_column(const WorkerLane& lane, const PlanColumn& column, traces::TimeNs begin, traces::TimeNs end);
    void hover_span(Workspace& ws, const CoroutineLane& lane, const TrackSlice& slice);
    // The menu of what the right button was clicked on, and what it answers (timeline_menu.cpp).
    struct Menu {
        std::uint64_t identity = 0;
        traces::TimeNs begin = 0, end = 0;
        std::optional<TrackSlice> ready, run;  // what it was made ready by, what this led to (a run, or mixed spans that begin with it);
                                               // nullopt = not in sight
        bool opens = false;
    };
    void open_menu();
    void draw_menu(Workspace& ws);
    void go_to_waker(Workspace& ws, const TrackSlice& ready);
    void ask_why_late(Workspace& ws);
    void draw_late(Workspace& ws, const Layout& at);
    // Words.
    std::string who(Workspace& ws, std::uint64_t identity, std::uint32_t name, std::uint32_t site) const;
    bool left_out(const Workspace& ws, std::uint64_t identity, std::uint32_t name, std::uint32_t site);
    std::string time_text(traces::TimeNs t) const;
    std::string woken_text(Workspace& ws, std::uint64_t identity, traces::TimeNs begin) const;

    TimelineAxis axis_;
    std::unique_ptr<TimelinePlanner> planner_;
    std::shared_ptr<const TimelinePlan> plan_;  // of this frame
    std::optional<TimelineWish> wish_;
    // Whom the one filter leaves out, as far as it was asked.
    std::shared_ptr<const PastFilter> judged_by_;
    std::unordered_map<std::uint64_t, bool> judged_;
    bool wanted_ = false, hovered_ = false, moving_ = false;
    traces::TimeNs seen_time_ = -1;
    float scroll_ = 0, scroll_max_ = 0;
    std::vector<std::string> channel_pins_;    // "channel:NAME", oldest first
    std::map<std::uint32_t, float> worker_y_;  // middle of each worker's lane
    Under under_, under_before_;               // of this frame, and of the one before
    int under_frames_ = 0;                     // for which the same coroutine has been under the mouse
    Menu menu_;
    std::optional<LateWish> late_;  // that is answered at the lower edge
    Rect late_box_;                 // where, in the last frame
    Drag drag_ = Drag::kNone;
    float drag_x0_ = 0;
    bool dragged_ = false;  // further than a click
};

}  // namespace coroscope::views
