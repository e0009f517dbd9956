// See stack_view.h.
#include "views/stack_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "views/describe.h"
#include "views/empty_texts.h"
#include "views/format.h"
#include "views/selected_frames.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowUnits = 24;
constexpr std::size_t kMergedRowsMax = 400;

}  // namespace

void StackView::reset() {
    merged_.reset();
    said_.reset();
    code_.reset();
    waiting_ = false;
    shown_text_.clear();
    frames_shown_ = 0;
}

nlohmann::json StackView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    return traces::stacks_json(*ws.session, *ws.moment);
}

void StackView::move(Workspace& ws, int by) {
    if (frames_shown_ == 0) return;
    const auto next = static_cast<std::ptrdiff_t>(frame_chosen_) + by;
    ws.select_frame(static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(next, 0, static_cast<std::ptrdiff_t>(frames_shown_) - 1)));
}

void StackView::draw(Workspace& ws) {
    waiting_ = code_drawn_ = false;
    shown_text_.clear();
    frames_shown_ = 0;
    if (ws.moment == nullptr) {
        empty_state(ws, "No stacks yet", "They are unwound as soon as the first coroutines have parked.");
        return;
    }
    const Selection& selection = ws.selection();
    const inspect::CoroutineImage* coroutine = ws.selected();
    const ImVec2 origin = ImGui::GetCursorPos();
    const bool nothing = selection.coroutine == 0;
    if (!nothing) {
        place_head_buttons(ws, {kModes[0], kModes[1]});
        choice(ws, "stack.mode", kModes, 2, &mode_);
        ImGui::SetCursorPos(origin);
    }
    if (mode_ == 1 || nothing) {
        draw_all(ws);
    } else if (coroutine == nullptr) {
        const std::string gone = fmt::format("Coroutine {} is not alive at this time", selection.coroutine);
        empty_state(ws, gone.c_str(),
                    "It ended, or had not been spawned. Select another one in the table or the heatmap; "
                    "Ctrl+Z goes back.");
    } else {
        draw_one(ws, *coroutine);
    }
}

