// See size_view.h. Its rows are drawn in size_rows_view.cpp.
#include "views/size_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/rules/filter.h"
#include "views/format.h"
#include "views/size_columns.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kToolsUnits = 6, kSentenceUnits = 40, kLineUnits = 20;

std::string site_of_selected(const Workspace& ws) {
    const auto* coroutine = ws.selected();
    return coroutine != nullptr ? ws.moment->state.site_text(coroutine->site) : std::string();
}

}  // namespace

void SizeView::reset() {
    book_.reset();
    chosen_.clear();
    detail_.reset();
    choice_of_.clear();
    open_choice_ = asking_before_ = focus_before_ = scroll_to_chosen_ = false;
    seen_selection_ = 0;
}

// Sites of whoever passes it, and those whose rows have all of its words: a site may have no coroutine alive.
void SizeView::take_filter(const Workspace& ws, const FilterMatch* match) {
    book_.query.filter.clear();
    book_.query.sites.clear();
    if (ws.filter.empty() || match == nullptr || match->about_events) return;
    book_.query.filter = ws.filter;
    book_.query.is_rule = rules::reads_as_rule(ws.filter);
    book_.query.sites = match->sites;
}

nlohmann::json SizeView::dump(Workspace& ws) {
    const FilterMatch match = ws.moment != nullptr ? match_filter(*ws.moment, ws.filter) : FilterMatch{};
    take_filter(ws, ws.moment != nullptr ? &match : nullptr);
    nlohmann::json out = book_.dump(ws);
    if (out.is_object()) {
        out["chosen"] = chosen_.empty() ? nlohmann::json(nullptr) : nlohmann::json(chosen_);
        out["detail"] = detail_.dump();
    }
    return out;
}

// Of those of the site that are alive, the one after that which is selected.
void SizeView::choose(Workspace& ws, const std::string& site) {
    chosen_ = site;
    if (ws.moment == nullptr) return;
    const inspect::StateImage& state = ws.moment->state;
    std::vector<bool> wanted(
        state.sites.size());  // one place may be several sites: of another column, or in a template
    for (std::uint32_t i = 0; i < wanted.size(); ++i)
        wanted[i] = state.site_text(i) == site;
    std::uint64_t first = 0, next = 0;
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.site >= wanted.size() || !wanted[coroutine.site]) continue;
        const std::uint64_t identity = coroutine.identity;
        if (first == 0 || identity < first) first = identity;
        if (identity > ws.selection().coroutine && (next == 0 || identity < next)) next = identity;
    }
    if (first == 0) return;
    const bool walks = site_of_selected(ws) == site;
    ws.select_coroutine(walks && next != 0 ? next : first);
    seen_selection_ = ws.selection().changes;
}

void SizeView::move(Workspace& ws, int by) {
    const SizeModel* model = book_.model();
    if (model == nullptr || model->lines.empty()) return;
    const auto found = std::find_if(model->lines.begin(), model->lines.end(),
                                    [&](const SizeLine& line) { return model->site(line).site == chosen_; });
    const std::ptrdiff_t now = found == model->lines.end() ? -1 : found - model->lines.begin();
    const std::ptrdiff_t next = std::clamp<std::ptrdiff_t>(now < 0 ? 0 : now + by, 0,
                                                           std::ssize(model->lines) - 1);
    choose(ws, model->site(model->lines[static_cast<std::size_t>(next)]).site);
    scroll_to_chosen_ = true;
}

void SizeView::change_class(int by) {
    const SizeModel* model = book_.model();
    if (model == nullptr) return;
    const auto found = std::find_if(model->lines.begin(), model->lines.end(),
                                    [&](const SizeLine& line) { return model->site(line).site == chosen_; });
    if (found == model->lines.end()) return;
    const int wanted = std::clamp(static_cast<int>(found->advised) + by, 0,
                                  static_cast<int>(wire::kSizeClassesCount) - 1);
    book_.wish(chosen_, static_cast<wire::SizeClass>(wanted));
}

void SizeView::ask_before() {
    asking_before_ = focus_before_ = true;
    before_typed_ = book_.before_path();
}

