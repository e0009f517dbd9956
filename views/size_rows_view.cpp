// The rows of the Sizes view (size_view.h), and the choice of a class.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/size_bar.h"
#include "views/size_columns.h"
#include "views/size_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

using wire::SizeClass;

constexpr float kLineUnits = 28;
constexpr float kBeforeUnits = 20;  // more, where a run before is compared with
constexpr float kBarUnits = 10, kBarBeforeUnits = 6;

std::size_t at(SizeColumn column) {
    return static_cast<std::size_t>(column);
}

std::string number_or_nothing(std::uint64_t value) {
    return value == 0 ? std::string() : format_count(value);
}

// Of a lambda, the function that it stands in.
std::string function_name(const std::string& symbol) {
    std::string name = short_function(symbol);
    while (name.ends_with("::"))
        name.resize(name.size() - 2);
    return name;
}

ImU32 advice_colour(const Theme& theme, const SizeLine& line, const SizeSite& site) {
    if (!line.fits) return theme.bad;
    if (line.wished) return theme.accent;
    if (line.advised == site.used) return theme.text_dim;
    return line.advised < site.used ? theme.good : theme.warn;
}

}  // namespace

void SizeView::draw_rows(Workspace& ws, const SizeModel& model, std::span<const PlacedColumn> places, float room) {
    const float height = ws.px(kLineUnits + (model.before != nullptr ? kBeforeUnits : 0));
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("rows", {0, room});
    if (std::exchange(scroll_to_chosen_, false)) {
        const auto found = std::find_if(model.lines.begin(), model.lines.end(), [&](const SizeLine& line) {
            return model.site(line).site == chosen_;
        });
        const float y = static_cast<float>(found - model.lines.begin()) * height,
                    view = ImGui::GetWindowHeight();
        if (found != model.lines.end() &&
            (y < ImGui::GetScrollY() || y + height > ImGui::GetScrollY() + view)) {
            ImGui::SetScrollY(scroll_to_middle(y, height, view));
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(model.lines.size()), height);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_row(ws, model, static_cast<std::size_t>(i), places, height);
    }
    ImGui::PopStyleVar();
    draw_choice(ws, model);
    ImGui::EndChild();
}

void SizeView::draw_row(Workspace& ws, const SizeModel& model, std::size_t number,
                        std::span<const PlacedColumn> places, float height) {
    const Theme& theme = *ws.theme;
    const SizeLine& line = model.lines[number];
    const SizeSite& site = model.site(line);
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = std::max(1.0F, ImGui::GetContentRegionAvail().x);
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("row", {std::max(1.0F, width), height})) choose(ws, site.site);
    ImGui::SetItemAllowOverlap();
    const PlacedColumn& classes = places[at(SizeColumn::kClass)];
    if (ImGui::IsItemVisible())  // what selects it: the part before the classes
        ws.publish(fmt::format("sizes.row.{}", number),
                   {corner.x, corner.y, corner.x + classes.x - ws.px(4), corner.y + height});
    const bool hovered = ImGui::IsItemHovered(), chosen = site.site == chosen_;
    if (chosen || hovered)
        list->AddRectFilled(corner, {corner.x + width, corner.y + height},
                            chosen ? theme.accent_soft : theme.hover);
    if (hovered) ws.hovered = size_line_text(model, line);
    if (line.now != SizeLine::kNone) {
        ImGui::SetCursorScreenPos({corner.x + classes.x - ws.px(4), corner.y});
        if (ImGui::InvisibleButton("classes", {std::max(1.0F, classes.width - ws.px(4)), ws.px(kLineUnits)})) {
            chosen_ = choice_of_ = site.site;
            open_choice_ = true;
        }
        publish_item(ws, fmt::format("sizes.classes.{}", number));
        if (ImGui::IsItemHovered()) {
            const float y0 = corner.y + ws.px(4), y1 = corner.y + ws.px(kLineUnits - 4);
            list->AddRect({corner.x + classes.x - ws.px(4), y0},
                          {corner.x + classes.x + classes.width - ws.px(8), y1}, theme.line_strong, ws.px(4),
                          0, std::max(1.0F, std::floor(ws.scale)));
            ws.hovered = size_line_text(model, line);
        }
    }
    ImGui::PopID();
    draw_cells(ws, model, line, corner, ws.px(kLineUnits), places);
    if (model.before != nullptr)
        draw_before_cells(ws, model, line, {corner.x, corner.y + ws.px(kLineUnits - 4)}, ws.px(kBeforeUnits),
                          places);
    const PlacedColumn& bar = places[at(SizeColumn::kSeen)];
    const float x0 = corner.x + bar.x, x1 = x0 + bar.width - ws.px(16);
    if (hovered && ImGui::GetIO().MousePos.x >= x0 && ImGui::GetIO().MousePos.x < x1)
        size_bar_tooltip(ws, model, line);
    ImGui::SetCursorScreenPos({corner.x, corner.y + height});
}

