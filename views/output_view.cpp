// See output_view.h.
#include "views/output_view.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {

nlohmann::json OutputView::dump(Workspace& ws) {
    nlohmann::json lines = nlohmann::json::array();
    if (ws.program.output != nullptr) {
        for (const OutputLine& line : *ws.program.output)
            lines.push_back({{"text", line.text}, {"stderr", line.is_error}});
    }
    return {{"present", ws.program.present}, {"running", ws.program.running}, {"pid", ws.program.pid},
            {"status", ws.program.status},   {"command", ws.program.command}, {"lines", std::move(lines)}};
}

void OutputView::draw(Workspace& ws) {
    const Theme& theme = *ws.theme;
    const ProgramState& program = ws.program;
    if (!program.present) {
        empty_state(ws, "No output here",
                    "Coroscope shows what a program writes when it launched it: use the start page (Ctrl+W), "
                    "or coroscope launch -- PROGRAM.");
        return;
    }
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    text(ws.fonts.small, program.running ? theme.good : theme.text_dim, program.status);
    ImGui::SameLine(0, ws.px(12));
    text_cut(ws.fonts.mono_small, theme.text_faint, program.command,
             ImGui::GetContentRegionAvail().x - ws.px(12));
    ImGui::SetCursorPos({0, ws.px(34)});
    const auto& lines = *program.output;
    if (lines.empty()) {
        empty_state(ws, "Nothing written yet",
                    program.running ? "What the program writes to stdout and stderr appears here."
                                    : "The program ended without a word.");
        return;
    }
    const float height = ws.px(20);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("lines", {0, 0}, false, ImGuiWindowFlags_HorizontalScrollbar);
    if (program.output_dropped != 0) {
        ImGui::SetCursorPosX(ws.px(12));
        text(ws.fonts.small, theme.text_faint,
             fmt::format("{} earlier lines are no longer kept", format_count(program.output_dropped)));
    }
    follow_ = ImGui::GetScrollY() >= ImGui::GetScrollMaxY() - 1 || (lines.size() != lines_seen_ && follow_);
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(lines.size()), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const OutputLine& line = lines[static_cast<std::size_t>(i)];
            const ImVec2 at = ImGui::GetCursorScreenPos();
            ImDrawList* list = ImGui::GetWindowDrawList();
            if (line.is_error)
                list->AddRectFilled({at.x + ws.px(4), at.y + ws.px(4)},
                                    {at.x + ws.px(6), at.y + height - ws.px(4)}, theme.warn);
            draw_text(list, ws.fonts.mono,
                      {at.x + ws.px(12), at.y + std::floor((height - ws.fonts.mono->FontSize) / 2)},
                      line.is_error ? theme.warn : theme.text, line.text);
            ImGui::Dummy({text_width(ws.fonts.mono, line.text) + ws.px(24), height});
            if (ImGui::IsItemHovered()) ws.hovered = line.text;
        }
    }
    if (follow_ && lines.size() != lines_seen_) {
        ImGui::SetScrollHereY(1);
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    lines_seen_ = lines.size();
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
