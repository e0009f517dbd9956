// See compare_view.h.
#include "views/compare_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/histogram_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

using analyses::DistributionChange;
using analyses::RunComparison;
using analyses::SiteChange;
using analyses::SiteSide;

constexpr float kComparedRowUnits = 24, kComparedChartUnits = 148;
constexpr Column kSiteColumns[] = {{"site", 150, 2},     {"coroutines", 116, 0, true, 2}, {"running", 150, 0, true},
                                   {"", 62, 0, true, 1}, {"blocked", 186, 0, true, 3},    {"stacks hold", 150, 0, true, 2},
                                   {"", 62, 0, true, 3}};
enum SiteColumnAt : std::size_t { kSite, kCoroutines, kRunning, kRunningRatio, kBlocked, kMemory, kMemoryRatio };
constexpr Column kTotalColumns[] = {{"", 150, 1}, {"before", 100, 0, true}, {"after", 100, 0, true}, {"", 70, 0, true}};

ImU32 verdict_colour(const Theme& theme, Verdict verdict) {
    return verdict == Verdict::kBetter ? theme.good : verdict == Verdict::kWorse ? theme.bad : theme.text_faint;
}

std::string pair_text(const SiteChange& site, std::string (*of)(const SiteSide&)) {
    return fmt::format("{} → {}", site.before.ran ? of(site.before) : "–", site.after.ran ? of(site.after) : "–");
}

}  // namespace

void CompareView::reset() {
    runs_->forget_session();
    comparison_.reset();
    error_.clear();
    seen_ = runs_->changes();
    drawn_ = false;
}

void CompareView::compare_with(const std::string& path) {
    runs_->set_path(path);
    typed_ = path;
    comparison_.reset();
    error_.clear();
    seen_ = 0;
}

nlohmann::json CompareView::dump(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) return nullptr;
    const auto replay = ws.session->replay();
    const std::string& path = runs_->path();
    if (path.empty() || replay == nullptr) return {{"past", replay != nullptr}, {"with", path}};
    const RunPair::Taken before = runs_->read_other(), after = RunPair::read(replay);
    nlohmann::json out = {{"past", true}, {"with", path}, {"error", before.error.empty() ? after.error : before.error}};
    if (before.run == nullptr || after.run == nullptr) return out;
    out["comparison"] = to_json(analyses::compare_runs(*before.run, *after.run));
    return out;
}

void CompareView::want(Workspace& ws) {
    runs_->want_other(ws);
    runs_->want_this(ws);
    const RunPair::Taken *before = runs_->other(), *after = runs_->own();
    if (before == nullptr || after == nullptr || seen_ == runs_->changes()) return;
    seen_ = runs_->changes();
    error_ = before->error.empty() ? after->error : before->error;
    comparison_.reset();
    if (before->run != nullptr && after->run != nullptr)
        comparison_ = std::make_shared<const RunComparison>(analyses::compare_runs(*before->run, *after->run));
}

void CompareView::draw(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) {
        empty_state(ws, "Nothing to compare yet", "Open a trace, or attach to a program.");
        return;
    }
    drawn_ = !runs_->path().empty() && ws.session->replay() != nullptr;
    draw_head(ws);
    if (ws.session->replay() == nullptr) {
        empty_state(
            ws, "This session keeps no past",
            "Runs are compared by what happened in them: press E until the bottom line says always, or record the program.");
        return;
    }
    if (runs_->path().empty()) {
        empty_state(ws, "Compare this run with another",
                    "Type the path of another run's trace above, or start with coroscope replay AFTER --before BEFORE.");
        return;
    }
    want(ws);
    if (!error_.empty()) {
        empty_state(ws, "These runs cannot be compared", error_.c_str());
        return;
    }
    if (comparison_ == nullptr) {
        const float share = (runs_->other_share() + runs_->own_share()) / 2;
        empty_state(ws, "Reading both runs", fmt::format("{:.0f} %", 100 * share).c_str());
        return;
    }
    const float top = draw_notes(ws);
    ImGui::SetCursorPos({0, top});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    if (part_ == 0) {
        ImGui::BeginChild("distributions");
        draw_distributions(ws);
        ImGui::EndChild();
    } else if (part_ == 1) {
        draw_sites(ws);
    } else {
        ImGui::BeginChild("totals");
        draw_totals(ws);
        ImGui::EndChild();
    }
    ImGui::PopStyleVar();
}

void CompareView::draw_head(Workspace& ws) {
    static constexpr const char* kParts[] = {"Distributions", "Sites", "Totals"};
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    choice(ws, "compare.part", kParts, 3, &part_);
    ImGui::SameLine(0, ws.px(16));
    draw_path(ws, ImGui::GetWindowContentRegionMax().x - ws.px(8));
}