void StackView::draw_one(Workspace& ws, const inspect::CoroutineImage& coroutine) {
    const inspect::StackRef* stack = ws.moment->stack_of(coroutine);
    draw_who(ws, coroutine, stack);
    const float used = draw_use(ws, coroutine, stack, draw_links(ws, coroutine));
    ImGui::SetCursorPosY(said_.draw(ws, coroutine, draw_site_use(ws, coroutine, used)) + ws.px(4));
    const ConsistencyLabel label = consistency_label(coroutine, stack);
    const bool running = coroutine.state == wire::CoroutineState::kRunning;
    // Without a stack of this very park, where it parked is still known: its one frame.
    const SelectedFrames selected = selected_frames(ws);
    const bool unwound = selected.unwound;
    if (running && !unwound && draw_running_look(ws, coroutine)) return;
    if (!unwound && (running || coroutine.rip == 0)) {
        empty_state(ws, running ? "It is running" : "No stack to show", label.sentence);
        return;
    }
    waiting_ = waiting_ || !selected.named;
    const std::vector<inspect::Frame>& named = selected.frames;
    const float room = ImGui::GetContentRegionAvail().y;
    const float wanted = static_cast<float>(named.size() +
                                            (unwound && stack->end == inspect::UnwindEnd::kEntry ? 0 : 1)) *
                             ws.px(kRowUnits) +
                         ws.px(8);
    const float height = std::floor(std::min(wanted, std::max(room * share_, ws.px(3 * kRowUnits))));
    draw_frames(ws, named,
                unwound ? end_text(stack->end)
                : ws.info.kind == traces::SessionKind::kCore
                    ? "Only where it parked is known: its stack is not in the core."
                    : "Only where it parked is known here; its callers come with the next keyframe.",
                ws.code_in_front ? room : height);
    shown_text_ = one_line(*ws.moment, coroutine) + "\n" + frames_text(named);
    frames_shown_ = named.size();
    if (named.empty() || ws.code_in_front) return;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::GetWindowDrawList()->AddRectFilled(
        {at.x, at.y}, {at.x + ImGui::GetContentRegionAvail().x, at.y + std::max(1.0F, std::floor(ws.scale))},
        ws.theme->line);
    ImGui::SetCursorScreenPos({at.x, at.y + ws.px(1)});
    ImGui::BeginChild("code", {0, 0}, false,
                      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    code_drawn_ = true;
    code_.draw(ws, named[frame_chosen_], code_context(ws, coroutine, named, frame_chosen_));
    ImGui::EndChild();
}

// What the last look at those that ran saw of it (key L). False: it did not see it.
bool StackView::draw_running_look(Workspace& ws, const inspect::CoroutineImage& coroutine) {
    const traces::HoldState hold = ws.session->hold_state();
    if (hold.running == nullptr) return false;
    const auto look = std::find_if(hold.running->begin(), hold.running->end(), [&](const auto& one) {
        return one.coroutine == coroutine.identity && !one.frames.empty();
    });
    if (look == hold.running->end()) return false;
    draw_frames(ws, look->frames, fmt::format("Where it stood on worker {} when it was looked at; it has gone on.", look->worker),
                ImGui::GetContentRegionAvail().y);
    shown_text_ = one_line(*ws.moment, coroutine) + "\n" + frames_text(look->frames);
    frames_shown_ = look->frames.size();
    return true;
}

void StackView::draw_frame_row(Workspace& ws, const inspect::Frame& frame, std::size_t index, float width) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kRowUnits);
    const std::string name = fmt::format("frame.{}", index);
    if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height})) ws.select_frame(index);
    publish_item(ws, name);
    ImDrawList* list = ImGui::GetWindowDrawList();
    const bool chosen = index == frame_chosen_;
    if (chosen) {
        list->AddRectFilled(at, {at.x + width, at.y + height}, theme.accent_soft);
    } else if (ImGui::IsItemHovered()) {
        list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
    }
    if (ImGui::IsItemHovered()) {
        ws.hovered = fmt::format("{:#x} {}  {}", frame.pc, frame.function, position_text(frame));
    }
    const float y = at.y + std::floor((height - ws.fonts.text->FontSize) / 2),
                y_mono = at.y + std::floor((height - ws.fonts.mono_small->FontSize) / 2);
    draw_text(list, ws.fonts.mono_small, {at.x + ws.px(32), y_mono}, theme.text_faint, std::to_string(index),
              1);
    const std::string position = position_text(frame);
    const float position_width = std::min(text_width(ws.fonts.small, short_path(position)), width * 0.42F);
    const float name_width = width - ws.px(44) - position_width - ws.px(36) - (frame.inlined ? ws.px(52) : 0);
    const std::string function = cut_to(ws.fonts.mono, function_text(frame), name_width);
    draw_text(list, ws.fonts.mono,
              {at.x + ws.px(44), at.y + std::floor((height - ws.fonts.mono->FontSize) / 2)},
              frame.function.empty() ? theme.text_faint
              : runtime_frame(frame) ? theme.text_dim
                                     : theme.text,
              function);
    if (frame.inlined) {
        draw_text(list, ws.fonts.small,
                  {at.x + ws.px(44) + text_width(ws.fonts.mono, function) + ws.px(8), y + ws.px(1)},
                  theme.text_faint, "inlined");
    }
    draw_text(list, ws.fonts.small, {at.x + width - ws.px(12), y + ws.px(1)}, theme.text_dim,
              cut_to(ws.fonts.small, short_path(position), position_width + 1, true), 1);
}