void SizeView::draw_cells(Workspace& ws, const SizeModel& model, const SizeLine& line, ImVec2 corner,
                          float height, std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const SizeSite& site = model.site(line);
    const bool here = line.now != SizeLine::kNone;
    const auto cell = [&](SizeColumn column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kSizeColumns[at(column)], places[at(column)], corner, height, colour, what);
    };
    const PlacedColumn& place = places[at(SizeColumn::kSite)];
    const float site_room = place.width - ws.px(12);
    std::string_view where = short_path(site.site);
    if (text_width(ws.fonts.small, where) > site_room) where.remove_prefix(where.rfind('/') + 1);
    cell(SizeColumn::kSite, here ? theme.text : theme.text_faint,
         cut_to(ws.fonts.small, where, site_room, true));
    cell(SizeColumn::kSymbol, theme.text_dim, function_name(site.symbol));
    if (!here) {
        cell(SizeColumn::kClass, theme.text_faint, "did not spawn");
        return;
    }
    cell(SizeColumn::kPredicted, theme.text_dim, number_or_nothing(site.predicted_bytes));
    const std::string deepest = number_or_nothing(site.deepest_bytes());
    cell(SizeColumn::kDeepest, theme.text, site.samples != 0 || deepest.empty() ? deepest : "≥ " + deepest);
    cell(SizeColumn::kEvidence, site.contradicted ? theme.bad : line.wished ? theme.accent : theme.text_dim,
         site.contradicted ? "contradicted" : size_evidence(model, line));
    cell(SizeColumn::kCoroutines, theme.text_dim, number_or_nothing(site.samples));
    cell(SizeColumn::kGrowths, site.growths != 0 ? theme.warn : theme.text_faint, format_count(site.growths));
    cell(SizeColumn::kSaved,
         line.saved_bytes > 0   ? theme.good
         : line.saved_bytes < 0 ? theme.warn
                                : theme.text_faint,
         signed_bytes(line.saved_bytes));
    draw_classes(ws, model, line, places[at(SizeColumn::kClass)], corner, height);
    const PlacedColumn& bar = places[at(SizeColumn::kSeen)];
    const float x0 = corner.x + bar.x, x1 = x0 + bar.width - ws.px(16);
    const float y = corner.y + std::floor((height - ws.px(kBarUnits)) / 2);
    draw_size_bar(ws, {x0, y, x1, y + ws.px(kBarUnits)}, *model.now, site, line.advised, false);
}

// The same of the run before, a line below and fainter.
void SizeView::draw_before_cells(Workspace& ws, const SizeModel& model, const SizeLine& line, ImVec2 corner,
                                 float height, std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const SizeSite* site = model.site_before(line);
    const auto cell = [&](SizeColumn column, std::string_view what) {
        draw_cell(ws, kSizeColumns[at(column)], places[at(column)], corner, height, theme.text_faint, what);
    };
    const bool moved = site != nullptr && site->site != model.site(line).site;
    cell(SizeColumn::kSite, site == nullptr ? "not before" : moved ? fmt::format("before, at {}", short_path(site->site)) : "before");
    if (site == nullptr) return;
    cell(SizeColumn::kPredicted, number_or_nothing(site->predicted_bytes));
    cell(SizeColumn::kDeepest, number_or_nothing(site->deepest_bytes()));
    cell(SizeColumn::kClass, inspect::size_class_name(site->used));
    cell(SizeColumn::kCoroutines, number_or_nothing(site->samples));
    cell(SizeColumn::kGrowths, format_count(site->growths));
    // What is kept in memory differs by so much.
    cell(SizeColumn::kSaved, signed_bytes(static_cast<std::int64_t>(line.resident_before_bytes) -
                                          static_cast<std::int64_t>(line.resident_bytes)));
    const PlacedColumn& bar = places[at(SizeColumn::kSeen)];
    const float x0 = corner.x + bar.x, x1 = x0 + bar.width - ws.px(16);
    const float y = corner.y + std::floor((height - ws.px(kBarBeforeUnits)) / 2);
    draw_size_bar(ws, {x0, y, x1, y + ws.px(kBarBeforeUnits)}, *model.before, *site, site->used, true);
}

