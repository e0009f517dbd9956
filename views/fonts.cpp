// Fonts for theme.h: which files, which glyphs, which sizes.
//
// ImGui measures a font by ascent plus descent, designers by the em square; the factors below turn the one into the other, so that 13
// means the same 13 as in every other program. Inter lacks a few of the shapes that the window uses; JetBrains Mono fills them in.
#include <imgui.h>
#include <imgui_freetype.h>

#include <sys/stat.h>

#include "views/theme.h"

namespace coroscope::views {
namespace {

constexpr float kInterHeightPerEm = 1.21F;
constexpr float kMonoHeightPerEm = 1.32F;

constexpr const char* kInter = "/usr/share/fonts/opentype/inter/Inter-Regular.otf";
constexpr const char* kInterSemiBold = "/usr/share/fonts/opentype/inter/Inter-SemiBold.otf";
constexpr const char* kMono = "/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf";

// Latin with its accents, Greek and Cyrillic (names of programs and channels), dashes and thin spaces, arrows, comparison signs, and the
// shapes that stand for play, stop and sort order.
constexpr ImWchar kRanges[] = {0x0020, 0x017f, 0x0370, 0x03ff, 0x0400, 0x04ff, 0x2009, 0x2009,
                               0x2010, 0x2026, 0x2030, 0x203a, 0x2190, 0x21ff, 0x2200, 0x22ff,
                               0x2300, 0x23ff, 0x25a0, 0x25ff, 0x2713, 0x2717, 0};

bool exists(const char* path) {
    struct stat status;
    return ::stat(path, &status) == 0;
}

// A thin space is a third of a digit, also in a font in which everything has one width.
void narrow_thin_space(ImFont* font) {
    const ImFontGlyph* digit = font->FindGlyphNoFallback('0');
    auto* space = const_cast<ImFontGlyph*>(font->FindGlyphNoFallback(0x2009));
    if (digit == nullptr || space == nullptr) return;
    space->AdvanceX = static_cast<float>(static_cast<int>(digit->AdvanceX / 3 + 0.5F));
    if (font->IndexAdvanceX.Size > 0x2009) font->IndexAdvanceX[0x2009] = space->AdvanceX;
}

// What a font lacks comes from the other: shapes from JetBrains Mono into Inter, the thin space from Inter into JetBrains Mono.
enum class Fill { kNothing, kShapes, kThinSpace };

ImFont* add(const char* path, float height, Fill fill) {
    ImFontAtlas* atlas = ImGui::GetIO().Fonts;
    if (!exists(path)) {
        ImFontConfig config;
        config.SizePixels = height;
        return atlas->AddFontDefault(&config);
    }
    ImFont* font = atlas->AddFontFromFileTTF(path, height, nullptr, kRanges);
    static constexpr ImWchar kThinSpaceOnly[] = {0x2009, 0x2009, 0};
    const char* other = fill == Fill::kShapes ? kMono : kInter;
    if (fill != Fill::kNothing && exists(other)) {
        ImFontConfig config;
        config.MergeMode = true;
        atlas->AddFontFromFileTTF(other, height, &config, fill == Fill::kShapes ? kRanges : kThinSpaceOnly);
    }
    return font;
}

}  // namespace

const std::vector<FontFile>& font_files() {
    static const std::vector<FontFile> files = {{"text", kInter, "fonts-inter"},
                                                {"headings", kInterSemiBold, "fonts-inter"},
                                                {"code and numbers", kMono, "fonts-jetbrains-mono"}};
    return files;
}

std::vector<FontFile> missing_fonts() {
    std::vector<FontFile> missing;
    for (const FontFile& file : font_files()) {
        if (!exists(file.path)) missing.push_back(file);
    }
    return missing;
}

Fonts load_fonts(float scale) {
    ImFontAtlas* atlas = ImGui::GetIO().Fonts;
    atlas->Clear();
    atlas->FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
    atlas->FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
    atlas->TexDesiredWidth = 2048;
    Fonts fonts;
    fonts.text = add(kInter, 13 * kInterHeightPerEm * scale, Fill::kShapes);
    fonts.small = add(kInter, 12 * kInterHeightPerEm * scale, Fill::kShapes);
    fonts.strong = add(kInterSemiBold, 13 * kInterHeightPerEm * scale, Fill::kShapes);
    fonts.title = add(kInterSemiBold, 20 * kInterHeightPerEm * scale, Fill::kNothing);
    fonts.mono = add(kMono, 12.5F * kMonoHeightPerEm * scale, Fill::kThinSpace);
    fonts.mono_small = add(kMono, 11.5F * kMonoHeightPerEm * scale, Fill::kThinSpace);
    atlas->Build();
    for (ImFont* font : {fonts.text, fonts.small, fonts.strong, fonts.title, fonts.mono, fonts.mono_small})
        narrow_thin_space(font);
    ImGui::GetIO().FontDefault = fonts.text;
    return fonts;
}

}  // namespace coroscope::views
