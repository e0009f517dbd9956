// See code_panel.h.
#include "views/code_panel.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/stack_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kLineUnits = 20;

SourceText read_text(const std::string& path) {
    auto lines = inspect::read_source(path);
    if (!lines.ok()) return {{}, lines.error().message};
    SourceText text;
    text.lines = std::move(lines).value();
    return text;
}

// A clipped list of rows of one height; scrolls so that `centre` is in the middle when `scroll` is set or its height is not
// `last_height` any more.
template <typename Draw>
void draw_lines(Workspace& ws, const char* id, std::size_t count, std::ptrdiff_t centre, bool scroll,
                float& last_height, Draw&& draw) {
    const float height = ws.px(kLineUnits);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild(id, {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
    const float room = ImGui::GetWindowHeight();
    if ((std::exchange(last_height, room) != room || scroll) && centre >= 0) {
        ImGui::SetScrollY(std::max(0.0F, (static_cast<float>(centre) + 0.5F) * height - room * 0.45F));
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(count), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            ImGui::SetCursorPosY(static_cast<float>(i) * height);
            draw(static_cast<std::size_t>(i));
        }
    }
    ImGui::SetCursorPosY(static_cast<float>(count) * height);
    ImGui::Dummy({1, 1});
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

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
    waiting_ = false;
    scrolled_pc_ = 0;
    scrolled_to_.clear();
}

void CodePanel::draw(Workspace& ws, const inspect::Frame& frame) {
    static constexpr const char* kModes[] = {"Source", "Instructions"};
    waiting_ = false;
    ImGui::SetCursorPos({ws.px(8), ws.px(4)});
    choice(ws, "code", kModes, 2, &mode_);
    ImGui::SameLine(0, ws.px(12));
    ImGui::AlignTextToFramePadding();
    const std::string position = position_text(frame);  // whole on the bottom line, where the frame is hovered
    text_cut(ws.fonts.small, ws.theme->text_faint,
             short_path(position.empty() ? std::string_view(frame.module) : std::string_view(position)),
             ImGui::GetContentRegionAvail().x - ws.px(12), true);
    ImGui::SetCursorPos({0, ws.px(34)});
    if (mode_ == 0) {
        draw_source(ws, frame);
    } else {
        draw_instructions(ws, frame);
    }
}

void CodePanel::draw_source(Workspace& ws, const inspect::Frame& frame) {
    if (frame.file.empty()) {
        empty_state(
            ws, "No source position",
            "This code was built without debug information (-g). Its instructions can be seen: press I.");
        return;
    }
    source_.want(ws.background, frame.file, [path = frame.file] { return read_text(path); });
    if (!source_.current(frame.file)) {
        waiting_ = true;
        return;
    }
    const SourceText& source = *source_.value();
    if (!source.problem.empty()) {
        empty_state(ws, "The source cannot be read", source.problem.c_str());
        return;
    }
    const std::string key = position_text(frame);
    const bool scroll = std::exchange(scrolled_to_, key) != key;
    const std::string widest = std::to_string(source.lines.size());
    const float number_width = text_width(ws.fonts.mono, widest) + ws.px(28);
    draw_lines(ws, "source", source.lines.size(), static_cast<std::ptrdiff_t>(frame.line) - 1, scroll,
               height_, [&](std::size_t i) {
                   ImDrawList* list = ImGui::GetWindowDrawList();
                   const ImVec2 at = ImGui::GetCursorScreenPos();
                   const bool here = i + 1 == frame.line;
                   const float height = ws.px(kLineUnits);
                   if (here) {
                       const float left = ImGui::GetWindowPos().x, right = left + ImGui::GetWindowWidth();
                       list->AddRectFilled({left, at.y}, {right, at.y + height}, ws.theme->accent_soft);
                       list->AddRectFilled({left, at.y}, {left + ws.px(3), at.y + height}, ws.theme->accent);
                   }
                   const float y = at.y + std::floor((height - ws.fonts.mono->FontSize) / 2);
                   draw_text(list, ws.fonts.mono, {at.x + number_width - ws.px(12), y},
                             here ? ws.theme->text_dim : ws.theme->text_faint, std::to_string(i + 1), 1);
                   const std::string line = plain_line(source.lines[i]);
                   draw_text(list, ws.fonts.mono, {at.x + number_width, y},
                             here ? ws.theme->text : ws.theme->text_dim, line);
                   ImGui::Dummy({number_width + text_width(ws.fonts.mono, line) + ws.px(12), height});
               });
}

void CodePanel::draw_instruction(Workspace& ws, const inspect::Instruction& instruction, bool here) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float height = ws.px(kLineUnits);
    const Theme& theme = *ws.theme;
    if (here) {
        const float left = ImGui::GetWindowPos().x, right = left + ImGui::GetWindowWidth();
        list->AddRectFilled({left, at.y}, {right, at.y + height}, theme.accent_soft);
        list->AddRectFilled({left, at.y}, {left + ws.px(3), at.y + height}, theme.accent);
    }
    const float y = at.y + std::floor((height - ws.fonts.mono->FontSize) / 2);
    const float cell = text_width(ws.fonts.mono, "0");
    float x = at.x + ws.px(12);
    draw_text(list, ws.fonts.mono, {x, y}, theme.text_faint, fmt::format("{:x}", instruction.address));
    x += cell * 14;
    draw_text(list, ws.fonts.mono, {x, y}, theme.code_word, instruction.mnemonic);
    x += cell * static_cast<float>(std::max<std::size_t>(8, instruction.mnemonic.size() + 1));
    draw_text(list, ws.fonts.mono, {x, y}, here ? theme.text : theme.text_dim, instruction.operands);
    x += text_width(ws.fonts.mono, instruction.operands) + cell * 2;
    if (!instruction.target.empty()) {
        const std::string target = short_function(instruction.target);
        draw_text(list, ws.fonts.mono, {x, y}, theme.code_name, target);
        x += text_width(ws.fonts.mono, target) + cell * 2;
    }
    ImGui::Dummy({x - at.x + ws.px(12), height});
    if (ImGui::IsItemHovered() && !instruction.file.empty()) {
        ws.hovered = fmt::format("{:x}  {}  {} {}  {}:{}", instruction.address, instruction.bytes,
                                 instruction.mnemonic, instruction.operands, instruction.file,
                                 instruction.line);
    }
}

void CodePanel::draw_instructions(Workspace& ws, const inspect::Frame& frame) {
    std::string problem;
    const std::vector<inspect::Instruction>* code = ws.session->code(frame.pc, &problem);
    if (code == nullptr) {
        waiting_ = true;
        return;
    }
    if (code->empty()) {
        empty_state(ws, "No instructions",
                    problem.empty() ? "The bytes of this function could not be read." : problem.c_str());
        return;
    }
    // A return address: the call before it is where the frame stands.
    std::ptrdiff_t here = -1;
    for (std::size_t i = 0; i < code->size() && (*code)[i].address < frame.pc; ++i)
        here = static_cast<std::ptrdiff_t>(i);
    const bool scroll = std::exchange(scrolled_pc_, frame.pc) != frame.pc;
    draw_lines(ws, "instructions", code->size(), here, scroll, height_, [&](std::size_t i) {
        draw_instruction(ws, (*code)[i], static_cast<std::ptrdiff_t>(i) == here);
    });
}

}  // namespace coroscope::views
