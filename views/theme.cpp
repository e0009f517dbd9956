// See theme.h. State colours are of one family for all themes, made darker on light ground. They were moved apart until any two of them differ
// for everybody, also for those who see no red, no green or no blue; the marks (look.h) carry what colour alone does not. That, and that
// every text can be read on every surface, is held by tests/unit/views/theme_test.cpp: change a colour, and it says whom that shuts out.
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
    rgb(0xe6e9ef),
    rgb(0xb0b8c5),
    rgb(0x828c9b),
    rgb(0x6aa6ff),
    rgba(0x6aa6ff, 56),
    rgb(0x0b1220),
    rgba(0xffffff, 14),
    rgba(0xffffff, 5),
    rgb(0x4cb782),
    rgb(0xe0a030),
    rgb(0xe5605e),
    rgba(0xe5605e, 40),
    {rgb(0x282d36), rgb(0x7ec1ba), rgb(0x4bb782), rgb(0xcc8f1a), rgb(0xfb9d3a), rgb(0x4874a9), rgb(0x676a74),
     rgb(0x927769), rgb(0xb47697), rgb(0xce5441), rgb(0x95a0b6), rgb(0xcbced6)},
    rgb(0x8fb8ff),
    rgb(0xd9a86c),
    rgb(0x7cc4a2)};

constexpr Theme kLight = {
    "light",
    false,
    rgb(0xeceef2),
    rgb(0xfbfcfd),
    rgb(0xf1f3f6),
    rgb(0xf3f5f8),
    rgb(0xdde1e7),
    rgb(0xbcc3cd),
    rgb(0x1b2028),
    rgb(0x434b57),
    rgb(0x646d7a),
    rgb(0x1f66d1),
    rgba(0x1f66d1, 36),
    rgb(0xffffff),
    rgba(0x000000, 12),
    rgba(0x000000, 5),
    rgb(0x1c754c),
    rgb(0x8a5800),
    rgb(0xb93432),
    rgba(0xc23b39, 28),
    {rgb(0xe3e6eb), rgb(0x5f9d84), rgb(0x27905a), rgb(0xc48406), rgb(0xc16102), rgb(0x39618c), rgb(0x8d8eb3),
     rgb(0x835b49), rgb(0x9d67a1), rgb(0xbb321a), rgb(0x637177), rgb(0x3c434f)},
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
    {rgb(0x262626), rgb(0x9fe6e0), rgb(0x5be9a0), rgb(0xffc452), rgb(0xfe951e), rgb(0x7fb2f2), rgb(0x9a9b9b),
     rgb(0xe1a581), rgb(0xc79ac9), rgb(0xf36f6d), rgb(0xbfc1c5), rgb(0xffffff)},
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

ImU32 Theme::area(Look look) const {
    constexpr float kQuieter = 0.2F;
    return mix(looks[static_cast<std::size_t>(look)], panel, kQuieter);
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
    style.GrabMinSize = 24;
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