void SizeView::draw(Workspace& ws) {
    take_filter(ws, ws.matching());
    book_.update(ws);
    const SizeModel* model = book_.model();
    if (model == nullptr || (model->lines.empty() && ws.filter.empty() && model->sites == 0)) {
        if (book_.busy()) {
            empty_state(ws, "Reading the run",
                        "How deep the stacks of each spawn site went is read from its begin to its end.");
        } else if (!book_.problem().empty()) {
            empty_state(ws, "No rows can be made of this run", book_.problem().c_str());
        } else {
            empty_state(ws, "No spawn sites yet",
                        "Each place that spawns coroutines gets a row here. Launch a program or record one, "
                        "let it do its usual work, and "
                        "export the table: CPRIME_SIZES=FILE starts it with the classes advised.");
        }
        return;
    }
    if (seen_selection_ != ws.selection().changes) {  // selected elsewhere: its site's row is the chosen one
        seen_selection_ = ws.selection().changes;
        if (const std::string site = site_of_selected(ws); !site.empty() && site != chosen_) {
            chosen_ = site;
            scroll_to_chosen_ = true;
        }
    }
    draw_head(ws, model);
    draw_sentences(ws, *model);
    ImGui::SetCursorPos({0, ws.px(kSentenceUnits + (model->before != nullptr ? 2 : 1) * kLineUnits)});
    const std::vector<PlacedColumn> places = place_columns(kSizeColumns, ImGui::GetContentRegionAvail().x,
                                                           ws.scale);
    draw_titles(ws, places);
    if (model->lines.empty()) {
        empty_state(
            ws, "No site matches",
            "Sites of whoever passes the filter are shown, and those whose rows have all of its words: in site, function, classes or evidence.");
        return;
    }
    update_detail(*model);
    const float room = ImGui::GetContentRegionAvail().y, detail = detail_.height(ws, room);
    draw_rows(ws, *model, places, room - detail);
    if (detail > 0) detail_.draw(ws, detail);
}

void SizeView::update_detail(const SizeModel& model) {
    const auto has = [&](const std::shared_ptr<const SizeTable>& table) {
        return table != nullptr && std::any_of(table->sites.begin(), table->sites.end(), [&](const SizeSite& site) { return site.site == chosen_; });
    };
    detail_.update(has(model.now) ? model.now : has(model.before) ? model.before : nullptr, chosen_);
}

void SizeView::draw_head(Workspace& ws, const SizeModel* model) {
    ImGui::SetCursorPos({ws.px(8), ws.px(kToolsUnits)});
    if (asking_before_) {
        draw_before_field(ws);
        return;
    }
    draw_tools(ws, model);
}

void SizeView::draw_tools(Workspace& ws, const SizeModel* model) {
    const float width = ImGui::GetContentRegionAvail().x, right = ImGui::GetCursorPosX() + width;
    const bool compares = model->before != nullptr;
    const std::string before = compares ? "Before: " + model->before->name : std::string("Before …");
    const float padding = 2 * ImGui::GetStyle().FramePadding.x;
    const float room = std::floor(width * 0.36F);
    const std::string before_label = cut_to(ws.fonts.text, before, room - padding);
    const float gap = ws.px(4);
    float buttons = text_width(ws.fonts.text, before_label) + text_width(ws.fonts.text, "Export") +
                    2 * padding + gap + ws.px(8);
    if (compares) buttons += text_width(ws.fonts.text, "Drop") + padding + gap;
    const float field = std::clamp(width - buttons - ws.px(96), ws.px(96), ws.px(300));
    if (text_field(ws, "sizes.filter", "Filter: words, or a rule", &ws.filter, field))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    const std::string count = ws.filter.empty() ? format_count(model->sites)
                                             : fmt::format("{} of {}", format_count(model->lines.size()),
                                                           format_count(model->sites));
    if (right - buttons - ImGui::GetItemRectMax().x + ImGui::GetWindowPos().x > ws.px(56)) {
        ImGui::SameLine(0, ws.px(12));
        ImGui::AlignTextToFramePadding();
        text(ws.fonts.mono_small, ws.theme->text_dim, count);
        ImGui::SameLine(0, ws.px(6));
        ImGui::AlignTextToFramePadding();
        text(ws.fonts.small, ws.theme->text_faint, model->sites == 1 ? "site" : "sites");
    }
    ImGui::SameLine(0, 0);
    ImGui::SetCursorPos({right - buttons, ws.px(kToolsUnits)});
    if (button(ws, "sizes.before", before_label.c_str(), ButtonKind::kPlain,
               "Compare with another run: its trace, or a table of it"))
        ask_before();
    if (compares) {
        ImGui::SameLine(0, gap);
        if (button(ws, "sizes.before.drop", "Drop", ButtonKind::kQuiet, "Compare with nothing"))
            book_.compare_with("");
    }
    ImGui::SameLine(0, gap);
    if (button(ws, "sizes.export", "Export", ButtonKind::kPlain, "Write the table that CPRIME_SIZES reads"))
        book_.export_table(ws);
}

