// See code_panel.h. Here: what is shown, the source, the cursor; instructions are drawn in code_rows.cpp.
#include "views/code_panel.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/code_lines.h"
#include "views/format.h"
#include "views/stack_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kBesideUnits = 860;  // as wide as this, source and instructions stand beside each other
constexpr float
    kStackedUnits = 240;  // one below the other they take as much height; in less there are instructions alone

}  // namespace

std::string plain_line(const std::string& line, std::size_t tab) {
    std::string out;
    for (const char c : line) {
        if (c == '\t') {
            out.append(tab - out.size() % tab, ' ');
        } else {
            out += static_cast<unsigned char>(c) < ' ' ? '.' : c;
        }
    }
    return out;
}

void CodePanel::reset() {
    source_.reset();
    model_.reset();
    code_ = nullptr;
    from_ = {};
    followed_.clear();
    shown_pc_ = 0;
    shown_file_.clear();
    cursor_ = hovered_row_ = hovered_next_ = kNoRow;
    lit_line_ = lit_next_ = 0;
    waiting_ = false;
}

CodePanel::Subject CodePanel::subject(Workspace& ws, const inspect::Frame& frame, const CodeContext& context) {
    // Who has followed a call stays there while the coroutine runs and parks elsewhere, but not when another frame is chosen.
    const bool chosen = std::exchange(shown_selection_, ws.selection().changes) != ws.selection().changes;
    const bool other = std::exchange(shown_frame_, ws.selection().frame) != ws.selection().frame;
    const bool elsewhere = from_.file != nullptr && shown_pc_ != frame.pc;
    if (chosen || other || elsewhere) followed_.clear();
    if (std::exchange(shown_pc_, frame.pc) != frame.pc && followed_.empty()) {
        cursor_ = kNoRow;
        scroll_source_ = scroll_code_ = true;
    }
    Subject shown;
    shown.context = context;
    shown.line = frame.line;
    shown.pc = frame.pc;
    if (!followed_.empty()) {
        shown.context.pc = 0;
        shown.context.innermost = false;
        shown.context.marked = 0;
        shown.context.file.clear();
        shown.context.function.clear();
        shown.pc = followed_.back() + 1;  // code() looks up the byte before
        if (const auto* place = from_.place(followed_.back())) {
            shown.context.function = place->name;
        } else {
            waiting_ = true;
        }
    }
    const std::vector<inspect::Instruction>* code = from_.code(shown.pc, &shown.problem);
    waiting_ = waiting_ || code == nullptr;
    if (code != code_) model_.reset();
    code_ = code;
    if (code == nullptr || followed_.empty()) return shown;
    const auto known = std::find_if(code->begin(), code->end(), [](const auto& row) { return row.line != 0; });
    if (known == code->end()) return shown;
    shown.context.file = known->file;
    shown.line = known->line;
    return shown;
}

// Brings rows and source up to what is to be shown.
void CodePanel::update(Workspace& ws, const Subject& shown) {
    if (std::exchange(shown_file_, shown.context.file) != shown.context.file) scroll_source_ = true;
    if (code_ != nullptr && !code_->empty()) {
        const ModelKey key{code_, shown.context};
        model_.want(ws.background, key, [owner = from_, code = code_, context = shown.context] {
            return make_code_model(*code, context);
        });
        waiting_ = waiting_ || !model_.current(key);
        if (model_stands() && cursor_ >= model_.value()->rows.size())
            cursor_ = model_.value()->here != kNoRow ? model_.value()->here : 0;
    }
    const std::string& file = shown.context.file;
    if (mode_ == kInstructions || file.empty()) return;
    source_.want(ws.background, file, [map = ws.sources, path = file] {
        auto found = map.read(path);
        SourceText text;
        if (!found.ok()) text.problem = found.error().message;
        if (found.ok()) text = {std::move(found->path), std::move(found->lines), {}};
        return text;
    });
    waiting_ = waiting_ || !source_.current(file);
}

