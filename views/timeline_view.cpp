// See timeline_view.h. Here: what is wished for, the frame's layout, the head, and the dump.
#include "views/timeline_view.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kHeadUnits = 36, kStripUnits = 32, kRulerUnits = 24, kGutterUnits = 132, kRowUnits = 24, kRowUnitsMax = 40, kRowGapUnits = 4;
constexpr double kMargin = 0.5;        // planned beside what is seen, of its length
constexpr int kHoverFrames = 3;        // before what is hovered is looked up
constexpr std::size_t kBusiest = 8;    // coroutines that have a lane unasked
constexpr double kKeepScale = 1.02;    // a plan serves until the scale differs by more
constexpr std::size_t kDumpedChannels = 4;  // busiest ones that a dump tells of

// How full they were in the range, from its events.
nlohmann::json dump_channels(const std::shared_ptr<const traces::Replay>& replay, TimeRange range, const std::vector<std::string>& asked) {
    ChannelDepths depths;
    const traces::Search search;
    depths.follow(replay);
    depths.choose(asked, kDumpedChannels);
    while (depths.advance(range, std::chrono::steady_clock::time_point::max(), search)) {
    }
    nlohmann::json rows = nlohmann::json::array();
    const auto lanes = depths.lanes(range, static_cast<double>(std::max<traces::TimeNs>(1, range.end - range.begin)), search);
    for (const ChannelLane& lane : lanes.value_or(std::vector<ChannelLane>())) {
        rows.push_back({{"channel", lane.text}, {"capacity", lane.capacity}, {"busiest", lane.busiest}, {"found", lane.found},
                        {"most", lane.columns.front().most}, {"last", lane.columns.front().last}});
    }
    return rows;
}

// Texts in the range, and the zones that those coroutines were in.
nlohmann::json dump_told(const traces::LaneIndex& index, TimeRange range, const std::vector<std::uint64_t>& zones_of) {
    traces::Search search;
    const auto told = told_between(index, {range, zones_of, zones_of.size()}, search);
    if (!told.has_value()) return nullptr;
    nlohmann::json zones = nlohmann::json::array();
    for (const std::uint64_t identity : zones_of) {
        const auto count = std::count_if(told->zones.begin(), told->zones.end(), [&](const ZoneSpan& zone) { return zone.identity == identity; });
        zones.push_back({{"id", identity}, {"zones", count}});
    }
    const auto notes = std::count_if(told->marks.begin(), told->marks.end(), [](const SaidMark& mark) { return mark.is_note; });
    const bool read = std::all_of(told->marks.begin(), told->marks.end(), [](const SaidMark& mark) { return mark.pieces == 0; });
    return {{"speaks", told->speaks}, {"marks", told->marks.size()}, {"notes", notes}, {"read", read}, {"zones_read", told->zones_read},
            {"zones", std::move(zones)}};
}

}  // namespace

void TimelineView::reset() {
    planner_.reset();
    plan_.reset();
    wish_.reset();
    axis_.reset();
    wanted_ = hovered_ = moving_ = false;
    seen_time_ = -1;
    scroll_ = 0;
    channel_pins_.clear();
    drag_ = Drag::kNone;
    menu_ = {};
    late_.reset();
    under_ = under_before_ = {};
}

TimelineView::Layout TimelineView::lay_out(Workspace& ws) const {
    const ImVec2 at = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    Layout layout;
    layout.all = {at.x, at.y, at.x + size.x, at.y + size.y};
    layout.gutter = std::min(at.x + ws.px(kGutterUnits), at.x + std::floor(size.x / 3));
    const float right = layout.all.x1 - ws.px(12);
    layout.strip = {layout.gutter, at.y + ws.px(kHeadUnits), right, at.y + ws.px(kHeadUnits + kStripUnits)};
    layout.ruler = {layout.gutter, layout.strip.y1 + ws.px(4), right, layout.strip.y1 + ws.px(4 + kRulerUnits)};
    layout.lanes = {layout.gutter, layout.ruler.y1, right, layout.all.y1 - ws.px(4)};
    layout.gap = ws.px(kRowGapUnits);
    // Where there is room rows are higher, so that heights tell more.
    std::size_t rows = 1;
    if (plan_ != nullptr) rows = plan_->workers.size() + plan_->coroutines.size() + plan_->channels.size() + (plan_->told.speaks ? 1 : 0);
    const float room = (layout.lanes.y1 - layout.lanes.y0 - ws.px(40)) / static_cast<float>(std::max<std::size_t>(6, rows)) - layout.gap;
    layout.row = std::floor(std::clamp(room, ws.px(kRowUnits), ws.px(kRowUnitsMax)));
    return layout;
}

