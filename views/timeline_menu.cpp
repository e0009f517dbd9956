// The timeline's menu (timeline_view.h): what the right button offers of who is under it, and the answer to "why was it late".
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "views/format.h"
#include "views/timeline_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

using Doing = traces::TrackSpan::Doing;

constexpr float kLateUnits = 340, kLateRowUnits = 18, kMenuUnits = 280, kMenuRowUnits = 24;
constexpr std::size_t kLateRows = 6, kLateOthers = 4;

}  // namespace

// Of a wait: the ready span and the run that end it; of a ready span itself; of a run what came before it.
void TimelineView::open_menu() {
    menu_ = {};
    if (under_before_.identity == 0 || plan_ == nullptr) return;
    menu_.identity = under_before_.identity;
    menu_.begin = under_before_.begin;
    menu_.end = under_before_.end;
    menu_.opens = true;
    const auto lane = std::find_if(plan_->coroutines.begin(), plan_->coroutines.end(),
                                   [&](const CoroutineLane& candidate) { return candidate.identity == menu_.identity; });
    if (lane == plan_->coroutines.end()) return;
    const std::vector<TrackSlice>& spans = lane->spans;
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].begin != menu_.begin) continue;
        std::size_t ready = i;
        if (spans[i].span.doing == Doing::kBlocked) ready = i + 1;
        if (spans[i].span.doing == Doing::kRunning) ready = i == 0 ? spans.size() : i - 1;
        if (ready >= spans.size() || spans[ready].span.doing != Doing::kReady) return;
        menu_.ready = spans[ready];
        // Where runs are too short to be seen by themselves what follows begins with this one.
        const Doing next = ready + 1 < spans.size() ? spans[ready + 1].span.doing : Doing::kUnknown;
        if (next == Doing::kRunning || next == Doing::kMixed) menu_.run = spans[ready + 1];
        return;
    }
}

void TimelineView::go_to_waker(Workspace& ws, const TrackSlice& ready) {
    ws.session->set_time(ready.begin);
    seen_time_ = ready.begin;
    axis_.reveal(static_cast<double>(ready.begin));
    if (ready.waker != 0) ws.select_coroutine(ready.waker);
}

void TimelineView::ask_why_late(Workspace& ws) {
    const traces::TrackSpan& run = menu_.run->span;
    late_ = LateWish{menu_.identity, run.doing == Doing::kRunning ? run.worker : wire::kNone, {menu_.ready->begin, menu_.ready->end}};
    axis_.show(static_cast<double>(menu_.ready->begin), static_cast<double>(menu_.ready->end));
    ws.frames_wanted = std::max(ws.frames_wanted, 3);
}

void TimelineView::draw_menu(Workspace& ws) {
    if (std::exchange(menu_.opens, false)) ImGui::OpenPopup("timeline.menu");
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ws.px(8), ws.px(8)});
    const bool open = ImGui::BeginPopup("timeline.menu");
    ImGui::PopStyleVar();
    if (!open) return;
    const Theme& theme = *ws.theme;
    const auto row = [&](const char* name, const std::string& label, const std::string& says, bool can) {
        const ImVec2 corner = ImGui::GetCursorScreenPos();
        const bool pressed = ImGui::Selectable((std::string("##") + name).c_str(), false, can ? 0 : ImGuiSelectableFlags_Disabled,
                                               {ws.px(kMenuUnits), ws.px(kMenuRowUnits - 4)});
        publish_item(ws, std::string("timeline.menu.") + name);
        ImDrawList* list = ImGui::GetWindowDrawList();
        const float y = corner.y + std::floor((ws.px(kMenuRowUnits - 4) - ws.fonts.text->FontSize) / 2), right = corner.x + ws.px(kMenuUnits - 4);
        const float label_end = corner.x + ws.px(12) + text_width(ws.fonts.text, label);
        draw_text(list, ws.fonts.text, {corner.x + ws.px(4), y}, can ? theme.text : theme.text_faint, label);
        draw_text(list, ws.fonts.small, {right, y + ws.px(1)}, theme.text_faint, cut_to(ws.fonts.small, says, right - label_end), 1);
        return pressed && can;
    };
    const std::string waker = !menu_.ready.has_value()      ? std::string("not in sight")
                              : !menu_.ready->span.woken     ? std::string("nobody: it yielded or was spawned")
                              : menu_.ready->waker != 0      ? who(ws, menu_.ready->waker, menu_.ready->waker_name, menu_.ready->waker_site)
                                                             : std::string(inspect::wake_cause_name(menu_.ready->span.cause));
    if (row("select", "Select it", std::to_string(menu_.identity), true)) ws.select_coroutine(menu_.identity);
    if (row("pin", ws.is_pinned(menu_.identity) ? "Let it go" : "Pin it", "a lane of its own", true)) ws.toggle_pin(menu_.identity);
    if (row("zoom", "Zoom to it", format_duration(menu_.end - menu_.begin), menu_.end > menu_.begin))
        axis_.show(static_cast<double>(menu_.begin), static_cast<double>(menu_.end));
    if (row("waker", "Go to who woke it", waker, menu_.ready.has_value() && menu_.ready->span.woken)) go_to_waker(ws, *menu_.ready);
    const bool ran = menu_.ready.has_value() && menu_.run.has_value();
    // Where its next run is outside of the stretch that is seen, nothing is known of it here.
    const std::string late = ran ? fmt::format("ready for {}", format_duration(menu_.run->begin - menu_.ready->begin))
                                 : std::string("its run is not in sight");
    if (row("late", "Why was it late?", late, ran)) ask_why_late(ws);
    ImGui::EndPopup();
}

