// The head of the heatmap (pool_view.h): what its colours say, chosen from six, and what each colour means.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/pool_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kScaleUnits = 160;  // how long a scale is drawn
// Of the panel in the colour of who waits: most do, and that is no alarm. Who runs or could stands out. Not on a light panel: to whoever sees
// no red, or no blue, they would become the colours of who runs, or of signals.
constexpr float kWaitingQuieter = 0.3F;

bool is_waiting(Look look) {
    return look == Look::kTimer || (look >= Look::kIo && look <= Look::kChannel);
}

// The second mark of a kind, so that no colour is needed to tell neighbours apart.
Mark mark_of_kind(std::uint8_t shade) {
    constexpr int kMarks = static_cast<int>(Mark::kBars);
    return static_cast<Mark>(1 + (shade - kShadeFirst) % kMarks);
}

}  // namespace

CellPalette PoolView::palette(const Theme& theme, PoolMode mode) {
    CellPalette colours{};
    if (mode == PoolMode::kState) {
        const float quieter = theme.dark ? kWaitingQuieter : 0;
        for (std::size_t i = 0; i < kLooksCount; ++i)
            colours[i] = is_waiting(static_cast<Look>(i)) ? mix(theme.looks[i], theme.panel, quieter) : theme.looks[i];
    } else {
        colours[0] = theme.look(Look::kFree);
        colours[kShadeUnowned] = theme.look(Look::kUnowned);
        colours[kShadeUnknown] = theme.look(Look::kOther);
        for (std::uint8_t i = 0; is_scale(mode) && i < kShadeLevels; ++i)
            colours[kShadeFirst + i] = theme.scale((static_cast<float>(i) + 0.5F) / kShadeLevels);
        for (std::uint8_t i = 0; !is_scale(mode) && i <= kShadeKinds; ++i)
            colours[kShadeFirst + i] = theme.kind(i);
    }
    for (std::size_t i = 0; i < kDimmed; ++i)
        colours[i | kDimmed] = mix(theme.look(Look::kFree), colours[i], kDimmedShare);
    return colours;
}

// Of a slot as it is shown: the mark of its look, or of its kind; none on a scale, whose colours say it by lightness alone.
Mark PoolView::mark_at(const PoolRow& pool, std::uint64_t position) const {
    if (pool.shades.empty()) return mark_of(pool.looks[position]);
    const std::uint8_t shade = pool.shades[position];
    return is_scale(mode_) || shade < kShadeFirst ? Mark::kNone : mark_of_kind(shade);
}

void PoolView::next_mode() {
    mode_ = static_cast<PoolMode>((static_cast<int>(mode_) + 1) % kPoolModesCount);
}

// What the colours say; one button that goes through them where there is no room for all.
void PoolView::draw_modes(Workspace& ws, float end) {
    const char* titles[kPoolModesCount];
    float width = 0;
    for (int i = 0; i < kPoolModesCount; ++i) {
        titles[i] = pool_mode_title(static_cast<PoolMode>(i));
        width += std::ceil(text_width(ws.fonts.text, titles[i])) + 2 * ImGui::GetStyle().FramePadding.x + ws.px(2);
    }
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    if (ImGui::GetCursorPosX() + width < end) {
        int chosen = static_cast<int>(mode_);
        if (choice(ws, "pools.mode", titles, kPoolModesCount, &chosen)) mode_ = static_cast<PoolMode>(chosen);
    } else {
        const std::string now = fmt::format("Shows: {}", pool_mode_title(mode_));
        if (button(ws, "pools.mode", now.c_str(), ButtonKind::kQuiet, "What colours say: the next")) next_mode();
        width = ImGui::GetItemRectSize().x;
    }
    if (!is_scale(mode_)) return;
    ImGui::SameLine(0, ws.px(12));
    if (ImGui::GetCursorPosX() + text_width(ws.fonts.text, "Ranked") + ws.px(16) > end) return;
    ImGui::PushStyleColor(ImGuiCol_Button, ranked_ ? ws.theme->accent_soft : 0);
    if (button(ws, "pools.ranked", "Ranked", ButtonKind::kQuiet, "Colours by place among all, so that outliers stand out")) ranked_ = !ranked_;
    ImGui::PopStyleColor();
}

void PoolView::draw_head(Workspace& ws, const PoolModel& model) {
    draw_modes(ws, head_buttons_begin(ws, {"−", "Fit", "+"}) - ws.px(12));
    place_head_buttons(ws, {"−", "Fit", "+"});
    if (button(ws, "pools.smaller", "−", ButtonKind::kQuiet, "Smaller cells (Ctrl+wheel)")) zoom(-1);
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "pools.fit", "Fit", ButtonKind::kQuiet, "Show all pools at once")) wanted_level_.reset();
    ImGui::SameLine(0, ws.px(2));
    if (button(ws, "pools.larger", "+", ButtonKind::kQuiet, "Larger cells (Ctrl+wheel)")) zoom(1);
    ImGui::SetCursorPos({ws.px(12), ws.px(38)});
    const ShadeLegend* legend = model.legend.get();
    if (legend == nullptr) {
        draw_looks(ws, model);
    } else if (is_scale(legend->mode)) {
        draw_scale(ws, *legend);
    } else {
        draw_kinds(ws, *legend);
    }
    ImGui::SetCursorPosY(std::max(ImGui::GetCursorPosY() + ws.px(4), ws.px(62)));
}