// "medium → micro"; a wish has a diamond, what does not fit a cross.
void SizeView::draw_classes(Workspace& ws, const SizeModel& model, const SizeLine& line,
                            const PlacedColumn& place, ImVec2 corner, float height) {
    const Theme& theme = *ws.theme;
    const SizeSite& site = model.site(line);
    ImDrawList* list = ImGui::GetWindowDrawList();
    ImFont* font = ws.fonts.small;
    const float y = corner.y + std::floor((height - font->FontSize) / 2);
    float x = corner.x + place.x;
    const auto word = [&](std::string_view what, ImU32 colour) {
        draw_text(list, font, {x, y}, colour, what);
        x += std::ceil(text_width(font, what));
    };
    word(inspect::size_class_name(site.used), line.advised == site.used ? theme.text : theme.text_dim);
    if (line.advised != site.used) {
        word(" → ", theme.text_faint);
        word(inspect::size_class_name(line.advised), advice_colour(theme, line, site));
    }
    const float side = ws.px(12);
    const ImVec2 mark = {x + ws.px(2), y + std::floor((font->FontSize - side) / 2)};
    if (!line.fits) {
        draw_mark(list, mark, side, Mark::kCross, theme.bad);
    } else if (line.wished) {
        draw_mark(list, mark, side, Mark::kDiamond, theme.accent);
    }
}

void SizeView::draw_choice(Workspace& ws, const SizeModel& model) {
    if (std::exchange(open_choice_, false)) ImGui::OpenPopup("choice");
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {ws.px(8), ws.px(8)});
    const bool open = ImGui::BeginPopup("choice");
    ImGui::PopStyleVar();
    if (!open) return;
    const auto found = std::find_if(model.lines.begin(), model.lines.end(), [&](const SizeLine& line) {
        return line.now != SizeLine::kNone && model.site(line).site == choice_of_;
    });
    if (found == model.lines.end()) {
        ImGui::CloseCurrentPopup();
        ImGui::EndPopup();
        return;
    }
    const Theme& theme = *ws.theme;
    const SizeSite& site = model.site(*found);
    const auto row = [&](const std::string& name, const std::string& label, const std::string& says,
                         ImU32 colour) {
        const ImVec2 corner = ImGui::GetCursorScreenPos();
        const bool pressed = ImGui::Selectable(("##" + name).c_str(), false, 0, {ws.px(260), ws.px(22)});
        publish_item(ws, "sizes.wish." + name);
        ImDrawList* list = ImGui::GetWindowDrawList();
        const float y = corner.y + std::floor((ws.px(22) - ws.fonts.text->FontSize) / 2);
        draw_text(list, ws.fonts.text, {corner.x + ws.px(4), y}, theme.text, label);
        draw_text(list, ws.fonts.small, {corner.x + ws.px(256), y}, colour, says, 1);
        return pressed;
    };
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        const auto size_class = static_cast<SizeClass>(i);
        const std::uint64_t usable = model.now->usable(size_class);
        const bool fits = site.deepest_bytes() <= usable;
        const auto saved = static_cast<std::int64_t>(model.now->resident_bytes(site, site.used)) -
                           static_cast<std::int64_t>(model.now->resident_bytes(site, size_class));
        std::string says = fits ? fmt::format("{} usable, {}", format_bytes(usable), saving_text(saved))
                                : fmt::format("{} usable: does not fit", format_bytes(usable));
        if (row(std::to_string(i), inspect::size_class_name(size_class), says,
                fits ? theme.text_faint : theme.bad))
            book_.wish(site.site, size_class);
    }
    if (found->wished &&
        row("computed", "As computed", inspect::size_class_name(site.advised), theme.text_faint))
        book_.wish(site.site, std::nullopt);
    ImGui::EndPopup();
}

}  // namespace coroscope::views