void StackView::draw_frames(Workspace& ws, const std::vector<inspect::Frame>& frames,
                            const std::string& ended_because, float height) {
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("frames", {0, height});
    frames_shown_ = frames.size();
    const std::size_t chosen = ws.selection().frame;
    frame_chosen_ = chosen == Selection::kOwnFrame ? own_frame(frames)
                    : frames.empty()               ? 0
                                                   : std::min(chosen, frames.size() - 1);
    const float top = static_cast<float>(frame_chosen_) * ws.px(kRowUnits);
    if (std::exchange(frame_scrolled_to_, frame_chosen_) != frame_chosen_ &&
        (top < ImGui::GetScrollY() || top + ws.px(kRowUnits) > ImGui::GetScrollY() + height)) {
        ImGui::SetScrollY(scroll_to_middle(top, ws.px(kRowUnits), height));
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    const float width = ImGui::GetContentRegionAvail().x;
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(frames.size()), ws.px(kRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_frame_row(ws, frames[static_cast<std::size_t>(i)], static_cast<std::size_t>(i), width);
    }
    if (!ended_because.empty()) {
        ImGui::SetCursorPosX(ws.px(44));
        text(ws.fonts.small, ws.theme->warn, ended_because);
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void StackView::draw_merged_row(Workspace& ws, const MergedStacks& merged, std::size_t index, float width) {
    const Theme& theme = *ws.theme;
    const MergedStack& row = merged.stacks[index];
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(44);
    const std::string name = fmt::format("merged.{}", index);
    if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height})) {
        ws.select_coroutine(row.first_identity);
        mode_ = 0;
    }
    publish_item(ws, name);
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (ImGui::IsItemHovered()) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
    const std::vector<inspect::Frame>* frames = ws.session->frames(merged.table->pcs(row.stack));
    if (frames == nullptr) waiting_ = true;
    const float count_end = at.x + ws.px(84);
    draw_text(list, ws.fonts.mono, {count_end, at.y + ws.px(4)}, theme.text, format_count(row.count), 1);
    const float bar = ws.px(60) * static_cast<float>(row.count) /
                      static_cast<float>(std::max<std::uint64_t>(1, merged.stacks.front().count));
    list->AddRectFilled({count_end - std::max(ws.px(2), std::floor(bar)), at.y + ws.px(27)},
                        {count_end, at.y + ws.px(31)}, theme.accent, ws.px(2));
    const float x = count_end + ws.px(16), room = at.x + width - ws.px(12) - x;
    if (frames == nullptr || frames->empty()) {
        draw_text(list, ws.fonts.text, {x, at.y + ws.px(4)}, theme.text_faint, "naming its functions …");
        return;
    }
    // The program's own function in front, then the call of the runtime that it is in, then who called it.
    const std::size_t own = own_frame(*frames);
    const inspect::Frame& front = (*frames)[own];
    std::string chain;
    if (own != 0) chain = "in " + function_text((*frames)[own - 1]);
    for (std::size_t i = own + 1; i < frames->size(); ++i) {
        if (!runtime_frame((*frames)[i])) chain += (chain.empty() ? "" : " ‹ ") + function_text((*frames)[i]);
    }
    const std::string position(short_path(position_text(front)));
    const float position_width = std::min(room * 0.4F, text_width(ws.fonts.small, position));
    draw_text(list, ws.fonts.mono, {x, at.y + ws.px(4)}, theme.text,
              cut_to(ws.fonts.mono, function_text(front), room - position_width - ws.px(16)));
    draw_text(list, ws.fonts.small, {x + room, at.y + ws.px(5)}, theme.text_dim,
              cut_to(ws.fonts.small, position, position_width + 1, true), 1);
    draw_text(list, ws.fonts.small, {x, at.y + ws.px(23)}, theme.text_faint,
              cut_to(ws.fonts.small, chain, room));
    if (ImGui::IsItemHovered())
        ws.hovered = fmt::format("{} × {} ‹ {}", row.count, function_text(front), chain);
}

void StackView::draw_all(Workspace& ws) {
    merged_.want(ws.background, {ws.moment, ws.filter}, [moment = ws.moment, filter = ws.filter] {
        if (filter.empty()) return merge_stacks(*moment);
        const FilterMatch match = match_filter(*moment, filter);
        return merge_stacks(*moment, &match);
    });
    const MergedStacks* merged = merged_.value();
    if (merged == nullptr) return;
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    text(ws.fonts.strong, ws.theme->text, "All stacks, look-alikes merged");
    ImGui::SetCursorPosX(ws.px(12));
    std::string line = fmt::format("{} kinds of stack among {} coroutines{}", format_count(merged->stacks.size()),
                                   format_count(merged->all), ws.filter.empty() ? "" : " that pass the filter");
    if (merged->without != 0)
        line += fmt::format(" · {} without one (running, or not captured)", format_count(merged->without));
    text(ws.fonts.small, ws.theme->text_faint, line);
    ImGui::SetCursorPosY(ws.px(56));
    if (merged->stacks.empty() || merged->table == nullptr) {
        if (merged->all == 0 && !ws.filter.empty()) {
            empty_state(ws, "No coroutine matches", "None passes the filter. Ctrl+Shift+F shows everybody again.");
        } else if (merged->all == 0) {
            empty_state(ws, "Nobody has a stack", nobody_alive(ws));
        } else {
            empty_state(ws, "No stack was captured yet",
                        "Stacks are unwound when coroutines park. Select a coroutine in the table to see more about it.");
        }
        return;
    }
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("merged");
    const float width = ImGui::GetContentRegionAvail().x;
    const std::size_t rows = std::min(merged->stacks.size(), kMergedRowsMax);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(rows), ws.px(44));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            draw_merged_row(ws, *merged, static_cast<std::size_t>(i), width);
        }
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