// The time that is looked at stays in sight when somebody else changes it: a step, a message, the time bar.
void TimelineView::follow_time(Workspace& ws) {
    const auto time = ws.session->time();
    const traces::TimeNs now = time.value_or(-1);
    if (now == seen_time_) return;
    const bool first = seen_time_ == -1 && !plan_;
    seen_time_ = now;
    if (time.has_value() && !first) axis_.reveal(static_cast<double>(*time));
}

std::vector<std::uint64_t> TimelineView::wanted_coroutines(Workspace& ws) const {
    std::vector<std::uint64_t> wanted = ws.pins();
    const auto add = [&](std::uint64_t identity) {
        if (identity != 0 && std::find(wanted.begin(), wanted.end(), identity) == wanted.end()) wanted.push_back(identity);
    };
    add(ws.selection().coroutine);
    if (under_frames_ >= kHoverFrames && drag_ == Drag::kNone) add(under_before_.identity);
    return wanted;
}

void TimelineView::want_plan(Workspace& ws, const Layout& at) {
    const std::shared_ptr<const traces::Replay> replay = ws.session->replay();
    wanted_ = replay != nullptr;
    if (!wanted_) return;
    if (planner_ == nullptr) planner_ = std::make_unique<TimelinePlanner>(ws.waker());
    const double span = axis_.end() - axis_.begin(), pixel = axis_.ns_per_pixel();
    const TimeRange seen = axis_.seen();
    TimelineWish wish;
    wish.replay = replay;
    wish.coroutines = wanted_coroutines(ws);
    wish.whole = {ws.info.begin, std::max(ws.info.begin + 1, ws.info.end)};
    wish.strip_parts = static_cast<std::size_t>(std::max(1.0F, axis_.x1() - axis_.x0()));
    wish.busiest = kBusiest;
    wish.channels = wanted_channels(ws);
    wish.busiest_channels = room_for_channels(at, ws);
    wish.whom = ws.past_filter();
    wish.late = late_;
    wish.pixel_ns = pixel;
    wish.seen = seen;
    wish.range = {static_cast<traces::TimeNs>(std::floor(axis_.begin() - kMargin * span)),
                  static_cast<traces::TimeNs>(std::ceil(axis_.end() + kMargin * span))};
    // On the way a plan serves as long as it reaches to both ends of the screen and its pixels are about those of the screen.
    const bool serves = wish_.has_value() && moving_ && wish_->range.begin <= seen.begin && wish_->range.end >= seen.end &&
                        std::max(pixel / wish_->pixel_ns, wish_->pixel_ns / pixel) <= kKeepScale;
    if (serves) {
        wish.pixel_ns = wish_->pixel_ns;
        wish.range = wish_->range;
        wish.seen = wish_->seen;
    }
    if (wish_.has_value() && *wish_ == wish) return;
    wish_ = wish;
    planner_->want(std::move(wish));
}

