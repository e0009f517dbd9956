// See lint_view.h.
#include "views/lint_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

using analyses::Lint;
using analyses::LintEvidence;
using analyses::LintSeverity;
using Kind = LintEvidence::Kind;

constexpr float kGroupHeight = 28, kLeft = 36, kRight = 12, kHeadHeight = 32;

ImU32 colour_of(const Theme& theme, LintSeverity severity) {
    return severity == LintSeverity::kError     ? theme.bad
           : severity == LintSeverity::kWarning ? theme.warn
                                                : theme.text_dim;
}

Mark mark_of_severity(LintSeverity severity) {
    return severity == LintSeverity::kError     ? Mark::kCross
           : severity == LintSeverity::kWarning ? Mark::kTriangle
                                                : Mark::kDot;
}

// A coroutine of the kind that the evidence is about; 0 = there is none now.
std::uint64_t coroutine_behind(const inspect::StateImage& state, const LintEvidence& piece) {
    if (piece.kind == Kind::kCoroutine) return piece.id;
    if (piece.kind == Kind::kWorker) {
        for (const inspect::WorkerImage& worker : state.workers) {
            const inspect::CoroutineImage* current = worker.index == piece.id
                                                         ? state.coroutine_at(worker.current)
                                                         : nullptr;
            if (current != nullptr) return current->identity;
        }
    }
    if (piece.kind == Kind::kLock) {
        for (const inspect::WaitableImage& lock : state.waitables) {
            if (state.waitable_text(lock) == piece.text && state.coroutine_of(lock.owner) != nullptr)
                return lock.owner;
        }
    }
    if (piece.kind == Kind::kSite) {
        for (const inspect::CoroutineImage& coroutine : state.coroutines) {
            if (state.site_text(coroutine.site) == piece.text) return coroutine.identity;
        }
    }
    return 0;
}

void follow(Workspace& ws, const LintEvidence& piece) {
    if (piece.kind == Kind::kChannel) {
        ws.select_channel(piece.text);
    } else if (piece.kind == Kind::kTime) {
        ws.session->set_time(static_cast<traces::TimeNs>(piece.id));
    } else if (const std::uint64_t identity = coroutine_behind(ws.moment->state, piece); identity != 0) {
        ws.select_coroutine(identity);
    }
}

std::string link_text(const LintEvidence& piece) {
    return piece.kind == Kind::kSite ? std::string(short_path(piece.text)) : piece.text;
}

ImVec2 wrapped_size(ImFont* font, const std::string& text, float width) {
    return font->CalcTextSizeA(font->FontSize, FLT_MAX, width, text.c_str());
}

}  // namespace

nlohmann::json LintView::dump(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) return nullptr;
    const analyses::LintReport report = book_.compute(ws);
    return to_json(report, lint_groups(report, ws.muted_lints));
}

void LintView::reset() {
    book_.reset();
    report_ = nullptr;
    groups_.clear();
    chosen_.clear();
}

const Lint* LintView::chosen_lint() const {
    if (report_ == nullptr) return nullptr;
    const auto found = std::find_if(report_->lints.begin(), report_->lints.end(),
                                    [&](const Lint& lint) { return lint.key() == chosen_; });
    return found == report_->lints.end() ? nullptr : &*found;
}

void LintView::choose(Workspace& ws, const Lint& lint) {
    chosen_ = lint.key();
    next_link_ = 0;
    const auto first = std::find_if(lint.evidence.begin(), lint.evidence.end(),
                                    [](const LintEvidence& piece) { return piece.kind == Kind::kCoroutine; });
    if (first != lint.evidence.end()) follow(ws, *first);
}

void LintView::move(Workspace& ws, int by) {
    if (report_ == nullptr) return;
    chosen_ = key_beside(groups_, *report_, chosen_, by);
    if (const Lint* lint = chosen_lint(); lint != nullptr) choose(ws, *lint);
    scroll_to_chosen_ = true;
}

void LintView::follow_next(Workspace& ws) {
    const Lint* lint = chosen_lint();
    if (lint == nullptr || lint->evidence.empty()) return;
    follow(ws, lint->evidence[next_link_++ % lint->evidence.size()]);
}

