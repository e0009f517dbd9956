// See widgets.h.
#include "views/widgets.h"

#include <imgui.h>
#include <imgui_stdlib.h>

#include <cmath>
#include <cstring>

namespace coroscope::views {
namespace {

const char* end_of(std::string_view text) {
    return text.data() + text.size();
}

ImVec2 size_of(ImFont* font, std::string_view what) {
    return font->CalcTextSizeA(font->FontSize, FLT_MAX, 0, what.data(), end_of(what));
}

// Steps back over continuation bytes so that no character is cut in two.
std::size_t character_start(std::string_view text, std::size_t at) {
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80)
        --at;
    return at;
}

}  // namespace

void publish_item(Workspace& ws, const std::string& name) {
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    if (ImGui::IsItemVisible()) ws.publish(name, {low.x, low.y, high.x, high.y});
}

bool button(Workspace& ws, const std::string& name, const char* label, ButtonKind kind, const char* hint) {
    const Theme& theme = *ws.theme;
    int colours = 0;
    if (kind == ButtonKind::kPrimary) {
        ImGui::PushStyleColor(ImGuiCol_Button, theme.accent);
        ImGui::PushStyleColor(ImGuiCol_ButtonHovered, mix(theme.accent, theme.text, 0.15F));
        ImGui::PushStyleColor(ImGuiCol_ButtonActive, mix(theme.accent, theme.text, 0.25F));
        ImGui::PushStyleColor(ImGuiCol_Text, theme.on_accent);
        ImGui::PushStyleColor(ImGuiCol_Border, theme.accent);
        colours = 5;
    } else if (kind == ButtonKind::kQuiet) {
        ImGui::PushStyleColor(ImGuiCol_Button, 0);
        ImGui::PushStyleColor(ImGuiCol_ButtonHovered, theme.hover);
        ImGui::PushStyleColor(ImGuiCol_Border, 0);
        ImGui::PushStyleColor(ImGuiCol_Text, theme.text_dim);
        colours = 4;
    }
    const bool pressed = ImGui::Button((std::string(label) + "###" + name).c_str());
    ImGui::PopStyleColor(colours);
    publish_item(ws, name);
    if (hint[0] != '\0' && ImGui::IsItemHovered()) {
        begin_tooltip(ws);
        text(ws.fonts.text, theme.text, hint);
        end_tooltip();
    }
    return pressed;
}

bool text_field(Workspace& ws, const std::string& name, const char* placeholder, std::string* value,
                float width) {
    ImGui::SetNextItemWidth(width);
    const bool changed = ImGui::InputTextWithHint(("###" + name).c_str(), placeholder, value);
    publish_item(ws, name);
    return changed;
}

void text(ImFont* font, ImU32 colour, std::string_view what) {
    // Smaller type stands on the line of its neighbours, not under their top.
    if (const float drop = onto_line_of(ImGui::GetIO().FontDefault, font); drop > 0) ImGui::SetCursorPosY(ImGui::GetCursorPosY() + drop);
    ImGui::PushFont(font);
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    ImGui::TextUnformatted(what.data(), end_of(what));
    ImGui::PopStyleColor();
    ImGui::PopFont();
}

void text_ending_at(ImFont* font, ImU32 colour, std::string_view what, float x) {
    ImGui::SetCursorPosX(std::floor(x - size_of(font, what).x));
    text(font, colour, what);
}

float text_width(ImFont* font, std::string_view what) {
    return size_of(font, what).x;
}

float onto_line_of(const ImFont* beside, const ImFont* font) {
    return std::round(beside->Ascent) - std::round(font->Ascent);
}

