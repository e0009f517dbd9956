// The head of the stack view: who the coroutine is, what it waits for, who spawned and woke it, how much of its stack it uses. See stack_view.h.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "traces/awaited.h"
#include "views/describe.h"
#include "views/format.h"
#include "views/stack_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

// A word in a rounded frame.
void pill(Workspace& ws, const char* word, ImU32 colour, const char* sentence) {
    const float width = text_width(ws.fonts.small, word) + ws.px(16), height = ws.px(20);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, {at.x + width, at.y + height}, with_alpha(colour, 0.16F), height / 2);
    draw_text(list, ws.fonts.small,
              {at.x + width / 2, at.y + std::floor((height - ws.fonts.small->FontSize) / 2)}, colour, word,
              0.5F);
    ImGui::Dummy({width, height});
    if (ImGui::IsItemHovered()) {
        begin_tooltip(ws);
        text(ws.fonts.text, ws.theme->text, sentence);
        end_tooltip();
        ws.hovered = fmt::format("{}: {}", word, sentence);
    }
}

// Text that can be clicked.
bool link(Workspace& ws, ImFont* font, const std::string& name, std::string_view what) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    text(font, ws.theme->accent, what);
    publish_item(ws, name);
    const bool hovered = ImGui::IsItemHovered();
    if (hovered) {
        ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
        const float y = at.y + font->FontSize - 1;
        ImGui::GetWindowDrawList()->AddRectFilled({at.x, y}, {ImGui::GetItemRectMax().x, y + 1},
                                                  ws.theme->accent);
    }
    return hovered && ImGui::IsMouseClicked(0);
}

// A coroutine by identity, in the small font: a link while it lives.
void coroutine_link(Workspace& ws, const std::string& name, std::uint64_t identity) {
    const inspect::StateImage& state = ws.moment->state;
    const inspect::CoroutineImage* coroutine = state.coroutine_of(identity);
    if (coroutine == nullptr) {
        text(ws.fonts.small, ws.theme->text_dim, fmt::format("{}, which has ended", identity));
        return;
    }
    if (link(ws, ws.fonts.small, name, fmt::format("{} {}", identity, state.coroutine_name(*coroutine))))
        ws.select_coroutine(identity);
}

// "micro to small, 1.2 KiB for climb, 312 ticks".
std::string last_migration(const inspect::SiteMigrationsImage& grown,
                           const std::vector<inspect::Frame>* frames) {
    std::string what = grown.last_form == wire::MigrationForm::kInPlace
                           ? std::string("in place")
                           : fmt::format("{} to {}", inspect::size_class_name(grown.last_from),
                                         inspect::size_class_name(grown.last_to));
    what += ", " + format_bytes(grown.last_bytes);
    if (frames != nullptr && !frames->empty()) what += " for " + function_text(frames->front());
    if (grown.last_cost_ticks != 0) what += ", " + format_ticks(static_cast<double>(grown.last_cost_ticks));
    return what;
}

}  // namespace

void StackView::draw_who(Workspace& ws, const inspect::CoroutineImage& coroutine,
                         const inspect::StackRef* stack) {
    const Theme& theme = *ws.theme;
    const inspect::StateImage& state = ws.moment->state;
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    swatch(ws, look_of(coroutine), 14);
    ImGui::SameLine(0, ws.px(8));
    text(ws.fonts.strong, theme.text, cut_to(ws.fonts.strong, state.coroutine_name(coroutine), ws.px(200)));
    ImGui::SameLine(0, ws.px(8));
    text(ws.fonts.mono, theme.text_dim, std::to_string(coroutine.identity));
    ImGui::SameLine(0, ws.px(12));
    const ConsistencyLabel label = consistency_label(coroutine, stack);
    ImGui::SetCursorPosY(ws.px(8));
    pill(ws, label.word, label.good ? theme.good : theme.warn, label.sentence);
    ImGui::SameLine(0, ws.px(12));
    ImGui::SetCursorPosY(ws.px(10));
    const float room = head_buttons_begin(ws, {kModes[0], kModes[1]}) - ws.px(12) - ImGui::GetCursorPosX();
    if (room > ws.px(40)) text_cut(ws.fonts.small, theme.text_faint, stack_classes_text(state, coroutine), room);
}