// Room for another entry of this width, in this line or the next.
void PoolView::next_entry(Workspace& ws, bool first, float width) {
    if (first) return;
    ImGui::SameLine(0, ws.px(16));
    if (ImGui::GetCursorPosX() + width > ImGui::GetWindowContentRegionMax().x - ws.px(12)) {
        ImGui::NewLine();
        ImGui::SetCursorPosX(ws.px(12));
    }
}

// What each colour and mark means, and how many slots have it now.
void PoolView::draw_looks(Workspace& ws, const PoolModel& model) {
    const Theme& theme = *ws.theme;
    bool first = true;
    for (std::size_t i = 1; i < kLooksCount; ++i) {
        if (model.counts[i] == 0) continue;
        const auto look = static_cast<Look>(i);
        const std::string count = format_count(model.counts[i]);
        next_entry(ws, first, ws.px(12 + 6 + 6) + text_width(ws.fonts.small, look_name(look)) + text_width(ws.fonts.mono_small, count));
        first = false;
        ImGui::PushFont(ws.fonts.small);
        swatch(ws, look);
        ImGui::PopFont();
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.small, theme.text_dim, look_name(look));
        ImGui::SameLine(0, ws.px(6));
        text(ws.fonts.mono_small, theme.text, count);
    }
    if (first) text(ws.fonts.small, theme.text_faint, "every slot is free");
}

// The scale between its ends, and of how many slots nothing is known.
void PoolView::draw_scale(Workspace& ws, const ShadeLegend& legend) {
    const Theme& theme = *ws.theme;
    if (legend.known + legend.unknown == 0) {
        text(ws.fonts.small, theme.text_faint, "every slot is free");
        return;
    }
    if (!legend.low.empty()) {
        text(ws.fonts.mono_small, theme.text_dim, legend.low);
        ImGui::SameLine(0, ws.px(8));
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float y = std::floor(at.y + ws.px(2)), step = std::floor(ws.px(kScaleUnits) / kShadeLevels);
        for (int i = 0; i < kShadeLevels; ++i) {
            const float x = std::floor(at.x) + step * static_cast<float>(i);
            ImGui::GetWindowDrawList()->AddRectFilled({x, y}, {x + step, y + ws.px(10)}, theme.scale((static_cast<float>(i) + 0.5F) / kShadeLevels));
        }
        ImGui::Dummy({step * kShadeLevels, ws.fonts.mono_small->FontSize});
        ImGui::SameLine(0, ws.px(8));
        text(ws.fonts.mono_small, theme.text_dim, legend.high);
    }
    const char* what = legend.mode == PoolMode::kAge         ? "in its state"
                       : legend.mode == PoolMode::kHighWater ? "of its stack used at its deepest, as far as was seen"
                                                             : "growths of its site";
    if (!legend.low.empty()) ImGui::SameLine(0, ws.px(12));
    text(ws.fonts.small, theme.text_faint, legend.ranked ? fmt::format("{}, by place among {} slots", what, format_count(legend.known)) : what);
    if (legend.unknown == 0) return;
    const std::string unknown = format_count(legend.unknown);
    next_entry(ws, false, ws.px(24) + text_width(ws.fonts.small, "not known") + text_width(ws.fonts.mono_small, unknown));
    ImGui::PushFont(ws.fonts.small);
    swatch(ws, Look::kOther);
    ImGui::PopFont();
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.small, theme.text_dim, "not known");
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.mono_small, theme.text, unknown);
}

// Sites or workers with their slots; a click on a site filters by it.
void PoolView::draw_kinds(Workspace& ws, const ShadeLegend& legend) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (legend.kinds.empty()) text(ws.fonts.small, theme.text_faint, "every slot is free");
    bool first = true;
    for (const ShadeLegend::Kind& kind : legend.kinds) {
        const std::string count = format_count(kind.slots);
        const float side = ws.px(12), gap = ws.px(6);
        const std::string_view name = short_path(kind.name);
        const float name_width = text_width(ws.fonts.small, name), width = side + 2 * gap + name_width + text_width(ws.fonts.mono_small, count);
        next_entry(ws, first, width);
        const std::string id = fmt::format("pools.kind.{}", kind.shade - kShadeFirst);
        first = false;
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const bool site = legend.mode == PoolMode::kSite && kind.shade < kShadeFirst + kShadeKinds;
        if (ImGui::InvisibleButton(id.c_str(), {width, ws.px(16)}) && site) ws.filter = ws.filter == kind.name ? "" : kind.name;
        publish_item(ws, id);
        const bool hovered = ImGui::IsItemHovered();
        if (hovered) ws.hovered = fmt::format("{}: {} slots{}", kind.name, count, site ? "; a click shows only these" : "");
        const float y = std::floor(at.y + ws.px(1));
        const auto number = static_cast<std::size_t>(kind.shade - kShadeFirst);
        list->AddRectFilled({at.x, y}, {at.x + side, y + side}, theme.kind(number), ws.px(2));
        draw_mark(list, {at.x, y}, side, mark_of_kind(kind.shade), theme.dark ? IM_COL32(0, 0, 0, 170) : IM_COL32(255, 255, 255, 220));
        draw_text(list, ws.fonts.small, {at.x + side + gap, at.y}, hovered && site ? theme.text : theme.text_dim, name);
        draw_text(list, ws.fonts.mono_small, {at.x + side + 2 * gap + name_width, at.y}, theme.text, count);
    }
}

}  // namespace coroscope::views