void TimelineView::draw(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) {
        empty_state(ws, "No timeline yet", "It appears with the first look at the program.");
        return;
    }
    if (ws.info.kind == traces::SessionKind::kCore) {
        empty_state(ws, "One moment has no timeline", "A core is what a program was at its end. Record the program to see how it came there.");
        return;
    }
    const Layout at = lay_out(ws);
    axis_.set_bounds(ws.info.begin, ws.info.end);
    axis_.set_pixels(at.lanes.x0, at.lanes.x1);
    const ImVec2 room = ImGui::GetWindowSize();
    if (room.x < ws.px(200) || room.y < ws.px(120)) return;
    take_mouse(ws, at);
    follow_time(ws);
    moving_ = axis_.step(static_cast<double>(ImGui::GetIO().DeltaTime));
    if (moving_) ws.frames_wanted = std::max(ws.frames_wanted, 2);
    want_plan(ws, at);
    if (!wanted_) {
        empty_state(ws, "Nobody listens to events",
                    "A timeline is made of events. Press E to listen while they are cheap, or always; or record the program.");
        return;
    }
    plan_ = planner_->plan();
    if (ws.moment->events_total == 0 && !ws.info.listening && ws.info.kind == traces::SessionKind::kLive) {
        empty_state(ws, "No events are known",
                    "A timeline is made of events, and nobody listens to them. Press E to listen while they are cheap, or always.");
        return;
    }
    draw_head(ws);
    draw_strip(ws, at);
    draw_ruler(ws, at);
    draw_lanes(ws, at);
    draw_cursor(ws, at);
    draw_late(ws, at);
    draw_menu(ws);
}

// "12.3 ms from 1.234 s   reading 43 %" and what the mouse can also do with buttons.
void TimelineView::draw_head(Workspace& ws) {
    const Theme& theme = *ws.theme;
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    const TimeRange seen = axis_.seen();
    text(ws.fonts.strong, theme.text, format_duration(seen.end - seen.begin));
    ImGui::SameLine(0, ws.px(8));
    text(ws.fonts.small, theme.text_faint, fmt::format("from {}", time_text(std::max(seen.begin, ws.info.begin))));
    if (const auto& range = ws.selection().range; range.has_value()) {
        ImGui::SameLine(0, ws.px(16));
        text(ws.fonts.small, theme.accent, fmt::format("{} selected", format_duration(range->end - range->begin)));
    }
    if (plan_ != nullptr && plan_->chunks_known < plan_->chunks_count) {
        ImGui::SameLine(0, ws.px(16));
        text(ws.fonts.small, theme.text_dim,
             fmt::format("reading the trace: {} %", 100 * plan_->chunks_known / std::max<std::size_t>(1, plan_->chunks_count)));
    } else if (plan_ != nullptr && !plan_->problem.empty()) {
        ImGui::SameLine(0, ws.px(16));
        text(ws.fonts.small, theme.bad, "not all of the trace can be read");
        if (ImGui::IsItemHovered()) ws.hovered = plan_->problem;
    }
    place_head_buttons(ws, {"−", "Fit", "+"});
    if (button(ws, "timeline.out", "−", ButtonKind::kQuiet, "Zoom out (S)")) axis_.zoom((axis_.x0() + axis_.x1()) / 2, 2);
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "timeline.fit", "Fit", ButtonKind::kQuiet, "Show all of it (F)")) axis_.fit();
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "timeline.in", "+", ButtonKind::kQuiet, "Zoom in (W)")) axis_.zoom((axis_.x0() + axis_.x1()) / 2, 0.5);
}

void TimelineView::zoom(Workspace& ws, double factor) {
    const float mouse = ImGui::GetIO().MousePos.x;
    float x = (axis_.x0() + axis_.x1()) / 2;
    if (hovered_ && mouse >= axis_.x0() && mouse <= axis_.x1()) {
        x = mouse;
    } else if (ws.session != nullptr && ws.session->time().has_value()) {
        const float cursor = axis_.x_of(static_cast<double>(*ws.session->time()));
        if (cursor >= axis_.x0() && cursor <= axis_.x1()) x = cursor;
    }
    axis_.zoom(x, factor);
}

void TimelineView::show_selection(Workspace& ws) {
    if (const auto& range = ws.selection().range; range.has_value()) {
        axis_.show(static_cast<double>(range->begin), static_cast<double>(range->end));
        return;
    }
    if (plan_ == nullptr) return;
    for (const CoroutineLane& lane : plan_->coroutines) {
        if (lane.identity == ws.selection().coroutine && lane.known && lane.end > lane.begin)
            axis_.show(static_cast<double>(lane.begin), static_cast<double>(lane.end));
    }
}