void CodePanel::draw(Workspace& ws, const CodeFrom& source, const inspect::Frame& frame, const CodeContext& context) {
    if (from_.file != source.file) {
        followed_.clear();
        shown_pc_ = 0;  // the same number in another file is another place
    }
    from_ = source;
    waiting_ = false;
    lit_line_ = std::exchange(lit_next_, 0);
    hovered_row_ = std::exchange(hovered_next_, kNoRow);
    const Subject shown = subject(ws, frame, context);
    update(ws, shown);
    const float top = draw_head(ws, frame), width = ImGui::GetWindowWidth();
    const float height = std::max(ws.px(20), ImGui::GetWindowHeight() - top);
    const float line = std::max(1.0F, std::floor(ws.scale));
    ImGui::SetCursorPos({0, top});
    const bool beside = width >= ws.px(kBesideUnits);
    if (mode_ == kSource) {
        draw_source(ws, shown, width, height);
    } else if (mode_ == kInstructions || (!beside && height < ws.px(kStackedUnits))) {
        draw_instructions(ws, shown, width, height);
    } else {
        const float first = std::floor((beside ? width * 0.44F : height * 0.46F));
        const ImVec2 corner = ImGui::GetCursorScreenPos();
        draw_source(ws, shown, beside ? first : width, beside ? height : first);
        const ImVec2 from = beside ? ImVec2{corner.x + first, corner.y} : ImVec2{corner.x, corner.y + first};
        const ImVec2 to = beside ? ImVec2{from.x + line, corner.y + height}
                                 : ImVec2{corner.x + width, from.y + line};
        ImGui::GetWindowDrawList()->AddRectFilled(from, to, ws.theme->line);
        ImGui::SetCursorScreenPos(beside ? ImVec2{to.x, corner.y} : ImVec2{corner.x, to.y});
        draw_instructions(ws, shown, beside ? width - first - line : width,
                          beside ? height : height - first - line);
    }
    if (lit_next_ != lit_line_ || hovered_next_ != hovered_row_)
        ws.frames_wanted = std::max(ws.frames_wanted, 1);
}

// Which parts, which function; returns where the rest begins.
float CodePanel::draw_head(Workspace& ws, const inspect::Frame& frame) {
    static constexpr const char* kModes[] = {"Source", "Both", "Instructions"};
    ImGui::SetCursorPos({ws.px(8), ws.px(4)});
    choice(ws, "code", kModes, 3, &mode_);
    if (mode_ != kSource) {
        ImGui::SameLine(0, ws.px(8));
        if (button(ws, "code.bytes", bytes_ ? "Hide bytes" : "Bytes", ButtonKind::kQuiet,
                   "The address and the bytes of each instruction (B)"))
            toggle_bytes();
    }
    if (can_go_back()) {
        ImGui::SameLine(0, ws.px(4));
        const char* hint = followed_.empty() ? "Back to the frame that is selected (Backspace)" : "Back to where this was called (Backspace)";
        if (button(ws, "code.back", "‹ Back", ButtonKind::kQuiet, hint))
            go_back(ws);
    }
    ImGui::SameLine(0, ws.px(12));
    ImGui::AlignTextToFramePadding();
    std::string what;
    if (!followed_.empty()) {
        const auto* place = from_.place(followed_.back());
        what = place != nullptr ? place->name : std::string();
    } else {
        const std::string position = position_text(
            frame);  // whole on the bottom line, where the frame is hovered
        what = short_path(position.empty() ? std::string_view(frame.module) : std::string_view(position));
        const SourceText* source = source_.value();
        if (source != nullptr && !source->path.empty() && source->path != frame.file &&
            shown_file_ == frame.file)
            what += "  (read from " + source->path + ")";
        if (from_.file != nullptr) what = function_text(frame) + "  " + what;
    }
    text_cut(ws.fonts.small, ws.theme->text_faint, what, ImGui::GetContentRegionAvail().x - ws.px(12),
             followed_.empty() && from_.file == nullptr);
    return ws.px(34);
}

void CodePanel::draw_source(Workspace& ws, const Subject& shown, float width, float height) {
    ImGui::BeginChild("source", {width, height}, false, ImGuiWindowFlags_HorizontalScrollbar);
    const SourceText* source = source_.value();
    if (shown.context.file.empty()) {
        if (!waiting_)
            empty_state(ws, "No source position",
                        "This code was built without debug information (-g), or its separate debug file was "
                        "not found "
                        "(--debug-path DIR). Its instructions can be seen: press I.");
    } else if (source != nullptr && source_.current(shown.context.file)) {
        if (!source->problem.empty()) {
            empty_state(ws, "The source cannot be read", source->problem.c_str());
        } else {
            const std::string widest = std::to_string(source->lines.size());
            const float number_width = text_width(ws.fonts.mono, widest) + ws.px(28);
            std::uint32_t centre = shown.line;
            if (model_stands() && cursor_ < model_.value()->rows.size() &&
                model_.value()->rows[cursor_].line != 0 && cursor_ != model_.value()->here)
                centre = model_.value()->rows[cursor_].line;
            draw_lines(ws, source->lines.size(), static_cast<std::ptrdiff_t>(centre) - 1,
                       std::exchange(scroll_source_, false), source_height_,
                       [&](std::size_t i) { draw_source_line(ws, shown, i, number_width); });
        }
    }
    ImGui::EndChild();
}