// A box at the lower edge: how long it was ready, who ran on its worker meanwhile, and what the others did.
void TimelineView::draw_late(Workspace& ws, const Layout& at) {
    late_box_ = {};
    if (!late_.has_value() || plan_ == nullptr) return;
    const Theme& theme = *ws.theme;
    const LateWake* late = plan_->late.has_value() && plan_->late->of == *late_ ? &*plan_->late : nullptr;
    const std::size_t rows = late == nullptr ? 1 : std::min(kLateRows, late->runners.size()) + 1 + (late->others.empty() ? 0 : 1);
    const float width = std::min(ws.px(kLateUnits), at.lanes.x1 - at.lanes.x0), line = ws.px(kLateRowUnits), pad = ws.px(10);
    const float height = 2 * pad + ws.px(22) + line * static_cast<float>(rows);
    const Rect box = {at.lanes.x1 - width, std::max(at.lanes.y0, at.lanes.y1 - height - ws.px(4)), at.lanes.x1, at.lanes.y1 - ws.px(4)};
    ws.publish("timeline.late", box);
    late_box_ = box;
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->PushClipRect({box.x0, box.y0}, {box.x1, box.y1}, true);
    list->AddRectFilled({box.x0, box.y0}, {box.x1, box.y1}, theme.raised, ws.px(4));
    list->AddRect({box.x0, box.y0}, {box.x1, box.y1}, theme.line_strong, ws.px(4));
    const std::int64_t ready_ns = late_->ready.end - late_->ready.begin;
    const auto share_of = [&](std::int64_t ns) {
        return format_share(ready_ns <= 0 ? 0 : static_cast<double>(ns) / static_cast<double>(ready_ns));
    };
    const float x = box.x0 + pad, right = box.x1 - pad;
    float y = box.y0 + pad;
    draw_text(list, ws.fonts.strong, {x, y}, theme.text,
              cut_to(ws.fonts.strong, fmt::format("{} was ready for {}", late_->identity, format_duration(ready_ns)), width - ws.px(48)));
    ImGui::SetCursorScreenPos({box.x1 - ws.px(28), box.y0 + ws.px(4)});
    if (button(ws, "timeline.late.close", "×", ButtonKind::kQuiet, "Close")) late_.reset();
    y += ws.px(22);
    const auto told = [&](const std::string& what, const std::string& value, ImU32 colour) {
        draw_text(list, ws.fonts.mono_small, {right, y}, colour, value, 1);
        draw_text(list, ws.fonts.small, {x, y}, colour, cut_to(ws.fonts.small, what, right - text_width(ws.fonts.mono_small, value) - ws.px(12) - x));
    };
    if (late == nullptr) {
        told("reading who ran meanwhile", "", theme.accent);
        list->PopClipRect();
        return;
    }
    if (late->worker == wire::kNone) {
        told("which worker ran it then is not known", "", theme.text_dim);
        list->PopClipRect();
        return;
    }
    told(late->runners.empty() ? fmt::format("nobody ran on worker {} meanwhile: it slept, or was somewhere else", late->worker)
                               : fmt::format("meanwhile worker {} ran", late->worker),
         fmt::format("{} of it", share_of(late->busy_ns)),
         theme.text_dim);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    for (std::size_t i = 0; i < std::min(kLateRows, late->runners.size()); ++i) {
        y += line;
        const LateRunner& runner = late->runners[i];
        const Rect row = {box.x0 + ws.px(4), y - ws.px(1), box.x1 - ws.px(4), y + line - ws.px(2)};
        ws.publish(fmt::format("timeline.late.{}", i), row);
        if (hovered_ && mouse.x >= row.x0 && mouse.x < row.x1 && mouse.y >= row.y0 && mouse.y < row.y1) {
            list->AddRectFilled({row.x0, row.y0}, {row.x1, row.y1}, theme.hover, ws.px(3));
            ws.hover_coroutine(runner.identity);
            if (ImGui::IsMouseReleased(0) && runner.identity != 0) ws.select_coroutine(runner.identity);
        }
        told(fmt::format("{}, {} {}", runner.identity == 0 ? "not known who" : who(ws, runner.identity, runner.name, runner.site), runner.slices,
                         runner.slices == 1 ? "slice" : "slices"),
             format_duration(runner.ns), theme.text);
    }
    if (late->others.empty()) {
        list->PopClipRect();
        return;
    }
    y += line;
    std::string shares;
    for (std::size_t i = 0; i < std::min(kLateOthers, late->others.size()); ++i)
        shares += fmt::format("{}{}", i == 0 ? "" : " ", share_of(late->others[i].second));
    told(late->others.size() == 1 ? "the other worker ran somebody" : "the others ran somebody", shares, theme.text_faint);
    list->PopClipRect();
}

}  // namespace coroscope::views