std::string cut_to(ImFont* font, std::string_view what, float width, bool cut_left) {
    if (size_of(font, what).x <= width) return std::string(what);
    constexpr std::string_view kEllipsis = "…";
    const float room = width - size_of(font, kEllipsis).x;
    std::size_t low = 0, high = what.size();  // characters kept
    while (low < high) {
        const std::size_t middle = (low + high + 1) / 2;
        const std::string_view part = cut_left ? what.substr(what.size() - middle) : what.substr(0, middle);
        if (size_of(font, part).x <= room) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    if (low == 0) return room >= 0 ? std::string(kEllipsis) : std::string();
    if (cut_left) {
        std::size_t from = what.size() - low;
        while (from < what.size() && (static_cast<unsigned char>(what[from]) & 0xc0) == 0x80)
            ++from;
        return std::string(kEllipsis) + std::string(what.substr(from));
    }
    return std::string(what.substr(0, character_start(what, low))) + std::string(kEllipsis);
}

void text_cut(ImFont* font, ImU32 colour, std::string_view what, float width, bool cut_left) {
    if (size_of(font, what).x <= width) {
        text(font, colour, what);
        return;
    }
    text(font, colour, cut_to(font, what, width, cut_left));
    if (ImGui::IsItemHovered()) ImGui::SetTooltip("%.*s", static_cast<int>(what.size()), what.data());
}

void draw_text(ImDrawList* list, ImFont* font, ImVec2 at, ImU32 colour, std::string_view what, float align) {
    if (align != 0) at.x -= size_of(font, what).x * align;
    list->AddText(font, font->FontSize, {std::floor(at.x), std::floor(at.y)}, colour, what.data(),
                  end_of(what));
}

void draw_mark(ImDrawList* list, ImVec2 corner, float side, Mark mark, ImU32 colour) {
    const ImVec2 middle = {corner.x + side / 2, corner.y + side / 2};
    const float r = side * 0.28F;
    const float thick = std::max(1.0F, side / 9);
    const auto line = [&](float x0, float y0, float x1, float y1) {
        list->AddLine({middle.x + x0, middle.y + y0}, {middle.x + x1, middle.y + y1}, colour, thick);
    };
    switch (mark) {
        case Mark::kNone:
            break;
        case Mark::kDot:
            list->AddCircleFilled(middle, r * 0.5F, colour);
            break;
        case Mark::kDisc:
            list->AddCircleFilled(middle, r, colour);
            break;
        case Mark::kRing:
            list->AddCircle(middle, r, colour, 0, thick);
            break;
        case Mark::kTriangle:
            list->AddTriangleFilled({middle.x - r * 0.8F, middle.y - r}, {middle.x + r * 1.1F, middle.y},
                                    {middle.x - r * 0.8F, middle.y + r}, colour);
            break;
        case Mark::kSquare:
            list->AddRectFilled({middle.x - r, middle.y - r}, {middle.x + r, middle.y + r}, colour);
            break;
        case Mark::kFrame:
            list->AddRect({middle.x - r, middle.y - r}, {middle.x + r, middle.y + r}, colour, 0, 0, thick);
            break;
        case Mark::kDiamond:
            list->AddQuadFilled({middle.x, middle.y - r * 1.2F}, {middle.x + r * 1.2F, middle.y},
                                {middle.x, middle.y + r * 1.2F}, {middle.x - r * 1.2F, middle.y}, colour);
            break;
        case Mark::kCross:
            line(-r, -r, r, r);
            line(-r, r, r, -r);
            break;
        case Mark::kPlus:
            line(-r * 1.1F, 0, r * 1.1F, 0);
            line(0, -r * 1.1F, 0, r * 1.1F);
            break;
        case Mark::kBars:
            line(-r * 0.7F, -r, -r * 0.7F, r);
            line(r * 0.7F, -r, r * 0.7F, r);
            break;
        case Mark::kHatch:
            line(-r * 1.3F, 0, 0, -r * 1.3F);
            line(-r, r, r, -r);
            line(0, r * 1.3F, r * 1.3F, 0);
            break;
    }
}

void draw_swatch(Workspace& ws, ImDrawList* list, ImVec2 corner, float side, Look look) {
    const Theme& theme = *ws.theme;
    const ImU32 colour = theme.look(look);
    list->AddRectFilled(corner, {corner.x + side, corner.y + side}, colour, std::floor(side / 5));
    const ImU32 mark = theme.dark ? IM_COL32(0, 0, 0, 190) : IM_COL32(255, 255, 255, 235);
    draw_mark(list, corner, side, mark_of(look), mark);
}

void swatch(Workspace& ws, Look look, float side) {
    const float pixels = ws.px(side);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float drop = std::floor((ImGui::GetTextLineHeight() - pixels) / 2);
    draw_swatch(ws, ImGui::GetWindowDrawList(), {at.x, at.y + drop}, pixels, look);
    ImGui::Dummy({pixels, ImGui::GetTextLineHeight()});
}

void empty_state(Workspace& ws, const char* headline, const char* advice) {
    const ImVec2 room = ImGui::GetContentRegionAvail();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = std::min(room.x - ws.px(32), ws.px(440));
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = ws.fonts.text->FontSize;
    const ImVec2 advice_size = ws.fonts.text->CalcTextSizeA(line, FLT_MAX, width, advice);
    const float top = at.y + std::max(ws.px(16), std::floor((room.y - line * 2 - advice_size.y) * 0.42F));
    const float centre = at.x + room.x / 2;
    draw_text(list, ws.fonts.strong, {centre, top}, ws.theme->text, headline, 0.5F);
    float y = std::floor(top + line * 1.6F);
    for (const char *word = advice, *end = advice + std::strlen(advice); word < end; y += line) {
        const char* stop = ws.fonts.text->CalcWordWrapPositionA(1, word, end, width);
        if (stop == word) ++stop;  // a letter wider than the panel
        draw_text(list, ws.fonts.text, {centre, y}, ws.theme->text_dim, {word, static_cast<std::size_t>(stop - word)}, 0.5F);
        for (word = stop; word < end && *word == ' ';)
            ++word;
    }
}

void fact(Workspace& ws, const char* label, std::string_view value, ImU32 value_colour) {
    text(ws.fonts.small, ws.theme->text_faint, label);
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.mono_small, value_colour != 0 ? value_colour : ws.theme->text_dim, value);
}