void CodePanel::draw_source_line(Workspace& ws, const Subject& shown, std::size_t index, float number_width) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kCodeLineUnits), left = ImGui::GetWindowPos().x;
    const float width = seen_width();
    const auto number = static_cast<std::uint32_t>(index + 1);
    const bool here = number == shown.line && followed_.empty();
    const bool has_code = model_stands() && model_.value()->row_of_line(number) != kNoRow;
    const bool cursor = model_stands() && cursor_ < model_.value()->rows.size() && mode_ != kSource &&
                        model_.value()->rows[cursor_].line == number;
    if (here || number == lit_line_ || cursor)
        list->AddRectFilled({left, at.y}, {left + width, at.y + height},
                            here ? theme.accent_soft : theme.hover);
    if (here || cursor)
        list->AddRectFilled({left, at.y}, {left + ws.px(here ? 3 : 2), at.y + height},
                            here ? theme.accent : theme.line_strong);
    const float y = at.y + std::floor((height - ws.fonts.mono->FontSize) / 2);
    const SourceText& source = *source_.value();
    draw_text(list, ws.fonts.mono, {at.x + number_width - ws.px(12), y},
              has_code || here ? theme.text_dim : theme.text_faint, std::to_string(number), 1);
    const std::string line = plain_line(source.lines[index]);
    draw_text(list, ws.fonts.mono, {at.x + number_width, y}, here ? theme.text : theme.text_dim, line);
    const float wide = std::max({1.0F, number_width + text_width(ws.fonts.mono, line) + ws.px(12),
                                 width - (at.x - left)});
    const std::string name = fmt::format("code.line.{}", number);
    const bool pressed = ImGui::InvisibleButton(name.c_str(), {wide, height});
    publish_item(ws, name);
    if (!ImGui::IsItemHovered()) return;
    ws.hovered = fmt::format("{}:{}  {}", source.path, number, source.lines[index]);
    if (!has_code || mode_ == kSource) return;
    lit_next_ = number;
    if (!pressed) return;
    set_cursor(ws, model_.value()->row_of_line(number));
    scroll_source_ = false;
}

void CodePanel::set_cursor(Workspace& ws, std::size_t row) {
    cursor_ = row;
    scroll_source_ = scroll_code_ = true;
    ws.frames_wanted = std::max(ws.frames_wanted, 3);
}

void CodePanel::step(Workspace& ws, int by) {
    if (!model_stands() || model_.value()->rows.empty()) return;
    const auto last = static_cast<std::ptrdiff_t>(model_.value()->rows.size()) - 1;
    const auto now = static_cast<std::ptrdiff_t>(
        std::min<std::size_t>(cursor_, static_cast<std::size_t>(last)));
    set_cursor(ws, static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(now + by, 0, last)));
}

void CodePanel::step_line(Workspace& ws, int by) {
    if (!model_stands() || cursor_ >= model_.value()->rows.size()) return;
    const std::uint32_t next = model_.value()->next_line(model_.value()->rows[cursor_].line, by);
    if (next != 0) set_cursor(ws, model_.value()->row_of_line(next));
}

bool CodePanel::can_follow() const {
    return code_ != nullptr && cursor_ < code_->size() && (*code_)[cursor_].target_address != 0;
}

void CodePanel::follow(Workspace& ws) {
    if (!can_follow()) return;
    const std::uint64_t target = (*code_)[cursor_].target_address;
    const auto inside = std::find_if(code_->begin(), code_->end(),
                                     [&](const auto& row) { return row.address == target; });
    if (inside != code_->end()) {
        set_cursor(ws, static_cast<std::size_t>(inside - code_->begin()));
        return;
    }
    followed_.push_back(target);
    set_cursor(ws, kNoRow);
}

void CodePanel::go_back(Workspace& ws) {
    if (followed_.empty()) {
        ws.code_place.reset();
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
        return;
    }
    followed_.pop_back();
    set_cursor(ws, kNoRow);
}

nlohmann::json CodePanel::dump(Workspace& /*ws*/) const {
    if (!model_stands() || code_->size() != model_.value()->rows.size()) return nullptr;
    nlohmann::json out = code_json(*code_, *model_.value());
    out["mode"] = mode_ == kSource ? "source" : mode_ == kBoth ? "both" : "instructions";
    out["followed"] = followed_.size();
    if (cursor_ < model_.value()->rows.size()) out["cursor"] = cursor_;
    const SourceText* source = source_.value();
    if (source != nullptr && mode_ != kInstructions)
        out["source"] = {
            {"path", source->path}, {"lines", source->lines.size()}, {"problem", source->problem}};
    return out;
}

std::string CodePanel::as_text() const {
    if (mode_ == kSource && source_.value() != nullptr) {
        std::string text;
        for (std::size_t i = 0; i < source_.value()->lines.size(); ++i)
            text += fmt::format("{:>5}  {}\n", i + 1, source_.value()->lines[i]);
        return text;
    }
    if (!model_stands() || code_->size() != model_.value()->rows.size()) return {};
    return code_text(*code_, *model_.value());
}

}  // namespace coroscope::views