void TimelineView::pin(Workspace& ws) {
    const bool channel = !under_before_.channel.empty();
    if (channel || (under_before_.identity == 0 && ws.selection().coroutine == 0 && !ws.selection().channel.empty())) {
        toggle_channel_pin(channel ? under_before_.channel : ws.selection().channel);
        return;
    }
    const std::uint64_t identity = under_before_.identity != 0 ? under_before_.identity : ws.selection().coroutine;
    if (identity == 0) return;
    ws.toggle_pin(identity);
}

// Of a slice whose coroutine is not known that cannot be said.
bool TimelineView::left_out(const Workspace& ws, std::uint64_t identity, std::uint32_t name, std::uint32_t site) {
    const auto& whom = ws.past_filter();
    if (whom == nullptr) return false;
    if (whom != judged_by_) {
        judged_by_ = whom;
        judged_.clear();
    }
    const auto [known, fresh] = judged_.try_emplace(identity, true);
    if (fresh) {
        inspect::CoroutineImage coroutine;
        coroutine.name = name;
        coroutine.site = site;
        known->second = !whom->passes(identity, ws.moment->state.coroutine_name(coroutine), ws.moment->state.site_text(site));
    }
    return known->second;
}

std::string TimelineView::who(Workspace& ws, std::uint64_t identity, std::uint32_t name, std::uint32_t site) const {
    if (identity == 0) return "somebody";
    inspect::CoroutineImage known;
    known.name = name;
    known.site = site;
    return fmt::format("{} {}", ws.moment->state.coroutine_name(known), identity);
}

// As exact as a pixel.
std::string TimelineView::time_text(traces::TimeNs t) const {
    const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(std::max(1.0, axis_.ns_per_pixel()) * 1e-9))), 3, 9);
    return fmt::format("{:.{}f} s", static_cast<double>(t) / 1e9, digits);
}

nlohmann::json TimelineView::dump(Workspace& ws) {
    const std::shared_ptr<const traces::Replay> replay = ws.session != nullptr ? ws.session->replay() : nullptr;
    if (replay == nullptr) return {{"past", false}};
    traces::LaneIndex index;
    index.follow(replay);
    const TimeRange all = {replay->begin(), replay->end()};
    const TimeRange range = ws.selection().range.value_or(all);
    const TimeRange seen = axis_.seen();
    nlohmann::json out = to_json(sum_timeline(index, range));
    out["past"] = true;
    out["range"] = {{"begin_ns", range.begin}, {"end_ns", range.end}};
    out["seen"] = {{"begin_ns", seen.begin}, {"end_ns", seen.end}};
    out["signals"] = index.signals().size();
    out["late"] = late_.has_value() ? to_json(why_late(index, *late_)) : nlohmann::json(nullptr);
    out["pinned"] = ws.pins();
    out["coroutines"] = nlohmann::json::array();
    std::vector<std::uint64_t> shown = ws.pins();
    if (const std::uint64_t selected = ws.selection().coroutine; selected != 0 && std::find(shown.begin(), shown.end(), selected) == shown.end())
        shown.push_back(selected);
    for (const std::uint64_t identity : shown)
        out["coroutines"].push_back(sum_coroutine(index, identity, range));
    out["channels"] = dump_channels(replay, range, wanted_channels(ws));
    out["told"] = dump_told(index, range, shown);
    out["drawn"] = nlohmann::json::array();
    if (plan_ != nullptr) {
        for (const WorkerLane& lane : plan_->workers)
            out["drawn"].push_back({{"worker", lane.worker}, {"slices", lane.slices.size()}, {"slices_seen", lane.slices_seen},
                                    {"running_share", lane.running_share}});
        out["lanes"] = nlohmann::json::array();
        for (const CoroutineLane& lane : plan_->coroutines)
            out["lanes"].push_back({{"id", lane.identity}, {"busiest", lane.busiest}});
        out["drawn_complete"] = plan_->complete;
        out["drawn_channels"] = nlohmann::json::array();
        for (const ChannelLane& lane : plan_->channels)
            out["drawn_channels"].push_back({{"channel", lane.text}, {"busiest", lane.busiest}, {"columns", lane.columns.size()}});
        out["drawn_marks"] = plan_->told.marks.size();
        out["drawn_zones"] = plan_->told.zones.size();
    }
    return out;
}

}  // namespace coroscope::views
