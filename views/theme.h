// Themes: every colour and font that the window uses, by what it is for.
//
// Views ask for roles ("panel", "text_dim", look colours), never for numbers, so that dark, light and high contrast are
// three tables and nothing else. Fonts are Inter for text and JetBrains Mono for code and for numbers that align, in one
// scale of sizes; where a font file is missing ImGui's own font stands in and missing_fonts() says so (doctor, status line).
//
// Thread: the frame's. Fonts are built once per scale and live in ImGui's atlas.
#pragma once

#include <imgui.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "views/look.h"

namespace coroscope::views {

struct Theme {
    const char* name;
    bool dark;
    // Surfaces, from the back to the front.
    ImU32 ground, panel, raised, field;
    // Lines between them.
    ImU32 line, line_strong;
    // Text, from what is read first to what is read last.
    ImU32 text, text_dim, text_faint;
    // The selection and whatever can be clicked.
    ImU32 accent, accent_soft, on_accent;
    ImU32 hover, row_even;
    ImU32 good, warn, bad, bad_soft;
    std::array<ImU32, kLooksCount> looks;
    // Code: mnemonics, numbers, names of call targets.
    ImU32 code_word, code_number, code_name;

    ImU32 look(Look look) const { return looks[static_cast<std::size_t>(look)]; }
    // The same where it fills much of a panel: quieter, so that a program at rest is no alarm.
    ImU32 area(Look look) const;
    // Of a quantity, 0..1: the more, the further from the ground. Of kinds, the first twelve; what is beyond is "others". theme_scales.cpp
    ImU32 scale(float share) const;
    ImU32 kind(std::size_t number) const;
    static constexpr float kAreaQuieter = 0.45F;  // of the panel in it: the line along its edge has the colour itself
};

// "dark", "light" or "contrast"; nullptr for any other name.
const Theme* find_theme(std::string_view name);
// The names above, in the order in which the theme key walks through them.
const std::vector<const Theme*>& all_themes();

struct Fonts {
    ImFont* text = nullptr;        // 13: nearly everything
    ImFont* small = nullptr;       // 12: captions, axes
    ImFont* strong = nullptr;      // 13, semi-bold: headings of panels
    ImFont* title = nullptr;       // 20: start page
    ImFont* mono = nullptr;        // 13: code, numbers in columns
    ImFont* mono_small = nullptr;  // 12: numbers on axes
};

// Where Debian's font packages put the files.
struct FontFile {
    const char* role;
    const char* path;
    const char* package;
};
const std::vector<FontFile>& font_files();
// Those of the files above that are not there.
std::vector<FontFile> missing_fonts();

// Fills ImGui's atlas for a scale (1 = 96 dpi); call before the renderer's first frame. Blocks for reading the files.
Fonts load_fonts(float scale);
// Sets ImGui's style from a theme, at a scale.
void apply_theme(const Theme& theme, float scale);

// Mixes two colours; share 0 = all `from`.
ImU32 mix(ImU32 from, ImU32 to, float share);
ImU32 with_alpha(ImU32 colour, float alpha);

}  // namespace coroscope::views
