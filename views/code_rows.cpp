// The instructions of a code panel (code_panel.h): a row each, jump arrows in the gutter beside them.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/code_lines.h"
#include "views/code_panel.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kLaneUnits = 8;
constexpr float kGutterPadUnits = 20;  // the marks of the frame on the left, the arrows' heads on the right
constexpr std::size_t kBytesShown = 8;

// A triangle that points to the right, its point at `at`.
void head(ImDrawList* list, ImVec2 at, float size, ImU32 colour) {
    list->AddTriangleFilled({at.x - size, at.y - size * 0.75F}, {at.x, at.y},
                            {at.x - size, at.y + size * 0.75F}, colour);
}

std::string shown_bytes(const std::string& bytes) {
    const std::size_t room = kBytesShown * 3 - 1;
    return bytes.size() <= room ? bytes : bytes.substr(0, room - 3) + " …";
}

}  // namespace

float CodePanel::gutter_width(const Workspace& ws) const {
    return ws.px(kGutterPadUnits) +
           ws.px(kLaneUnits) * static_cast<float>(std::max(1, model_.value()->lanes) + 1);
}

void CodePanel::draw_instructions(Workspace& ws, const Subject& shown, float width, float height) {
    ImGui::BeginChild("instructions", {width, height}, false, ImGuiWindowFlags_HorizontalScrollbar);
    if (code_ != nullptr && code_->empty()) {
        empty_state(
            ws, "No instructions",
            shown.problem.empty() ? "The bytes of this function could not be read." : shown.problem.c_str());
    } else if (model_stands() && model_.value()->rows.size() == code_->size()) {
        const float gutter = gutter_width(ws), line = ws.px(kCodeLineUnits);
        const ImVec2 corner = ImGui::GetCursorScreenPos();
        const auto first = static_cast<std::size_t>(std::max(0.0F, ImGui::GetScrollY() / line));
        const std::size_t last = first + static_cast<std::size_t>(height / line) + 2;
        draw_lines(ws, code_->size(), static_cast<std::ptrdiff_t>(cursor_ == kNoRow ? 0 : cursor_),
                   std::exchange(scroll_code_, false), code_height_,
                   [&](std::size_t i) { draw_row(ws, i, gutter); });
        draw_arrows(ws, corner.y, gutter, first, last);
    }
    ImGui::EndChild();
}

void CodePanel::draw_row(Workspace& ws, std::size_t index, float gutter) {
    const inspect::Instruction& instruction = (*code_)[index];
    const CodeRow& row = model_.value()->rows[index];
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImFont* mono = ws.fonts.mono;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kCodeLineUnits), left = ImGui::GetWindowPos().x,
                width = seen_width();
    const bool lit = lit_line_ != 0 && row.line == lit_line_;
    const bool of_line = cursor_ < model_.value()->rows.size() && row.line != 0 &&
                         row.line == model_.value()->rows[cursor_].line;
    if (row.here || lit || of_line || index == hovered_row_)
        list->AddRectFilled({left, at.y}, {left + width, at.y + height},
                            row.here ? theme.accent_soft : theme.hover);
    if (row.here || index == cursor_)
        list->AddRectFilled({left, at.y}, {left + ws.px(row.here ? 3 : 2), at.y + height},
                            row.here ? theme.accent : theme.line_strong);
    const float y = at.y + std::floor((height - mono->FontSize) / 2), middle = at.y + std::floor(height / 2);
    if (row.here) head(list, {at.x + ws.px(14), middle}, ws.px(6), theme.accent);
    if (row.resumes)
        list->AddTriangle({at.x + ws.px(8), middle - ws.px(4)}, {at.x + ws.px(13), middle},
                          {at.x + ws.px(8), middle + ws.px(4)}, theme.accent,
                          std::max(1.0F, std::floor(ws.scale)));
    const float cell = text_width(mono, "0");
    float x = at.x + gutter;
    if (bytes_) {
        draw_text(list, mono, {x, y}, theme.text_faint, fmt::format("{:x}", instruction.address));
        x += cell * 13;
        draw_text(list, mono, {x, y}, theme.text_faint, shown_bytes(instruction.bytes));
        x += cell * static_cast<float>(kBytesShown * 3 + 1);
    } else {
        draw_text(list, mono, {x + cell * 5, y}, theme.text_faint,
                  fmt::format("+{:x}", instruction.address - code_->front().address), 1);
        x += cell * 6;
    }
    draw_text(list, mono, {x, y}, theme.code_word, instruction.mnemonic);
    x += cell * static_cast<float>(std::max<std::size_t>(7, instruction.mnemonic.size() + 1));
    const bool named = !row.target.empty() && instruction.target_address != 0;
    std::string what = named ? row.target : instruction.operands;
    const bool inside = instruction.target_address >= code_->front().address &&
                        instruction.target_address <= code_->back().address;
    if (!named && !bytes_ && inside)
        what = fmt::format("+{:x}", instruction.target_address - code_->front().address);
    draw_text(list, mono, {x, y}, named ? theme.code_name : row.here ? theme.text : theme.text_dim, what);
    x += text_width(mono, what) + cell * 2;
    if (!named && !row.target.empty()) {
        draw_text(list, mono, {x, y}, theme.code_name, row.target);
        x += text_width(mono, row.target) + cell * 2;
    }
    if (!row.note.empty()) {
        // Cut at the window's edge, where it is whole on the bottom line.
        const float room = left + width - x - ws.px(12);
        const std::string note = cut_to(ws.fonts.small, row.note, std::max(room, ws.px(160)));
        draw_text(list, ws.fonts.small, {x, at.y + std::floor((height - ws.fonts.small->FontSize) / 2)},
                  row.switches ? theme.warn : theme.text_faint, note);
        x += text_width(ws.fonts.small, note);
    }
    const std::string name = fmt::format("code.row.{}", index);
    const bool pressed = ImGui::InvisibleButton(
        name.c_str(), {std::max({1.0F, x - at.x + ws.px(12), width - (at.x - left)}), height});
    publish_item(ws, name);
    if (!ImGui::IsItemHovered()) return;
    hovered_next_ = index;
    lit_next_ = row.line;
    ws.hovered = fmt::format(
        "{:x}  {}  {}{}{}", instruction.address, instruction.bytes, instruction_text(instruction, row),
        instruction.line == 0 ? "" : fmt::format("  {}:{}", instruction.file, instruction.line),
        row.note.empty() ? "" : "  " + row.note);
    if (!pressed) return;
    const bool again = cursor_ == index;
    set_cursor(ws, index);
    scroll_code_ = false;
    if (again) follow(ws);  // a second click goes where it goes
}

