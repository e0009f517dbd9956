// See words_view.h.
#include "views/words_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/stack_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kRowUnits = 18;
constexpr float kHeadUnits = 40;

}  // namespace

void WordsView::reset() {
    model_.reset();
    asked_ = nullptr;
    frames_.clear();
    levels_.clear();
    problem_.clear();
    label_.clear();
    identity_ = 0;
    cursor_ = anchor_ = kNoRow;
    waiting_ = false;
    scroll_ = true;
}

void WordsView::draw(Workspace& ws) {
    waiting_ = false;
    problem_.clear();
    const std::uint64_t identity = ws.moment == nullptr ? 0 : ws.selection().coroutine;
    if (std::exchange(identity_, identity) != identity) {
        model_.reset();
        cursor_ = anchor_ = kNoRow;
        scroll_ = true;
    }
    if (identity == 0) {
        empty_state(ws, "No coroutine is selected",
                    "Select one in the table or the heatmap: this shows every word of its stack.");
        return;
    }
    const std::shared_ptr<const inspect::RawStack> stack = ws.session->raw_stack(identity, &problem_);
    if (stack == nullptr) {
        waiting_ = problem_.empty();
        if (!waiting_) empty_state(ws, "No stack words", problem_.c_str());
        return;
    }
    if (stack->pieces.empty()) {
        const bool runs = stack->consistency == inspect::Consistency::kRunning;
        problem_ = runs ? "It is running: its words are read when it parks."
                        : "It moved on each time that it was looked at; another try follows.";
        waiting_ = false;
        empty_state(ws, runs ? "It is running" : "Its words are torn", problem_.c_str());
        return;
    }
    const Key key{stack, all_};
    model_.want(ws.background, key, [stack, moment = ws.moment, all = all_] {
        return make_words_model(*stack, moment->state, all != 0);
    });
    waiting_ = !model_.current(key);
    std::vector<std::uint64_t> pcs;
    for (const inspect::FrameLayout& frame : stack->frames)
        pcs.push_back(frame.pc);
    const std::vector<inspect::Frame>* named = ws.session->frames(pcs);
    waiting_ = waiting_ || named == nullptr;
    frames_ = named != nullptr ? *named : ws.session->known_frames(pcs);
    levels_ = level_names(frames_);
    const SelectedFrames chosen = selected_frames(ws);
    level_chosen_ = chosen.frames.empty() ? kNoRow : level_of(chosen.frames, chosen.chosen);
    ask_for_places(ws);
    draw_head(ws, *stack, chosen.coroutine);
    if (model_.value() != nullptr) draw_rows(ws);
    waiting_ = waiting_ || ws.session->name_progress().busy();
}

// Names of what words point at are asked for once a model, so that they come in one go; of stacks that are very deep, those of the rows that are
// looked at.
void WordsView::ask_for_places(Workspace& ws) {
    constexpr std::size_t kRowsMax = 4096;
    if (std::exchange(asked_, model_.shared()) == model_.shared() || asked_ == nullptr) return;
    for (std::size_t i = 0; i < std::min(kRowsMax, asked_->rows.size()); ++i) {
        if (asked_->rows[i].place_at != 0) ws.session->place(asked_->rows[i].place_at);
    }
}

void WordsView::draw_head(Workspace& ws, const inspect::RawStack& stack,
                          const inspect::CoroutineImage* coroutine) {
    static constexpr const char* kChoices[] = {"Merged", "All words"};
    const Theme& theme = *ws.theme;
    const bool exact = stack.consistency == inspect::Consistency::kExact;
    const bool older = exact && (coroutine == nullptr || coroutine->sequence != stack.sequence);
    label_ = inspect::consistency_name(stack.consistency);
    const float right = ImGui::GetWindowContentRegionMax().x;
    place_head_buttons(ws, {kChoices[0], kChoices[1]});
    choice(ws, "words.all", kChoices, 2, &all_);
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    text(ws.fonts.text, exact ? theme.good : theme.warn, label_);
    std::string line;
    if (const WordsModel* model = model_.value()) {
        line = fmt::format("{} of {} in use", format_bytes(model->used_bytes),
                           format_bytes(model->slot_bytes));
        if (model->high_water_bytes != 0)
            line += fmt::format(", at most {}", format_bytes(model->high_water_bytes));
    }
    if (older) line = "of now, not of the moment shown · " + line;
    if (!exact) line = "it moved while they were read · " + line;
    ImGui::SameLine(0, ws.px(12));
    text_cut(ws.fonts.text, older ? theme.warn : theme.text_dim, line,
             right - ws.px(168) - ImGui::GetCursorPosX());
}