void CompareView::draw_path(Workspace& ws, float right) {
    const float padding = 2 * ImGui::GetStyle().FramePadding.x, gap = ws.px(6);
    const bool fresh = typed_ != runs_->path();
    const char* word = fresh || runs_->path().empty() ? "Compare" : "Drop";
    float buttons = text_width(ws.fonts.text, word) + padding + gap;
    if (runs_->can_update()) buttons += text_width(ws.fonts.text, "Update") + padding + gap;
    const float room = right - ImGui::GetCursorPosX() - buttons;
    if (room < ws.px(60)) {
        ImGui::NewLine();
        return;
    }
    if (focus_path_) ImGui::SetKeyboardFocusHere();
    focus_path_ = false;
    text_field(ws, "compare.path", "The run before: path of its trace", &typed_, room);
    const bool entered = ImGui::IsItemDeactivated() && ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Enter), false);
    ImGui::SameLine(0, gap);
    if (fresh || runs_->path().empty()) {
        if (button(ws, "compare.open", word, ButtonKind::kPrimary, "Hold this session against that trace") || (entered && fresh)) {
            compare_with(typed_);
            ws.frames_wanted = std::max(ws.frames_wanted, 2);
        }
    } else if (button(ws, "compare.drop", word, ButtonKind::kQuiet, "Compare with nothing")) {
        compare_with("");
    }
    if (!runs_->can_update()) return;
    ImGui::SameLine(0, gap);
    if (button(ws, "compare.update", "Update", ButtonKind::kQuiet, "More has happened since")) runs_->update();
}

// What is not comparable; the y below it.
float CompareView::draw_notes(Workspace& ws) {
    float y = ws.px(44);
    const float width = ImGui::GetWindowContentRegionMax().x - ws.px(24);
    for (const std::string& note : comparison_->notes) {
        ImGui::SetCursorPos({ws.px(12), y});
        text_cut(ws.fonts.small, ws.theme->warn, "Note: " + note, width);
        y += ws.px(20);
    }
    return y + ws.px(2);
}

void CompareView::draw_distributions(Workspace& ws) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, room = ImGui::GetContentRegionAvail().y;
    const bool wide = width >= ws.px(900);
    const std::size_t columns = wide ? 2 : 1, rows = comparison_->distributions.size() / columns;
    const float height = std::max(ws.px(kComparedChartUnits), std::floor(room / static_cast<float>(rows))),
                one = std::floor(width / static_cast<float>(columns));
    for (std::size_t i = 0; i < comparison_->distributions.size(); ++i) {
        const float x = at.x + one * static_cast<float>(i % columns), y = at.y + height * static_cast<float>(i / columns);
        draw_chart(ws, comparison_->distributions[i], i,
                   {x + ws.px(12), y + ws.px(4), x + one - ws.px(16), y + height - ws.px(4)});
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({width, height * static_cast<float>(rows)});
}

void CompareView::draw_chart(Workspace& ws, const DistributionChange& change, std::size_t number, Rect area) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    ws.publish(fmt::format("compare.chart.{}", number), area);
    draw_text(list, ws.fonts.strong, {area.x0, area.y0}, theme.text, distribution_title(change.of));
    const float title = text_width(ws.fonts.strong, distribution_title(change.of)) + ws.px(12);
    if (title + ws.px(320) < area.x1 - area.x0) {
        const std::string samples = fmt::format("{} → {} samples   line: before, bars: after", format_count(change.before.samples),
                                                format_count(change.after.samples));
        draw_text(list, ws.fonts.small, {area.x0 + title, area.y0 + ws.px(1)}, theme.text_faint, samples);
    }
    draw_percentiles(ws, change, {area.x0, area.y0 + ws.px(20), area.x1, area.y0 + ws.px(38)});
    const Rect chart = {area.x0, area.y0 + ws.px(42), area.x1, area.y1 - ws.px(20)};
    const float line = std::max(1.0F, std::floor(ws.scale));
    list->AddRectFilled({chart.x0, chart.y1}, {chart.x1, chart.y1 + line}, theme.line_strong);
    if (change.bars.empty()) {
        draw_text(list, ws.fonts.small, {chart.x0, chart.y0 + ws.px(8)}, theme.text_faint,
                  "Nothing of the kind happened in either run.");
        return;
    }
    double most = 0;
    for (const auto& bar : change.bars)
        most = std::max({most, bar.before, bar.after});
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const float step = (chart.x1 - chart.x0) / static_cast<float>(change.bars.size());
    const auto y_of = [&](double share) {
        return std::floor(chart.y1 - (chart.y1 - chart.y0) * static_cast<float>(share / std::max(most, 1e-12)));
    };
    float last_y = chart.y1;
    for (std::size_t i = 0; i < change.bars.size(); ++i) {
        const auto& bar = change.bars[i];
        const float x0 = std::floor(chart.x0 + step * static_cast<float>(i)),
                    x1 = std::max(x0 + line, std::floor(chart.x0 + step * static_cast<float>(i + 1)));
        if (bar.after > 0)
            list->AddRectFilled({x0, y_of(bar.after)}, {std::max(x0 + line, x1 - line), chart.y1},
                                with_alpha(theme.accent, 0.75F));
        // The run before is a line above, so that both can be seen wherever they stand.
        const float y = y_of(bar.before);
        list->AddRectFilled({x0, y}, {x1, y + 2 * line}, theme.text);
        if (y != last_y) list->AddRectFilled({x0, std::min(y, last_y)}, {x0 + line, std::max(y, last_y) + 2 * line}, theme.text);
        last_y = y;
        if (ImGui::IsWindowHovered() && mouse.x >= x0 && mouse.x < x1 && mouse.y >= chart.y0 && mouse.y < chart.y1) {
            list->AddRectFilled({x0, chart.y0}, {x1, chart.y1}, with_alpha(theme.text, 0.08F));
            ws.hovered = fmt::format("{}: {} to {}: {} before, {} after", distribution_title(change.of),
                                     format_duration(std::llround(bar.low_ns)), format_duration(std::llround(bar.high_ns)),
                                     format_share(bar.before), format_share(bar.after));
        }
    }
    draw_axis(ws, change, chart);
}