// Lines of the gutter for what can be seen of each arrow. Down in one colour, up in another; conditional ones are thin.
void CodePanel::draw_arrows(Workspace& ws, float top, float gutter, std::size_t first, std::size_t last) const {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = ws.px(kCodeLineUnits), left = ImGui::GetWindowPos().x - ImGui::GetScrollX();
    const float right = left + gutter - ws.px(8), thin = std::max(1.0F, std::floor(ws.scale));
    const auto middle = [&](std::size_t row) {
        return std::floor(top + (static_cast<float>(row) + 0.5F) * line) + 0.5F;
    };
    const std::vector<CodeJump>& jumps = model_.value()->jumps;
    // Those of the row under the mouse, or of the cursor, come last: on top.
    const std::size_t marked_row = hovered_row_ != kNoRow ? hovered_row_ : cursor_;
    for (const bool marked : {false, true}) {
        for (const CodeJump& jump : jumps) {
            const std::size_t low = std::min(jump.from, jump.to),
                              high = jump.to == kNoRow ? jump.from : std::max(jump.from, jump.to);
            if (high < first || low > last || (jump.from == marked_row || jump.to == marked_row) != marked)
                continue;
            const ImU32 colour = marked ? theme.accent
                                        : with_alpha(jump.up() ? theme.warn : theme.code_name, 0.75F);
            const float y = middle(jump.from), thick = marked ? 2 * thin : thin;
            if (jump.to == kNoRow || jump.lane < 0) {  // out of the function, or no room: a stub
                list->AddLine({right - ws.px(8), y}, {right, y}, colour, thick);
                list->AddTriangleFilled({right - ws.px(8), y - ws.px(3)}, {right - ws.px(12), y},
                                        {right - ws.px(8), y + ws.px(3)}, colour);
                if (jump.to != kNoRow) head(list, {right + ws.px(4), middle(jump.to)}, ws.px(5), colour);
                continue;
            }
            const float x = std::floor(right - ws.px(8) - static_cast<float>(jump.lane) * ws.px(kLaneUnits)) +
                            0.5F;
            const float end = middle(jump.to);
            list->AddLine({right, y}, {x, y}, colour, thick);
            list->AddLine({x, y}, {x, end}, colour, thick);
            list->AddLine({x, end}, {right, end}, colour, thick);
            head(list, {right + ws.px(4), end}, ws.px(5), colour);
        }
    }
}

}  // namespace coroscope::views