void WordsView::draw_rows(Workspace& ws) {
    const WordsModel& model = *model_.value();
    const float height = ws.px(kRowUnits);
    ImGui::SetCursorPos({0, ws.px(kHeadUnits)});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
    const float room = ImGui::GetWindowHeight();
    if (std::exchange(scroll_, false))
        ImGui::SetScrollY(std::max(0.0F, static_cast<float>(model.stack_pointer_row) * height - 2 * height));
    if (std::exchange(scroll_cursor_, false) && cursor_ != kNoRow) {
        const float at = static_cast<float>(cursor_) * height;
        if (at < ImGui::GetScrollY() || at + height > ImGui::GetScrollY() + room)
            ImGui::SetScrollY(scroll_to_middle(at, height, room));
    }
    const float width = ImGui::GetContentRegionAvail().x;
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(model.rows.size()), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            ImGui::SetCursorPosY(static_cast<float>(i) * height);
            draw_row(ws, static_cast<std::size_t>(i), width);
        }
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

// Levels take turns in a few colours; the rest has one by what it is. The headings say the same in words.
ImU32 WordsView::part_colour(const Workspace& ws, const WordRow& row) const {
    static constexpr Look kLevels[] = {Look::kIo, Look::kRunning, Look::kSelect, Look::kTimer, Look::kLock};
    const Theme& theme = *ws.theme;
    switch (row.part) {
        case WordPart::kFrame:
            return theme.look(kLevels[static_cast<std::size_t>(row.level) % std::size(kLevels)]);
        case WordPart::kSaved:
            return theme.accent;
        case WordPart::kCanary:
            return theme.bad;
        case WordPart::kHeader:
        case WordPart::kUsed:
            return theme.text_faint;
        default:
            return theme.look(Look::kFree);
    }
}

bool WordsView::selected(std::size_t row) const {
    return cursor_ != kNoRow && row >= std::min(cursor_, anchor_) && row <= std::max(cursor_, anchor_);
}

void WordsView::press(Workspace& ws, std::size_t row) {
    cursor_ = row;
    if (!ImGui::GetIO().KeyShift || anchor_ == kNoRow) anchor_ = row;
    const std::int32_t level = model_.value()->rows[row].level;
    if (level >= 0) ws.select_frame(first_of_level(frames_, static_cast<std::size_t>(level)));
}

void WordsView::draw_heading(Workspace& ws, const WordRow& row, float width, bool chosen) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kRowUnits), y = at.y + std::floor((height - ws.fonts.small->FontSize) / 2);
    list->AddRectFilled(at, {at.x + width, at.y + height}, chosen ? theme.accent_soft : theme.row_even);
    const bool frame = row.level >= 0;
    const std::string size = format_bytes(row.bytes);
    const float end = at.x + std::max(width, ws.px(300)) - ws.px(12);
    draw_text(list, ws.fonts.small, {end, y}, theme.text_faint, size, 1);
    const float room = end - text_width(ws.fonts.small, size) - ws.px(12) - (at.x + ws.px(16));
    ImFont* font = frame ? ws.fonts.mono_small : ws.fonts.small;
    draw_text(list, font, {at.x + ws.px(16), at.y + std::floor((height - font->FontSize) / 2)},
              frame ? theme.text : theme.text_dim, cut_to(font, heading_text(row, levels_), room));
}

