// See notes_view.h.
#include "views/notes_view.h"

#include <imgui.h>

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kNoteUnits = 28, kWhenUnits = 110, kWhoUnits = 170, kRemoveUnits = 28;

std::string who_text(const Workspace& ws, std::uint64_t identity) {
    if (identity == 0) return {};
    const auto* coroutine = ws.moment != nullptr ? ws.moment->state.coroutine_of(identity) : nullptr;
    return coroutine != nullptr ? fmt::format("{} {}", identity, ws.moment->state.coroutine_name(*coroutine)) : std::to_string(identity);
}

}  // namespace

nlohmann::json NotesView::dump(Workspace& ws) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Bookmark& mark : ws.notes.all())
        rows.push_back({{"time_ns", mark.t}, {"coroutine", mark.coroutine}, {"note", mark.note}});
    return {{"path", ws.notes.path()}, {"bookmarks", std::move(rows)}};
}

void NotesView::draw(Workspace& ws) {
    if (ws.notes.all().empty()) {
        empty_state(ws, "No bookmarks yet", "Shift+B marks the time that is shown, with a note; Alt+. and Alt+, go from one to the next.");
        return;
    }
    ImGui::SetCursorPos({ws.px(12), ws.px(8)});
    text_cut(ws.fonts.small, ws.theme->text_faint,
             ws.notes.path().empty() ? "kept until this session is closed; Ctrl+S saves its past, and them beside it" : "kept in " + ws.notes.path(),
             ImGui::GetContentRegionAvail().x - ws.px(12));
    ImGui::SetCursorPosY(ws.px(32));
    ImGui::BeginChild("notes");
    const float width = ImGui::GetContentRegionAvail().x;
    for (std::size_t i = 0; i < ws.notes.all().size(); ++i) {
        if (!draw_row(ws, i, width)) break;
    }
    ImGui::EndChild();
}

// False when it is gone.
bool NotesView::draw_row(Workspace& ws, std::size_t index, float width) {
    const Theme& theme = *ws.theme;
    const Bookmark& mark = ws.notes.all()[index];
    const float height = ws.px(kNoteUnits), y = ws.px(kNoteUnits) * static_cast<float>(index);
    ImGui::SetCursorPos({0, y});
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const bool clicked = ImGui::InvisibleButton(fmt::format("note{}", index).c_str(), {std::max(1.0F, width - ws.px(kRemoveUnits)), height});
    publish_item(ws, fmt::format("notes.row.{}", index));
    ImDrawList* list = ImGui::GetWindowDrawList();
    const bool here = ws.moment != nullptr && ws.moment->t == mark.t, hovered = ImGui::IsItemHovered();
    if (here || hovered) list->AddRectFilled(at, {at.x + width, at.y + height}, here ? theme.accent_soft : theme.hover);
    if (hovered) {
        ws.hovered = fmt::format("{} {}: {}", format_time(mark.t), who_text(ws, mark.coroutine), mark.note);
        ws.hover_coroutine(mark.coroutine);
    }
    const float text_y = at.y + std::floor((height - ws.fonts.text->FontSize) / 2);
    float x = at.x + ws.px(12);
    draw_text(list, ws.fonts.mono_small, {x, text_y + ws.px(1)}, theme.text, format_time(mark.t));
    x += ws.px(kWhenUnits);
    draw_text(list, ws.fonts.text, {x, text_y}, theme.text_dim, cut_to(ws.fonts.text, who_text(ws, mark.coroutine), ws.px(kWhoUnits - 12)));
    x += ws.px(kWhoUnits);
    draw_text(list, ws.fonts.text, {x, text_y}, theme.text, cut_to(ws.fonts.text, mark.note, at.x + width - ws.px(kRemoveUnits) - x));
    ImGui::SetCursorPos({width - ws.px(kRemoveUnits), y + std::floor((height - ImGui::GetFrameHeight()) / 2)});
    const bool removed = button(ws, fmt::format("notes.remove.{}", index), "×", ButtonKind::kQuiet, "Remove this bookmark");
    if (clicked && ws.session != nullptr) {
        ws.session->set_time(mark.t);
        if (mark.coroutine != 0) ws.select_coroutine(mark.coroutine);
    }
    if (!removed) return true;
    if (const auto done = ws.notes.remove(index); !done.ok()) {
        ws.notice = done.error().message;
        ws.notice_is_error = true;
    }
    return false;
}

}  // namespace coroscope::views