void head_label(Workspace& ws, const char* label, float top) {
    ImGui::SetCursorPos({ws.px(12), top});
    text(ws.fonts.small, ws.theme->text_faint, label);
    ImGui::SetCursorPos({ws.px(kHeadValueUnits), top});
}

bool choice(Workspace& ws, const std::string& name, const char* const* words, int count, int* chosen) {
    bool changed = false;
    for (int i = 0; i < count; ++i) {
        if (i != 0) ImGui::SameLine(0, ws.px(2));
        const bool on = *chosen == i;
        ImGui::PushStyleColor(ImGuiCol_Button, on ? ws.theme->accent_soft : 0);
        ImGui::PushStyleColor(ImGuiCol_ButtonHovered, on ? ws.theme->accent_soft : ws.theme->hover);
        ImGui::PushStyleColor(ImGuiCol_Border, 0);
        ImGui::PushStyleColor(ImGuiCol_Text, on ? ws.theme->text : ws.theme->text_dim);
        const std::string id = name + "." + std::to_string(i);
        if (ImGui::Button((std::string(words[i]) + "###" + id).c_str()) && !on) {
            *chosen = i;
            changed = true;
        }
        ImGui::PopStyleColor(4);
        publish_item(ws, id);
    }
    return changed;
}

float head_buttons_begin(const Workspace& ws, std::initializer_list<const char*> words) {
    constexpr float kEdgeUnits = 8, kBetweenUnits = 2;
    float width = -ws.px(kBetweenUnits);
    for (const char* word : words)
        width += std::ceil(text_width(ws.fonts.text, word)) + 2 * ImGui::GetStyle().FramePadding.x + ws.px(kBetweenUnits);
    return std::floor(ImGui::GetWindowContentRegionMax().x - ws.px(kEdgeUnits) - width);
}

void place_head_buttons(Workspace& ws, std::initializer_list<const char*> words) {
    constexpr float kTopUnits = 6;
    ImGui::SetCursorPos({head_buttons_begin(ws, words), ws.px(kTopUnits)});
}

float scroll_to_middle(float row_y, float row_height, float view_height) {
    return std::max(0.0F, row_y - std::floor(view_height / row_height / 2) * row_height);
}

void draw_sort_arrow(Workspace& ws, ImDrawList* list, ImVec2 at, bool descending, ImU32 colour) {
    const float side = ws.px(kSortArrowUnits), half = std::floor(side / 2);
    const float top = std::floor(at.y + (ws.fonts.small->FontSize - half) / 2) + ws.px(1), low = top + half, x = std::floor(at.x);
    const float base = descending ? top : low, tip = descending ? low : top;
    list->AddTriangleFilled({x, base}, {x + 2 * half, base}, {x + half, tip}, colour);
}

void begin_tooltip(Workspace& ws) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ws.px(12), ws.px(8)});
    ImGui::BeginTooltip();
}

void end_tooltip() {
    ImGui::EndTooltip();
    ImGui::PopStyleVar();
}

}  // namespace coroscope::views