void WordsView::draw_row(Workspace& ws, std::size_t index, float width) {
    const WordRow& row = model_.value()->rows[index];
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kRowUnits);
    const bool chosen = row.level >= 0 && static_cast<std::size_t>(row.level) == level_chosen_;
    const bool free = row.part == WordPart::kFree || row.part == WordPart::kColour ||
                      row.part == WordPart::kGuard;
    if (selected(index)) list->AddRectFilled(at, {at.x + width, at.y + height}, theme.accent_soft);
    ImFont* mono = ws.fonts.mono_small;
    const float cell = text_width(mono, "0"), y = at.y + std::floor((height - mono->FontSize) / 2);
    float x = at.x + ws.px(16);
    if (row.kind == WordRow::Kind::kHeading) {
        draw_heading(ws, row, width, chosen);
    } else {
        draw_text(list, mono, {x, y}, theme.text_faint, fmt::format("{:012x}", row.address));
        x += cell * 14;
    }
    std::string note;
    if (row.kind == WordRow::Kind::kGap) {
        note = fmt::format("{} {}", format_bytes(row.bytes), row.role);
    } else if (row.kind == WordRow::Kind::kWords) {
        draw_text(list, mono, {x, y},
                  free             ? theme.text_faint
                  : row.value == 0 ? theme.text_dim
                                   : theme.text,
                  fmt::format("{:016x}", row.value));
        x += cell * 18;
        draw_text(list, mono, {x, y}, free ? theme.text_faint : theme.text_dim, word_characters(row.value));
        x += cell * 10;
        note = word_note(row, row.place_at != 0 ? ws.session->place(row.place_at) : nullptr);
    }
    const bool named = row.role == "return address" || row.role == "goes on at";
    draw_text(list, ws.fonts.small, {x, at.y + std::floor((height - ws.fonts.small->FontSize) / 2)},
              free               ? theme.text_faint
              : named            ? theme.code_name
              : row.role.empty() ? theme.text_dim
                                 : theme.code_number,
              note);
    x += text_width(ws.fonts.small, note) + ws.px(12);
    list->AddRectFilled({at.x + ws.px(4), at.y}, {at.x + ws.px(chosen ? 10 : 8), at.y + height},
                        part_colour(ws, row));
    const std::string name = fmt::format("words.row.{}", index);
    const float wide = row.kind == WordRow::Kind::kHeading ? width : std::max({1.0F, width, x - at.x});
    const bool pressed = ImGui::InvisibleButton(name.c_str(), {wide, height});
    publish_item(ws, name);
    if (pressed) press(ws, index);
    if (!ImGui::IsItemHovered()) return;
    list->AddRectFilled(at, {at.x + wide, at.y + height}, theme.hover);
    ws.hovered = row.kind == WordRow::Kind::kHeading
                     ? heading_text(row, levels_)
                     : fmt::format("{:#014x}  {:016x}  {}  {}", row.address, row.value,
                                   word_characters(row.value), note);
}

void WordsView::step(Workspace& ws, int by, bool extend) {
    const WordsModel* model = model_.value();
    if (model == nullptr || model->rows.empty()) return;
    const auto last = static_cast<std::ptrdiff_t>(model->rows.size()) - 1;
    const auto from = static_cast<std::ptrdiff_t>(cursor_ == kNoRow ? model->stack_pointer_row : cursor_);
    const auto to = std::clamp<std::ptrdiff_t>(cursor_ == kNoRow ? from : from + by, 0, last);
    cursor_ = static_cast<std::size_t>(to);
    if (!extend || anchor_ == kNoRow) anchor_ = cursor_;
    scroll_cursor_ = true;
    ws.frames_wanted = std::max(ws.frames_wanted, 3);
    const std::int32_t level = model->rows[cursor_].level;
    if (level >= 0) ws.select_frame(first_of_level(frames_, static_cast<std::size_t>(level)));
}

std::string WordsView::as_text(Workspace& ws) const {
    const WordsModel* model = model_.value();
    if (model == nullptr || model->rows.empty()) return {};
    const bool part = has_selection() && cursor_ != anchor_;
    return words_text(*model, part ? std::min(cursor_, anchor_) : 0,
                      part ? std::max(cursor_, anchor_) : model->rows.size() - 1, levels_,
                      [&](std::uint64_t address) { return ws.session->place(address); });
}

nlohmann::json WordsView::dump(Workspace& ws) {
    if (!problem_.empty()) return {{"problem", problem_}};
    const WordsModel* model = model_.value();
    if (model == nullptr || model->identity != identity_) return nullptr;
    nlohmann::json out = {{"coroutine", model->identity},
                          {"consistency", label_},
                          {"used_bytes", model->used_bytes},
                          {"slot_bytes", model->slot_bytes},
                          {"rows", words_json(*model, levels_, [&](std::uint64_t address) {
                               return ws.session->place(address);
                           })}};
    if (has_selection()) out["selected_rows"] = {std::min(cursor_, anchor_), std::max(cursor_, anchor_)};
    return out;
}

}  // namespace coroscope::views