void LintView::mute(Workspace& ws, bool whole_rule) {
    const Lint* lint = chosen_lint();
    if (lint == nullptr) return;
    if (is_muted(*lint, ws.muted_lints)) {  // takes it back, whichever way it was muted
        ws.muted_lints.erase(lint->key());
        ws.muted_lints.erase(lint->says().id);
    } else {
        ws.muted_lints.insert(whole_rule ? std::string(lint->says().id) : lint->key());
    }
    ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

void LintView::draw(Workspace& ws) {
    if (ws.moment == nullptr || ws.session == nullptr) {
        empty_state(ws, "Nothing to look at yet", "Launch a program, attach to one, or open a trace.");
        return;
    }
    book_.update(ws);
    report_ = book_.report();
    if (report_ == nullptr) {
        if (!book_.problem().empty()) {
            empty_state(ws, "The trace cannot be read for this", book_.problem().c_str());
        } else {
            empty_state(ws, fmt::format("Reading the run: {:.0f} %", 100 * book_.share()).c_str(),
                        "Every slice and every stack from its begin to this moment is looked at.");
        }
        return;
    }
    if (groups_of_ != book_.changes() || groups_muted_ != ws.muted_lints) {
        groups_of_ = book_.changes();
        groups_muted_ = ws.muted_lints;
        groups_ = lint_groups(*report_, ws.muted_lints);
    }
    if (groups_.empty()) {
        std::string advice =
            "Deadlocks, waits that nobody can end, stacks that nearly overflow or hold memory for nothing, "
            "workers kept from others and more "
            "appear here when there are some.";
        if (!report_->blind.empty())
            advice += fmt::format(" Not looked for: {}.", fmt::join(report_->blind, ", "));
        std::string headline = nothing_found_text(*report_);
        headline.front() = 'N';
        empty_state(ws, headline.c_str(), advice.c_str());
        return;
    }
    draw_head(ws);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows");
    std::size_t number = 0;
    for (const LintGroup& group : groups_)
        draw_group(ws, group, &number);
    ImGui::EndChild();
    ImGui::PopStyleVar();
    scroll_to_chosen_ = false;
}

// How much was looked at, and what was not looked for.
void LintView::draw_head(Workspace& ws) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    std::string text = fmt::format("{} rules looked at {} coroutines",
                                   analyses::lint_rules().size() - report_->blind.size(),
                                   format_count(report_->coroutines));
    if (report_->whole_past) text += " and all that happened up to now";
    if (!report_->blind.empty())
        text += fmt::format(" · not looked for: {}", fmt::join(report_->blind, ", "));
    if (book_.busy() && book_.share() < 1)
        text = fmt::format("reading {:.0f} % · ", 100 * book_.share()) + text;
    draw_text(ImGui::GetWindowDrawList(), ws.fonts.small,
              {at.x + ws.px(12), at.y + std::floor((ws.px(kHeadHeight) - ws.fonts.small->FontSize) / 2)},
              ws.theme->text_faint, cut_to(ws.fonts.small, text, width - ws.px(24)));
    ImGui::Dummy({width, ws.px(kHeadHeight)});
    if (ImGui::IsItemHovered()) ws.hovered = text;
}

void LintView::draw_group(Workspace& ws, const LintGroup& group, std::size_t* number) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kGroupHeight);
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(at, {at.x + width, at.y + height}, theme.raised);
    draw_text(list, ws.fonts.strong,
              {at.x + ws.px(12), at.y + std::floor((height - ws.fonts.strong->FontSize) / 2)},
              group.muted ? theme.text_faint : colour_of(theme, group.severity), group.title);
    ImGui::Dummy({width, height});
    for (const LintLine& line : group.lines)
        draw_lint(ws, report_->lints[line.lint], line.muted, (*number)++);
}

float LintView::place_links(Workspace& ws, const Lint& lint, std::size_t number, float x, float y,
                            float width, bool draw) {
    const float line = ws.fonts.small->FontSize + ws.px(6), gap = ws.px(14);
    float left = x, top = y;
    for (std::size_t i = 0; i < lint.evidence.size(); ++i) {
        const std::string text = cut_to(ws.fonts.small, link_text(lint.evidence[i]), width);
        const float wide = text_width(ws.fonts.small, text);
        if (left > x && left + wide > x + width) {
            left = x;
            top += line;
        }
        if (draw) {
            ImGui::SetCursorScreenPos({left, top});
            ImGui::PushID(static_cast<int>(i));
            if (ImGui::InvisibleButton("link", {std::max(1.0F, wide), line})) {
                chosen_ = lint.key();
                next_link_ = i + 1;
                follow(ws, lint.evidence[i]);
            }
            publish_item(ws, fmt::format("lints.{}.{}", number, i));
            const bool hovered = ImGui::IsItemHovered();
            ImGui::PopID();
            ImDrawList* list = ImGui::GetWindowDrawList();
            draw_text(list, ws.fonts.small, {left, top + ws.px(3)}, ws.theme->accent, text);
            if (hovered) {
                const float under = top + ws.px(3) + ws.fonts.small->FontSize;
                list->AddRectFilled({left, under}, {left + wide, under + std::max(1.0F, ws.px(1))},
                                    ws.theme->accent);
                ws.hovered = fmt::format("{} {}", evidence_kind_name(lint.evidence[i].kind),
                                         lint.evidence[i].text);
            }
        }
        left += wide + gap;
    }
    return lint.evidence.empty() ? 0 : top + line - y;
}

