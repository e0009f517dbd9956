// What the themes promise to eyes: text that can be read on every surface it stands on, and states that stay apart for those who see fewer
// colours. Contrast is that of WCAG 2.2 (1.4.3: text 4.5:1, 1.4.11: graphics 3:1); how a colour looks without one kind of cones is the
// matrices of Machado, Oliveira and Fernandes (2009) at full severity; differences are distances in Oklab, where black and white are 1 apart.
#include "views/theme.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "views/pool_view.h"

namespace coroscope::views {
namespace {

using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;

struct Vision {
    const char* name;
    Matrix matrix;
    double apart;  // least distance between two states
};

constexpr Vision kVisions[] = {
    {"all colours", {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}, 0.08},
    {"no red (protanopia)",
     {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}}, 0.06},
    {"no green (deuteranopia)",
     {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}}, 0.06},
    {"no blue (tritanopia)",
     {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}}, 0.06},
};

Triple linear(ImU32 colour) {
    const auto channel = [&](int shift) {
        const double value = static_cast<double>((colour >> shift) & 0xff) / 255;
        return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return {channel(IM_COL32_R_SHIFT), channel(IM_COL32_G_SHIFT), channel(IM_COL32_B_SHIFT)};
}

Triple times(const Matrix& matrix, const Triple& vector) {
    Triple out{};
    for (std::size_t row = 0; row < 3; ++row)
        for (std::size_t i = 0; i < 3; ++i)
            out[row] += matrix[row][i] * vector[i];
    return out;
}

double luminance(ImU32 colour) {
    const Triple rgb = linear(colour);
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

double contrast(ImU32 one, ImU32 other) {
    const double a = luminance(one), b = luminance(other);
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

Triple oklab(ImU32 colour, const Vision& vision) {
    constexpr Matrix kCones = {{{0.4122214708, 0.5363325363, 0.0514459929},
                                {0.2119034982, 0.6806995451, 0.1073969566},
                                {0.0883024619, 0.2817188376, 0.6299787005}}};
    constexpr Matrix kLab = {{{0.2104542553, 0.7936177850, -0.0040720468},
                              {1.9779984951, -2.4285922050, 0.4505937099},
                              {0.0259040371, 0.7827717662, -0.8086757660}}};
    Triple seen = times(vision.matrix, linear(colour));
    for (double& channel : seen)
        channel = std::clamp(channel, 0.0, 1.0);
    Triple cones = times(kCones, seen);
    for (double& cone : cones)
        cone = std::cbrt(cone);
    return times(kLab, cones);
}

double distance(const Triple& a, const Triple& b) {
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

// What a colour with alpha becomes on another.
ImU32 over(ImU32 colour, ImU32 ground) {
    const float alpha = static_cast<float>((colour >> IM_COL32_A_SHIFT) & 0xff) / 255;
    return mix(ground | IM_COL32_A_MASK, colour | IM_COL32_A_MASK, alpha);
}

TEST(Theme, text_can_be_read_on_every_surface_of_every_theme) {
    for (const Theme* theme : all_themes()) {
        const std::pair<const char*, ImU32> surfaces[] = {
            {"ground", theme->ground}, {"panel", theme->panel}, {"raised", theme->raised}, {"field", theme->field}};
        const std::pair<const char*, ImU32> texts[] = {
            {"text", theme->text}, {"text_dim", theme->text_dim}, {"text_faint", theme->text_faint}, {"accent", theme->accent},
            {"good", theme->good}, {"warn", theme->warn},         {"bad", theme->bad}};
        for (const auto& [surface, ground] : surfaces)
            for (const auto& [role, colour] : texts)
                EXPECT_GE(contrast(colour, ground), 4.5) << theme->name << ": " << role << " on " << surface;
        for (const ImU32 colour : {theme->code_word, theme->code_number, theme->code_name})
            EXPECT_GE(contrast(colour, theme->panel), 4.5) << theme->name << ": code";
        EXPECT_GE(contrast(theme->on_accent, theme->accent), 4.5) << theme->name << ": a primary button";
    }
}

TEST(Theme, what_is_selected_can_still_be_read) {
    for (const Theme* theme : all_themes()) {
        const ImU32 row = over(theme->accent_soft, theme->panel);
        EXPECT_GE(contrast(theme->text, row), 4.5) << theme->name;
        EXPECT_GE(contrast(theme->text_dim, row), 4.5) << theme->name;
    }
}

TEST(Theme, a_state_stands_out_from_the_panel_and_a_free_slot_is_quiet) {
    for (const Theme* theme : all_themes()) {
        for (std::size_t i = 1; i < kLooksCount; ++i)
            EXPECT_GE(contrast(theme->looks[i], theme->panel), 3.0) << theme->name << ": " << look_name(static_cast<Look>(i));
        EXPECT_LT(contrast(theme->look(Look::kFree), theme->panel), 1.5) << theme->name;
    }
}

TEST(Theme, two_states_never_look_alike_to_whoever_sees_fewer_colours) {
    for (const Theme* theme : all_themes()) {
        for (const Vision& vision : kVisions) {
            for (std::size_t a = 0; a < kLooksCount; ++a) {
                for (std::size_t b = a + 1; b < kLooksCount; ++b) {
                    EXPECT_GE(distance(oklab(theme->looks[a], vision), oklab(theme->looks[b], vision)), vision.apart)
                        << theme->name << ", " << vision.name << ": " << look_name(static_cast<Look>(a)) << " and "
                        << look_name(static_cast<Look>(b));
                }
            }
        }
    }
}

// Who waits is quieter there.
TEST(Theme, two_states_never_look_alike_in_the_heatmap_either) {
    for (const Theme* theme : all_themes()) {
        const CellPalette cells = PoolView::palette(*theme, PoolMode::kState);
        for (const Vision& vision : kVisions) {
            for (std::size_t a = 0; a < kLooksCount; ++a) {
                for (std::size_t b = a + 1; b < kLooksCount; ++b) {
                    EXPECT_GE(distance(oklab(cells[a], vision), oklab(cells[b], vision)), 0.65 * vision.apart)
                        << theme->name << ", " << vision.name << ": " << look_name(static_cast<Look>(a)) << ", "
                        << look_name(static_cast<Look>(b));
                }
            }
        }
    }
}

}  // namespace
}  // namespace coroscope::views