void SizeView::draw_before_field(Workspace& ws) {
    const float open = text_width(ws.fonts.text, "Compare") + 2 * ImGui::GetStyle().FramePadding.x;
    if (focus_before_) ImGui::SetKeyboardFocusHere();
    const bool just_asked = std::exchange(focus_before_, false);
    text_field(ws, "sizes.before.path", "The run before: its trace, or a table of it (*.json)",
               &before_typed_, ImGui::GetContentRegionAvail().x - open - ws.px(16));
    const bool left = ImGui::IsItemDeactivated() && !just_asked;
    const bool entered = left && ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter), false);
    ImGui::SameLine(0, ws.px(8));
    const bool pressed = button(ws, "sizes.before.open", "Compare", ButtonKind::kPrimary, "Enter");
    if (entered || pressed) book_.compare_with(before_typed_);
    if (entered || pressed || (left && !ImGui::IsItemActive() && !ImGui::IsItemHovered())) {
        asking_before_ = false;
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
}

// "the classes advised would save 10.8 MiB of 23 MiB   2 wishes  Undo", and what changed since the run before.
void SizeView::draw_sentences(Workspace& ws, const SizeModel& model) {
    const Theme& theme = *ws.theme;
    const float left = ws.px(12), right = ImGui::GetWindowContentRegionMax().x - ws.px(12);
    const std::string wishes = model.wishes == 1 ? "1 wish" : fmt::format("{} wishes", model.wishes);
    const float undo = book_.can_undo()
                           ? text_width(ws.fonts.small, wishes) + text_width(ws.fonts.text, "Undo") + ws.px(40)
                           : 0;
    ImGui::SetCursorPos({left, ws.px(kSentenceUnits)});
    const std::string doubt = model.now->doubts.empty() ? "" : "; " + model.now->doubts.front();
    text_cut(ws.fonts.text, model.saved_bytes > 0 ? theme.text : theme.text_dim, saving_sentence(model) + doubt,
             right - left - undo);
    if (book_.can_undo()) {
        ImGui::SameLine(0, ws.px(12));
        text(ws.fonts.small, model.wishes != 0 ? theme.accent : theme.text_faint, wishes);
        ImGui::SameLine(0, ws.px(4));
        const ImVec2 padding = ImGui::GetStyle().FramePadding;
        ImGui::SetCursorPosY(ws.px(kSentenceUnits) - padding.y);
        if (button(ws, "sizes.undo", "Undo", ButtonKind::kQuiet, "Take the last wish back (Ctrl+U)"))
            book_.undo_wish();
    }
    if (model.before == nullptr) return;
    ImGui::SetCursorPos({left, ws.px(kSentenceUnits + kLineUnits)});
    text_cut(ws.fonts.text, theme.text_dim, comparison_sentence(model), right - left);
}

void SizeView::draw_titles(Workspace& ws, std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(30), gap = ws.px(12), side = ws.px(6);
    ImDrawList* list = ImGui::GetWindowDrawList();
    for (std::size_t i = 0; i < kSizeColumnsCount; ++i) {
        if (!places[i].shown) continue;
        const auto column = static_cast<SizeColumn>(i);
        ImGui::SetCursorScreenPos({at.x + places[i].x - ws.px(4), at.y});
        if (ImGui::InvisibleButton(fmt::format("title{}", i).c_str(), {std::max(1.0F, places[i].width - ws.px(4)), height})) {
            const bool again = book_.query.column == column;
            book_.query.descending = again ? !book_.query.descending
                                           : kSizeColumns[i].number || column == SizeColumn::kSeen;
            book_.query.column = column;
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
        publish_item(ws, fmt::format("sizes.header.{}", i));
        const bool sorted = book_.query.column == column;
        const ImU32 colour = sorted ? theme.text : ImGui::IsItemHovered() ? theme.text_dim : theme.text_faint;
        const float room = places[i].width - gap, arrow = sorted ? side + ws.px(4) : 0;
        const float x = at.x + places[i].x, y = at.y + ws.px(8);
        const std::string title = cut_to(ws.fonts.small, kSizeColumns[i].title, room - arrow);
        const bool number = kSizeColumns[i].number;
        draw_text(list, ws.fonts.small, {number ? x + room - arrow : x, y}, colour, title,
                  number ? 1.0F : 0.0F);
        if (!sorted) continue;
        const float left = number ? x + room - side : x + text_width(ws.fonts.small, title) + ws.px(4);
        const float top = y + std::round((ws.fonts.small->FontSize - side) / 2) + ws.px(1);
        if (book_.query.descending) {
            list->AddTriangleFilled({left, top}, {left + side, top}, {left + side / 2, top + side * 0.8F},
                                    colour);
        } else {
            list->AddTriangleFilled({left, top + side * 0.8F}, {left + side / 2, top},
                                    {left + side, top + side * 0.8F}, colour);
        }
    }
    ImGui::SetCursorScreenPos({at.x, at.y + height});
}

}  // namespace coroscope::views