void LintView::draw_mutes(Workspace& ws, const Lint& lint, bool muted, float right, float top) {
    const char* const one = muted ? "Unmute" : "Mute";
    const float wide = text_width(ws.fonts.text, one) + ws.px(20),
                wider = text_width(ws.fonts.text, "Mute rule") + ws.px(20);
    ImGui::SetCursorScreenPos({right - wide - (muted ? 0 : wider + ws.px(4)), top});
    if (button(ws, "lints.mute", one, ButtonKind::kQuiet,
               muted ? "Show it again (Alt+M)" : "Never show this finding (Alt+M)"))
        mute(ws, false);
    if (muted) return;
    ImGui::SetCursorScreenPos({right - wider, top});
    if (button(ws, "lints.mute-rule", "Mute rule", ButtonKind::kQuiet,
               fmt::format("Never show findings of {} (Shift+Alt+M)", lint.says().id).c_str()))
        mute(ws, true);
}

void LintView::draw_lint(Workspace& ws, const Lint& lint, bool muted, std::size_t number) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, x = at.x + ws.px(kLeft);
    const float room = std::max(ws.px(80), width - ws.px(kLeft) - ws.px(kRight));
    const std::string advice = std::string("What to do: ") + lint.says().advice;
    const float title_height = ws.px(24), sentence_height = wrapped_size(ws.fonts.text, lint.sentence, room).y,
                advice_height = wrapped_size(ws.fonts.small, advice, room).y;
    const float links_height = place_links(ws, lint, number, x, 0, room, false);
    const float height = std::ceil(ws.px(6) + title_height + sentence_height + ws.px(4) + links_height +
                                   ws.px(2) + advice_height + ws.px(10));
    ImGui::PushID(static_cast<int>(number));
    const bool chosen = lint.key() == chosen_;
    if (ImGui::InvisibleButton("row", {std::max(1.0F, width), height})) choose(ws, lint);
    ImGui::SetItemAllowOverlap();
    publish_item(ws, fmt::format("lints.{}", number));
    const bool hovered = ImGui::IsItemHovered();
    const ImVec2 next = ImGui::GetCursorScreenPos();
    if (chosen && scroll_to_chosen_) ImGui::SetScrollHereY(0.5F);
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (chosen) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.accent_soft);
    if (hovered && !chosen) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
    if (hovered) ws.hovered = fmt::format("{} · {}", lint.key(), lint.sentence);
    float y = at.y + ws.px(6);
    const ImU32 colour = muted ? theme.text_faint : colour_of(theme, lint.says().severity);
    draw_mark(list, {at.x + ws.px(14), y + ws.px(6)}, ws.px(10), mark_of_severity(lint.says().severity),
              colour);
    const float text_y = y + std::floor((title_height - ws.fonts.strong->FontSize) / 2);
    draw_text(list, ws.fonts.strong, {x, text_y}, muted ? theme.text_dim : theme.text, lint.says().id);
    const float after = x + text_width(ws.fonts.strong, lint.says().id) + ws.px(10);
    const float mutes_width = chosen ? ws.px(170) : 0;
    if (x + room - after - mutes_width > ws.px(40))
        draw_text(list, ws.fonts.small, {after, text_y + ws.px(1)}, theme.text_faint,
                  cut_to(ws.fonts.small, lint.about, x + room - after - mutes_width));
    if (chosen) draw_mutes(ws, lint, muted, x + room, y - ws.px(1));
    y += title_height;
    list->AddText(ws.fonts.text, ws.fonts.text->FontSize, {x, y}, muted ? theme.text_dim : theme.text,
                  lint.sentence.c_str(), nullptr, room);
    y += std::ceil(sentence_height + ws.px(4));
    y += place_links(ws, lint, number, x, y, room, true) + ws.px(2);
    list->AddText(ws.fonts.small, ws.fonts.small->FontSize, {x, y}, theme.text_faint, advice.c_str(), nullptr,
                  room);
    list->AddRectFilled({at.x, at.y + height - 1}, {at.x + width, at.y + height}, theme.line);
    ImGui::PopID();
    ImGui::SetCursorScreenPos(next);
}

}  // namespace coroscope::views