// "p50 1.2 µs → 1.5 µs ×1.25   p99 …".
void CompareView::draw_percentiles(Workspace& ws, const DistributionChange& change, Rect area) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const std::tuple<const char*, double, double> marks[] = {{"p50", change.before.p50_ns, change.after.p50_ns},
                                                             {"p90", change.before.p90_ns, change.after.p90_ns},
                                                             {"p99", change.before.p99_ns, change.after.p99_ns},
                                                             {"p99.9", change.before.p999_ns, change.after.p999_ns}};
    float x = area.x0;
    for (const auto& [word, before, after] : marks) {
        const std::string values = fmt::format("{} → {}", compared_text("ns", before), compared_text("ns", after)),
                          ratio = compared_ratio_text(before, after);
        const float width = text_width(ws.fonts.small, word) + text_width(ws.fonts.mono_small, values) +
                            text_width(ws.fonts.mono_small, ratio) + ws.px(12);
        if (x + width > area.x1) break;
        draw_text(list, ws.fonts.small, {x, area.y0}, ws.theme->text_faint, word);
        x += text_width(ws.fonts.small, word) + ws.px(6);
        draw_text(list, ws.fonts.mono_small, {x, area.y0}, ws.theme->text_dim, values);
        x += text_width(ws.fonts.mono_small, values) + ws.px(6);
        draw_text(list, ws.fonts.mono_small, {x, area.y0}, verdict_colour(*ws.theme, verdict_of(before, after, false)), ratio);
        x += text_width(ws.fonts.mono_small, ratio) + ws.px(18);
    }
}

void CompareView::draw_axis(Workspace& ws, const DistributionChange& change, Rect area) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double low = change.bars.front().low_ns, high = change.bars.back().high_ns, octaves = std::log2(high / low);
    float free_from = area.x0;
    for (const double value : log_axis_ticks(low, high)) {
        const float x = std::floor(area.x0 +
                                   (area.x1 - area.x0) * static_cast<float>(std::log2(value / low) / std::max(octaves, 1e-9)));
        const std::string number = axis_duration(value);
        const float width = text_width(ws.fonts.mono_small, number);
        if (x - width / 2 < free_from || x + width / 2 > area.x1) continue;
        free_from = x + width / 2 + ws.px(16);
        list->AddRectFilled({x, area.y1}, {x + std::max(1.0F, std::floor(ws.scale)), area.y1 + ws.px(4)}, ws.theme->line_strong);
        draw_text(list, ws.fonts.mono_small, {x, area.y1 + ws.px(5)}, ws.theme->text_faint, number, 0.5F);
    }
}

void CompareView::draw_sites(Workspace& ws) {
    ImGui::SetCursorPosX(ws.px(8));
    if (text_field(ws, "compare.filter", "Filter: words in site or name", &filter_,
                   std::min(ws.px(260), ImGui::GetContentRegionAvail().x - ws.px(16))))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    const std::vector<std::uint32_t> order = filter_compared(*comparison_, filter_);
    ImGui::SameLine(0, ws.px(12));
    ImGui::AlignTextToFramePadding();
    text(ws.fonts.small, ws.theme->text_faint,
         fmt::format("{} {}, what changed most first", format_count(order.size()), order.size() == 1 ? "site" : "sites"));
    ImGui::SetCursorPosX(0);
    const auto places = place_columns(kSiteColumns, ImGui::GetContentRegionAvail().x, ws.scale);
    draw_column_titles(ws, kSiteColumns, places);
    ImGui::BeginChild("sites");
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(order.size()), ws.px(kComparedRowUnits));
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
            const auto number = static_cast<std::size_t>(i);
            draw_site(ws, comparison_->sites[order[number]], number, places);
        }
    }
    ImGui::EndChild();
}

