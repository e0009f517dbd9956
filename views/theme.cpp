// See theme.h. State colours are those of one table for all themes, made a little darker on light ground; neighbours in it differ in
// lightness as well as in hue, and the marks (look.h) carry what colour alone does not.
#include "views/theme.h"

namespace coroscope::views {
namespace {

constexpr ImU32 rgb(unsigned value) {
    return IM_COL32((value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff, 0xff);
}
constexpr ImU32 rgba(unsigned value, unsigned alpha) {
    return IM_COL32((value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff, alpha);
}

// In the order of Look: free, timer, running, ready, signal, I/O, other, lock, select, channel, unowned, unknown.
constexpr Theme kDark = {
    "dark",
    true,
    rgb(0x101216),
    rgb(0x171a1f),
    rgb(0x20242b),
    rgb(0x0c0e11),
    rgb(0x272c34),
    rgb(0x3a414c),
    rgb(0xdfe3ea),
    rgb(0x98a1b0),
    rgb(0x667080),
    rgb(0x6aa6ff),
    rgba(0x6aa6ff, 56),
    rgb(0x0b1220),
    rgba(0xffffff, 14),
    rgba(0xffffff, 5),
    rgb(0x4cb782),
    rgb(0xe0a030),
    rgb(0xe5605e),
    rgba(0xe5605e, 40),
    {rgb(0x282d36), rgb(0x76b7b2), rgb(0x4cb782), rgb(0xe0a030), rgb(0xf28e2b), rgb(0x4e79a7), rgb(0x6b7280),
     rgb(0x9c755f), rgb(0xb07aa1), rgb(0xd1605e), rgb(0x8b93a1), rgb(0xc9cdd4)},
    rgb(0x8fb8ff),
    rgb(0xd9a86c),
    rgb(0x7cc4a2)};

constexpr Theme kLight = {
    "light",
    false,
    rgb(0xeceef2),
    rgb(0xfbfcfd),
    rgb(0xf1f3f6),
    rgb(0xffffff),
    rgb(0xdde1e7),
    rgb(0xbcc3cd),
    rgb(0x1b2028),
    rgb(0x59626f),
    rgb(0x8b94a1),
    rgb(0x1f66d1),
    rgba(0x1f66d1, 36),
    rgb(0xffffff),
    rgba(0x000000, 12),
    rgba(0x000000, 5),
    rgb(0x24885a),
    rgb(0xa86c00),
    rgb(0xc23b39),
    rgba(0xc23b39, 28),
    {rgb(0xe3e6eb), rgb(0x4f9f99), rgb(0x2f9d68), rgb(0xd18f16), rgb(0xe07a14), rgb(0x3f6a98), rgb(0x8a919d),
     rgb(0x8d6650), rgb(0x9c628c), rgb(0xc74a48), rgb(0x6f7784), rgb(0x3c434e)},
    rgb(0x1f4fa0),
    rgb(0x96590a),
    rgb(0x1f7a50)};

constexpr Theme kContrast = {
    "contrast",
    true,
    rgb(0x000000),
    rgb(0x000000),
    rgb(0x1a1a1a),
    rgb(0x000000),
    rgb(0x6a6a6a),
    rgb(0xb0b0b0),
    rgb(0xffffff),
    rgb(0xdcdcdc),
    rgb(0xb4b4b4),
    rgb(0xffd84a),
    rgba(0xffd84a, 72),
    rgb(0x000000),
    rgba(0xffffff, 36),
    rgba(0xffffff, 0),
    rgb(0x5ce6a0),
    rgb(0xffc04a),
    rgb(0xff7a78),
    rgba(0xff7a78, 64),
    {rgb(0x262626), rgb(0x8fe0da), rgb(0x5ce6a0), rgb(0xffc04a), rgb(0xff9d3c), rgb(0x7fb2ef), rgb(0x9a9a9a),
     rgb(0xd2a080), rgb(0xe3a3d2), rgb(0xff7a78), rgb(0xc8c8c8), rgb(0xffffff)},
    rgb(0xbcd6ff),
    rgb(0xffd9a0),
    rgb(0xa8ffd2)};

}  // namespace

const std::vector<const Theme*>& all_themes() {
    static const std::vector<const Theme*> themes = {&kDark, &kLight, &kContrast};
    return themes;
}

const Theme* find_theme(std::string_view name) {
    for (const Theme* theme : all_themes()) {
        if (name == theme->name) return theme;
    }
    return nullptr;
}

ImU32 mix(ImU32 from, ImU32 to, float share) {
    const auto channel = [&](int shift) {
        const float a = static_cast<float>((from >> shift) & 0xff),
                    b = static_cast<float>((to >> shift) & 0xff);
        return static_cast<ImU32>(a + (b - a) * share + 0.5F) << shift;
    };
    return channel(0) | channel(8) | channel(16) | channel(24);
}

ImU32 with_alpha(ImU32 colour, float alpha) {
    const float own = static_cast<float>((colour >> IM_COL32_A_SHIFT) & 0xff);
    return (colour & ~IM_COL32_A_MASK) | (static_cast<ImU32>(own * alpha + 0.5F) << IM_COL32_A_SHIFT);
}

void apply_theme(const Theme& theme, float scale) {
    ImGuiStyle style;
    style.WindowPadding = {0, 0};
    style.WindowBorderSize = 0;
    style.WindowRounding = 0;
    style.ChildBorderSize = 0;
    style.PopupRounding = 6;
    style.PopupBorderSize = 1;
    style.FramePadding = {8, 4};
    style.FrameRounding = 4;
    style.FrameBorderSize = 1;
    style.ItemSpacing = {8, 4};
    style.ItemInnerSpacing = {8, 4};
    style.CellPadding = {6, 2};
    style.IndentSpacing = 16;
    style.ScrollbarSize = 10;
    style.ScrollbarRounding = 5;
    style.GrabMinSize = 10;
    style.GrabRounding = 4;
    style.TabRounding = 4;
    style.AntiAliasedLinesUseTex = true;
    style.ScaleAllSizes(scale);
    // A separator or border stays one pixel wide at any scale below two.
    style.FrameBorderSize = style.PopupBorderSize = static_cast<float>(static_cast<int>(scale));

    const auto set = [&](ImGuiCol_ role, ImU32 colour) {
        style.Colors[role] = ImGui::ColorConvertU32ToFloat4(colour);
    };
    if (theme.dark) {
        ImGui::StyleColorsDark(&style);
    } else {
        ImGui::StyleColorsLight(&style);
    }
    set(ImGuiCol_Text, theme.text);
    set(ImGuiCol_TextDisabled, theme.text_faint);
    set(ImGuiCol_WindowBg, theme.ground);
    set(ImGuiCol_ChildBg, 0);
    set(ImGuiCol_PopupBg, theme.raised);
    set(ImGuiCol_Border, theme.line_strong);
    set(ImGuiCol_BorderShadow, 0);
    set(ImGuiCol_FrameBg, theme.field);
    set(ImGuiCol_FrameBgHovered, mix(theme.field, theme.text, 0.05F));
    set(ImGuiCol_FrameBgActive, mix(theme.field, theme.text, 0.08F));
    set(ImGuiCol_ScrollbarBg, 0);
    set(ImGuiCol_ScrollbarGrab, with_alpha(theme.text, 0.16F));
    set(ImGuiCol_ScrollbarGrabHovered, with_alpha(theme.text, 0.28F));
    set(ImGuiCol_ScrollbarGrabActive, with_alpha(theme.text, 0.4F));
    set(ImGuiCol_CheckMark, theme.accent);
    set(ImGuiCol_SliderGrab, theme.accent);
    set(ImGuiCol_SliderGrabActive, theme.accent);
    set(ImGuiCol_Button, theme.raised);
    set(ImGuiCol_ButtonHovered, mix(theme.raised, theme.text, 0.08F));
    set(ImGuiCol_ButtonActive, mix(theme.raised, theme.text, 0.14F));
    set(ImGuiCol_Header, theme.accent_soft);
    set(ImGuiCol_HeaderHovered, theme.hover);
    set(ImGuiCol_HeaderActive, theme.accent_soft);
    set(ImGuiCol_Separator, theme.line);
    set(ImGuiCol_ResizeGrip, 0);
    set(ImGuiCol_TableHeaderBg, theme.panel);
    set(ImGuiCol_TableBorderStrong, theme.line);
    set(ImGuiCol_TableBorderLight, theme.line);
    set(ImGuiCol_TableRowBg, 0);
    set(ImGuiCol_TableRowBgAlt, theme.row_even);
    set(ImGuiCol_TextSelectedBg, theme.accent_soft);
    set(ImGuiCol_NavHighlight, 0);
    set(ImGuiCol_ModalWindowDimBg, with_alpha(theme.ground, 0.6F));
    ImGui::GetStyle() = style;
}

}  // namespace coroscope::views
