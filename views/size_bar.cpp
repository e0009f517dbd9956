// See size_bar.h.
#include "views/size_bar.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

// Where so many bytes of a slot end.
struct SlotScale {
    float x0 = 0, x1 = 1;
    std::uint64_t usable = 1;
    float x_of(std::uint64_t bytes) const {
        const double share = static_cast<double>(bytes) /
                             static_cast<double>(std::max<std::uint64_t>(usable, 1));
        return std::round(x0 + (x1 - x0) * static_cast<float>(std::min(share, 1.0)));
    }
};

void draw_marks(Workspace& ws, Rect area, const SlotScale& scale, const SizeTable& table,
                const SizeSite& site, wire::SizeClass advised) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale)), out = ws.px(2);
    if (advised < site.used) {
        const float x = scale.x_of(table.usable(advised));
        list->AddRectFilled({x, area.y0 - out}, {x + line, area.y1 + out}, theme.good);
    }
    if (site.bound_bytes != 0 && site.bound_bytes <= scale.usable) {
        const float x = scale.x_of(site.bound_bytes);
        list->AddRectFilled({x - line, area.y0 - out}, {x + line, area.y1 + out}, theme.text);
    }
    if (site.predicted_bytes != 0 && site.predicted_bytes <= scale.usable) {
        const float x = scale.x_of(site.predicted_bytes), y = area.y1 + line, r = ws.px(4);
        list->AddTriangleFilled({x, y}, {x + r, y + r}, {x - r, y + r}, theme.text_dim);
    }
}

void tooltip_side(Workspace& ws, const SizeTable& table, const SizeSite& site, const char* headline) {
    const Theme& theme = *ws.theme;
    const auto row = [&](const char* label, const std::string& value) {
        text(ws.fonts.small, theme.text_dim, label);
        ImGui::SameLine(ws.px(88));
        text(ws.fonts.mono_small, theme.text, value);
    };
    text(ws.fonts.strong, theme.text, headline);
    const std::uint64_t usable = table.usable(site.used);
    row("slot", fmt::format("{} B of a {} slot", format_count(usable), inspect::size_class_name(site.used)));
    const auto depth = [&](std::uint64_t bytes) {
        return fmt::format("{} B  {}", format_count(bytes),
                           format_share(static_cast<double>(bytes) /
                                        static_cast<double>(std::max<std::uint64_t>(usable, 1))));
    };
    if (site.samples != 0) {
        row("p50", depth(site.p50_bytes));
        row("p99", depth(site.p99_bytes));
        row("max", depth(site.max_bytes));
        row("of", fmt::format("{} coroutines", format_count(site.samples)));
    } else if (site.seen_bytes != 0) {
        row("at least", depth(site.seen_bytes));
    } else {
        row("seen", "not measured yet");
    }
    if (site.predicted_bytes != 0) row("predicted", depth(site.predicted_bytes));
    if (site.bound_bytes != 0) row("proven", depth(site.bound_bytes));
}

}  // namespace

void draw_size_bar(Workspace& ws, Rect area, const SizeTable& table, const SizeSite& site,
                   wire::SizeClass advised, bool faint) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float line = std::max(1.0F, std::floor(ws.scale));
    const SlotScale scale{area.x0, area.x1, table.usable(site.used)};
    list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.field);
    list->AddRect({area.x0, area.y0}, {area.x1, area.y1}, theme.line_strong, 0, 0, line);
    const bool grew = site.deepest_bytes() > scale.usable;
    const ImU32 colour = with_alpha(grew    ? theme.bad
                                    : faint ? theme.text_dim
                                            : theme.accent,
                                    faint ? 0.6F : 1.0F);
    const float least = 2 * line;  // nothing that was measured is invisible
    const auto fill = [&](float from, std::uint64_t bytes, float inset) {
        const float x = std::max(scale.x_of(bytes), from + (from == area.x0 ? least : 0));
        if (x > from) list->AddRectFilled({from, area.y0 + inset}, {x, area.y1 - inset}, colour);
        return x;
    };
    if (site.samples != 0) {
        const float height = area.y1 - area.y0;
        const float p50 = fill(area.x0, site.p50_bytes, 0);
        const float p99 = fill(p50, site.p99_bytes, std::round(height * 0.2F));
        const float most = fill(p99, site.max_bytes, std::floor((height - line) / 2));
        list->AddRectFilled({most - line, area.y0}, {most, area.y1}, colour);
    } else if (site.seen_bytes != 0) {
        const float x = std::max(scale.x_of(site.seen_bytes), area.x0 + 2 * least);
        list->AddRect({area.x0, area.y0}, {x, area.y1}, colour, 0, 0, line);
    }
    if (grew) {
        const float r = std::floor((area.y1 - area.y0) / 2), y = area.y0 + r;
        list->AddTriangleFilled({area.x1 + line, y - r}, {area.x1 + line + r, y}, {area.x1 + line, y + r},
                                colour);
    }
    if (!faint) draw_marks(ws, area, scale, table, site, advised);
}

void size_bar_tooltip(Workspace& ws, const SizeModel& model, const SizeLine& line) {
    begin_tooltip(ws);
    const SizeSite *now = model.site_now(line), *before = model.site_before(line);
    if (now != nullptr) tooltip_side(ws, *model.now, *now, before != nullptr ? "now" : "seen");
    if (before != nullptr) {
        if (now != nullptr) ImGui::Dummy({0, ws.px(4)});
        tooltip_side(ws, *model.before, *before, "before");
    }
    if (now != nullptr && line.advised < now->used)
        text(ws.fonts.small, ws.theme->good,
             fmt::format("green line: where {} would end", inspect::size_class_name(line.advised)));
    end_tooltip();
}

}  // namespace coroscope::views