void CompareView::draw_site(Workspace& ws, const SiteChange& site, std::size_t number, std::span<const PlacedColumn> places) {
    const Theme& theme = *ws.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, height = ws.px(kComparedRowUnits);
    ImGui::PushID(static_cast<int>(number));
    if (ImGui::InvisibleButton("site", {std::max(width, 1.0F), height})) {
        const auto& all = ws.moment->state.coroutines;
        const auto one = std::find_if(all.begin(), all.end(), [&](const auto& coroutine) {
            return ws.moment->state.site_text(coroutine.site) == site.site;
        });
        if (one != all.end()) ws.select_coroutine(one->identity);
    }
    publish_item(ws, fmt::format("compare.site.{}", number));
    if (ImGui::IsItemHovered()) {
        ImGui::GetWindowDrawList()->AddRectFilled(at, {at.x + width, at.y + height}, theme.hover);
        ws.hovered = compared_line(site);
    }
    ImGui::PopID();
    const auto cell = [&](SiteColumnAt column, ImU32 colour, std::string_view what) {
        draw_cell(ws, kSiteColumns[column], places[column], at, height, colour, what);
    };
    const auto ratio = [&](SiteColumnAt column, double before, double after) {
        const Verdict verdict = comparison_->same_length ? verdict_of(before, after, false) : Verdict::kNone;
        cell(column, verdict_colour(theme, verdict), compared_ratio_text(before, after));
    };
    const std::string place(short_path(site.site));
    cell(kSite, theme.text, site.name.empty() ? place : fmt::format("{}  {}", place, site.name));
    cell(kCoroutines, theme.text_dim, pair_text(site, [](const SiteSide& side) { return format_count(side.coroutines); }));
    cell(kRunning, theme.text_dim, pair_text(site, [](const SiteSide& side) { return format_duration(side.running_ns); }));
    ratio(kRunningRatio, static_cast<double>(site.before.running_ns), static_cast<double>(site.after.running_ns));
    cell(kBlocked, theme.text_dim, pair_text(site, [](const SiteSide& side) { return format_duration(side.blocked_ns); }));
    cell(kMemory, theme.text_dim, pair_text(site, [](const SiteSide& side) { return format_bytes(side.resident_bytes); }));
    ratio(kMemoryRatio, static_cast<double>(site.before.resident_bytes), static_cast<double>(site.after.resident_bytes));
}

void CompareView::draw_totals(Workspace& ws) {
    const Theme& theme = *ws.theme;
    const float width = std::min(ImGui::GetContentRegionAvail().x, ws.px(640));
    const auto places = place_columns(kTotalColumns, width, ws.scale);
    const auto row = [&](const std::string& name, const std::string& before, const std::string& after, const std::string& ratio,
                         ImU32 colour) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float height = ws.px(kComparedRowUnits);
        ImGui::Dummy({std::max(1.0F, width), height});
        if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{}: {} before, {} after {}", name, before, after, ratio);
        draw_cell(ws, kTotalColumns[0], places[0], at, height, theme.text, name);
        draw_cell(ws, kTotalColumns[1], places[1], at, height, theme.text_dim, before);
        draw_cell(ws, kTotalColumns[2], places[2], at, height, theme.text, after);
        draw_cell(ws, kTotalColumns[3], places[3], at, height, colour, ratio);
    };
    draw_column_titles(ws, kTotalColumns, places);
    for (const analyses::TotalChange& total : comparison_->totals) {
        row(total.name, compared_text(total.unit, total.before), compared_text(total.unit, total.after),
            compared_ratio_text(total.before, total.after), verdict_colour(theme, verdict_of(total, comparison_->same_length)));
    }
    ImGui::Dummy({1, ws.px(12)});
    for (const analyses::PoolChange& pool : comparison_->pools) {
        if (pool.high_water_before == 0 && pool.high_water_after == 0) continue;
        const std::string name = pool.purpose == "ordinary" ? pool.size_class : pool.size_class + ", " + pool.purpose;
        const auto before = static_cast<double>(pool.high_water_before), after = static_cast<double>(pool.high_water_after);
        row("pool " + name + ": slots at most", format_count(pool.high_water_before), format_count(pool.high_water_after),
            compared_ratio_text(before, after), verdict_colour(theme, verdict_of(before, after, false)));
    }
}

}  // namespace coroscope::views