// What it does, since when, where it comes from, who woke it. Returns where the next line begins.
float StackView::draw_links(Workspace& ws, const inspect::CoroutineImage& coroutine) {
    const Theme& theme = *ws.theme;
    const inspect::StateImage& state = ws.moment->state;
    const bool selects = coroutine.state == wire::CoroutineState::kParked &&
                         coroutine.reason == wire::WaitReason::kSelect;
    ImGui::SetCursorPos({ws.px(12), ws.px(36)});
    text(ws.fonts.text, theme.text_dim, selects ? "waits in select" : state_text(coroutine));
    if (const std::string object = waits_on_text(state, coroutine); !object.empty() && !selects) {
        ImGui::SameLine(0, ws.px(6));
        if (coroutine.reason == wire::WaitReason::kJoin &&
            state.coroutine_at(coroutine.wait_object) != nullptr) {
            if (link(ws, ws.fonts.text, "stack.waits_on", object))
                ws.select_coroutine(state.coroutine_at(coroutine.wait_object)->identity);
        } else if (object.starts_with("channel:")) {
            if (link(ws, ws.fonts.text, "stack.waits_on", object)) ws.select_channel(object);
        } else {
            text(ws.fonts.text, theme.text, object);
        }
    }
    if (const std::int64_t ns = in_state_ns(*ws.moment, coroutine); ns >= 0) {
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.text, theme.text_dim, "for " + format_duration(ns));
    }
    float top = ws.px(56);
    if (selects) top = draw_arms(ws, coroutine, top);
    head_label(ws, "spawned", top);
    text(ws.fonts.small, theme.text_dim, short_path(state.site_text(coroutine.site)));
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.small, theme.text_faint, "by");
    ImGui::SameLine(0, ws.px(6));
    if (coroutine.spawner == 0) {
        text(ws.fonts.small, theme.text_dim, "a thread outside");
    } else {
        coroutine_link(ws, "stack.spawner", coroutine.spawner);
    }
    return draw_waker(ws, coroutine, top + ws.px(20));
}

// Each arm of the select that it waits in, as many lines as that takes; and until when.
float StackView::draw_arms(Workspace& ws, const inspect::CoroutineImage& coroutine, float top) {
    constexpr std::size_t kArmsShown = 8;
    const Theme& theme = *ws.theme;
    const inspect::StateImage& state = ws.moment->state;
    const float left = ws.px(12), end = ImGui::GetWindowContentRegionMax().x - ws.px(12);
    float x = left;
    const auto begin = [&](float width) {
        if (x > left && x + width > end) {
            x = left;
            top += ws.px(20);
        }
        ImGui::SetCursorPos({x, top});
        x += width + ws.px(12);
    };
    const auto say = [&](const std::string& what, ImU32 colour) {
        begin(text_width(ws.fonts.text, what));
        text(ws.fonts.text, colour, what);
    };
    const auto arms = state.arms_of(coroutine);
    for (std::size_t i = 0; i < std::min(arms.size(), kArmsShown); ++i) {
        const char* verb = arms[i].receives ? "receive from" : "send to";
        const std::string channel = traces::channel_at_text(state, arms[i].channel);
        begin(text_width(ws.fonts.text, verb) + ws.px(6) + text_width(ws.fonts.text, channel));
        text(ws.fonts.text, theme.text_dim, verb);
        ImGui::SameLine(0, ws.px(6));
        if (link(ws, ws.fonts.text, fmt::format("stack.arm.{}", arms[i].position), channel))
            ws.select_channel(channel);
    }
    if (arms.size() > kArmsShown) say(fmt::format("and {} more", arms.size() - kArmsShown), theme.text_dim);
    if (arms.empty() && coroutine.deadline_ticks == 0)
        say("its arms are not known at this moment", theme.text_faint);
    if (coroutine.deadline_ticks != 0)
        say("until " + format_time(state.since_start_ns(coroutine.deadline_ticks)), theme.text_dim);
    return top + ws.px(20);
}

// Nothing where nobody saw a wake-up: it never parked, or nobody listened then.
float StackView::draw_waker(Workspace& ws, const inspect::CoroutineImage& coroutine, float top) {
    const inspect::StateImage& state = ws.moment->state;
    if (coroutine.woken_ticks == 0) return top;
    const Theme& theme = *ws.theme;
    head_label(ws, "woken", top);
    if (coroutine.woken_by != 0 && state.coroutine_of(coroutine.woken_by) != nullptr) {
        text(ws.fonts.small, theme.text_faint, "by");
        ImGui::SameLine(0, ws.px(6));
        coroutine_link(ws, "stack.waker", coroutine.woken_by);
        if (coroutine.woken_cause != wire::WakeCause::kCoroutine) {
            ImGui::SameLine(0, ws.px(6));
            text(ws.fonts.small, theme.text_faint,
                 fmt::format("({})", inspect::wake_cause_name(coroutine.woken_cause)));
        }
    } else {
        text(ws.fonts.small, theme.text_dim, traces::woken_text(state, coroutine));
    }
    ImGui::SameLine(0, ws.px(6));
    const std::int64_t ago = std::max<std::int64_t>(
        0, ws.moment->t - state.since_start_ns(coroutine.woken_ticks));
    text(ws.fonts.small, theme.text_dim, format_duration(ago) + " ago");
    return top + ws.px(20);
}

// How much of its slot the coroutine uses: now, at most, and of how much. Returns where the next line begins.
float StackView::draw_use(Workspace& ws, const inspect::CoroutineImage& coroutine,
                          const inspect::StackRef* stack, float top) {
    const Theme& theme = *ws.theme;
    const std::uint64_t slot = slot_bytes_of(ws.moment->state, coroutine);
    head_label(ws, "stack", top);
    const float width = ws.px(120), height = ws.px(6);
    const ImVec2 value = ImGui::GetCursorScreenPos();
    const float x0 = value.x, y = value.y + std::round((ws.fonts.text->FontSize - height) / 2);
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled({x0, y}, {x0 + width, y + height}, theme.look(Look::kFree), height / 2);
    const auto share = [&](std::uint64_t bytes) {
        return slot == 0 ? 0 : std::min(1.0F, static_cast<float>(bytes) / static_cast<float>(slot));
    };
    std::string numbers = format_bytes(slot);
    if (stack != nullptr && stack->used_bytes != 0) {
        list->AddRectFilled({x0, y},
                            {x0 + std::max(height, std::floor(width * share(stack->used_bytes))), y + height},
                            theme.accent, height / 2);
        numbers = fmt::format("{} of {}", format_bytes(stack->used_bytes), numbers);
    }
    if (const std::uint64_t deepest = ws.moment->high_water_of(coroutine); deepest != 0) {
        const float at = x0 + std::floor((width - ws.px(2)) * share(deepest));
        list->AddRectFilled({at, y - ws.px(2)}, {at + ws.px(2), y + height + ws.px(2)}, theme.text_dim);
        numbers += fmt::format(", at most {}", format_bytes(deepest));
    }
    const float x = x0 + width + ws.px(8), end = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x - ws.px(12);
    draw_text(list, ws.fonts.mono_small, {x, value.y + onto_line_of(ws.fonts.text, ws.fonts.mono_small)}, theme.text_dim,
              cut_to(ws.fonts.mono_small, numbers, end - x));
    return top + ws.px(20);
}

// What was seen of all stacks of its site, and how the last of them grew. Returns where the next line begins.
float StackView::draw_site_use(Workspace& ws, const inspect::CoroutineImage& coroutine, float top) {
    const Theme& theme = *ws.theme;
    const inspect::StateImage& state = ws.moment->state;
    const inspect::StackRef* stack = ws.moment->stack_of(coroutine);
    const std::string use = site_use_text(state, coroutine.site, stack != nullptr ? stack->used_bytes : 0);
    if (use.empty()) return top;
    head_label(ws, "site", top);
    const float indent = ImGui::GetCursorPosX(), end = ImGui::GetWindowContentRegionMax().x - ws.px(12);
    text_cut(ws.fonts.small, theme.text_dim, use, end - indent);
    top += ws.px(20);
    const inspect::SiteMigrationsImage* grown = state.migrations_of(coroutine.site);
    if (grown == nullptr) return top;
    const std::vector<inspect::Frame>* frames = ws.session->frames({grown->last_address});
    if (frames == nullptr) waiting_ = true;
    const std::string last = "last " + last_migration(*grown, frames);
    ImGui::SameLine(0, ws.px(16));
    const float room = end - ImGui::GetCursorPosX();  // how it grew changes all the time: cut, never wrapped, so that the frames stand still
    if (room > ws.px(48)) text_cut(ws.fonts.small, theme.text_faint, last, room);
    return top;
}

}  // namespace coroscope::views
