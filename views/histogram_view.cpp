// See histogram_view.h. What stands around the charts, and hands.
#include "views/histogram_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "views/compare_model.h"
#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kStripUnits = 40;
constexpr float kAxisUnits = 32;
constexpr float kDragUnits = 4;      // a movement of less is a click
constexpr float kLegendUnits = 150;  // at most, of the runs' names
constexpr float kLineUnits = 22;
constexpr const char* kKinds[] = {"Switch", "Wake to run", "Running", "Blocked"};

}  // namespace

float HistogramView::Axis::x_of(double value) const {
    const double share = (std::log2(std::max(value, 1e-9)) - std::log2(low)) /
                         (std::log2(high) - std::log2(low));
    return std::floor(x0 + (x1 - x0) * static_cast<float>(std::clamp(share, 0.0, 1.0)));
}

double HistogramView::Axis::value_at(float x) const {
    const double share = std::clamp(static_cast<double>((x - x0) / std::max(1.0F, x1 - x0)), 0.0, 1.0);
    return low * std::pow(high / low, share);
}

std::string HistogramView::Axis::text(double ticks) const {
    return in_time ? format_duration(std::llround(ticks / ticks_per_ns)) : format_ticks(ticks);
}

void HistogramView::reset() {
    model_.reset();
    runs_->forget_session();
    chosen_ = 0;
    drawn_ = false;
}

bool HistogramView::busy() const {
    if (!drawn_) return false;
    return model_.in_flight() || (wants_other() && runs_->other_in_flight()) || (measured_in_past(measured()) && runs_->own_in_flight());
}

nlohmann::json HistogramView::dump(Workspace& ws) {
    if (ws.moment == nullptr) return nullptr;
    const auto replay = ws.session != nullptr ? ws.session->replay() : nullptr;
    const bool past = replay != nullptr && measured_in_past(measured());
    const RunPair::Taken own = past ? RunPair::read(replay) : RunPair::Taken{}, other = wants_other() ? runs_->read_other() : RunPair::Taken{};
    nlohmann::json json = to_json(compute_histograms(ws.moment->state, own.run.get(), other.run.get()));
    json["kind"] = kMeasuredNames[static_cast<std::size_t>(kind_)];
    json["error"] = own.error.empty() ? other.error : own.error;
    return json;
}

void HistogramView::want(Workspace& ws) {
    Key key{ws.moment, nullptr, nullptr};
    if (wants_other()) {
        runs_->want_other(ws);
        if (const auto* other = runs_->other(); other != nullptr) key.other = other->run;
    }
    if (measured_in_past(measured()) && ws.session != nullptr) {
        runs_->want_this(ws);
        if (const auto* own = runs_->own(); own != nullptr) key.own = own->run;
    }
    if (ws.moment == nullptr) return;
    model_.want(ws.background, key, [key] { return compute_histograms(key.moment->state, key.own.get(), key.other.get()); });
}

void HistogramView::draw(Workspace& ws) {
    drawn_ = true;
    want(ws);
    const HistogramModel* model = model_.value();
    if (model == nullptr) {
        empty_state(ws, "No histograms yet", "They appear with the first look at the program.");
        return;
    }
    draw_head(ws);  // may change what is shown
    const std::vector<HistogramPanel>& panels = model->of(measured());
    if (panels.empty() || !panels.front().measured) {
        say_nothing(ws);
        return;
    }
    chosen_ %= panels.size();
    const Pair large = pair_of(*model, panels[chosen_]);
    draw_title(ws, large.own, measured() == Measured::kSwitch);
    const float left = ImGui::GetWindowPos().x, width = ImGui::GetWindowContentRegionMax().x;
    const Axis axis = axis_over(*model, left + ws.px(108), left + width - ws.px(16), ws.scale);
    ImGui::SetCursorPos({0, draw_numbers(ws, *model, axis, large)});
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().y;
    const float strips = panels.size() < 2 ? 0 : std::min(static_cast<float>(panels.size()) * ws.px(kStripUnits) + ws.px(8), room * 0.5F);
    const float large_height = std::max(ws.px(72), room - strips - ws.px(kAxisUnits + 12));
    const Rect area = {axis.x0, at.y, axis.x1, at.y + large_height};
    ws.publish("histograms.panel.large", area);
    draw_chart(ws, large, axis, area, true);
    if (measured() != Measured::kSwitch) take_drag(ws, axis, area);
    draw_axis(ws, axis, area);
    if (panels.size() < 2) return;
    ImGui::SetCursorScreenPos({at.x, area.y1 + ws.px(kAxisUnits + 4)});
    draw_strips(ws, *model, axis, width);
}

HistogramView::Pair HistogramView::pair_of(const HistogramModel& model, const HistogramPanel& panel) const {
    return {panel, wants_other() ? model.other_of(measured(), panel.title) : nullptr};
}

// All that any of the charts holds.
HistogramView::Axis HistogramView::axis_over(const HistogramModel& model, float x0, float x1, float scale) const {
    Axis axis;
    axis.x0 = x0;
    axis.x1 = std::max(x1, x0 + 8 * scale);
    axis.ticks_per_ns = model.ticks_per_ns;
    axis.in_time = measured() != Measured::kSwitch && model.ticks_per_ns > 0;
    const Pair all = pair_of(model, model.of(measured()).front());
    bool any = false;
    for (const HistogramPanel* panel : {&all.own, all.other}) {
        if (panel == nullptr || panel->bars.empty()) continue;
        axis.low = any ? std::min(axis.low, panel->bars.front().low) : panel->bars.front().low;
        axis.high = any ? std::max(axis.high, panel->bars.back().high) : panel->bars.back().high;
        any = true;
    }
    axis.high = std::max(axis.high, axis.low * 4);
    if (all.own.resolution >= 1) axis.low = std::min(axis.low, all.own.resolution);
    axis.low = std::max(1.0, axis.low / 1.2);
    axis.high *= 1.2;
    return axis;
}

void HistogramView::draw_head(Workspace& ws) {
    place_head_buttons(ws, {kKinds[0], kKinds[1], kKinds[2], kKinds[3]});
    choice(ws, "histograms.kind", kKinds, static_cast<int>(kMeasuredCount), &kind_);
    ImGui::SetCursorPos({0, ws.px(34)});
}

// Why there is no chart, and what to do.
void HistogramView::say_nothing(Workspace& ws) const {
    if (measured_in_past(measured())) {
        const RunPair::Taken* own = runs_->own();
        if (ws.session == nullptr || ws.session->replay() == nullptr) {
            empty_state(ws, "This session keeps no past",
                        "How long coroutines run and are blocked is added up from events: press E until the bottom line says always, or record.");
        } else if (own == nullptr || (own->run == nullptr && own->error.empty())) {
            empty_state(ws, "Reading the past", fmt::format("{:.0f} %", 100 * runs_->own_share()).c_str());
        } else if (!own->error.empty()) {
            empty_state(ws, "The past cannot be read", own->error.c_str());
        } else {
            empty_state(ws, "Nothing of the kind happened", "Nobody began and ended such a stretch in what is kept.");
        }
        return;
    }
    const HistogramModel* model = model_.value();
    if (measured() == Measured::kSwitch && model->of(Measured::kSwitch).empty()) {
        empty_state(ws, "Not measured", "This program keeps no histograms: it was built without probes, or has not started its workers.");
        return;
    }
    if (ws.info.kind == traces::SessionKind::kRecorded) {
        empty_state(ws, "Not measured up to this time", "Drag the bar above to a later time of the recording: by then there may be samples.");
        return;
    }
    empty_state(ws, "Not measured yet",
                measured() == Measured::kSwitch
                    ? "While somebody listens, one switch in 64 is stamped on both sides. Press E to listen even "
                      "where events cost the program more than it should lose, or record."
                    : "From wake to run is measured by events. Press E to listen even where they cost the program more than it should "
                      "lose, or record.");
}

// "all workers   1 234 samples, one switch in 64", left of the kinds.
void HistogramView::draw_title(Workspace& ws, const HistogramPanel& panel, bool sampled) {
    const float end = head_buttons_begin(ws, {kKinds[0], kKinds[1], kKinds[2], kKinds[3]}) - ws.px(8);
    ImGui::SetCursorPos({ws.px(12), ws.px(10)});
    text(ws.fonts.strong, ws.theme->text, panel.title);
    ImGui::SameLine(0, ws.px(12));
    std::string says = format_count(panel.samples) + " samples";
    if (sampled && panel.sample_period > 1) says += fmt::format(", one switch in {}", panel.sample_period);
    if (const float room = end - ImGui::GetCursorPosX(); room > ws.px(40)) text_cut(ws.fonts.small, ws.theme->text_dim, says, room);
    if (!runs_->can_update() || !measured_in_past(measured())) return;
    ImGui::SameLine(0, ws.px(8));
    ImGui::SetCursorPosY(ws.px(6));
    if (end - ImGui::GetCursorPosX() > ws.px(80) && button(ws, "histograms.update", "Update", ButtonKind::kQuiet, "More has happened since"))
        runs_->update();
}

// A line of percentiles, and of two runs a line each with its name and how it is drawn. Returns where the chart begins.
float HistogramView::draw_numbers(Workspace& ws, const HistogramModel& model, const Axis& axis, const Pair& pair) {
    const Theme& theme = *ws.theme;
    float y = ws.px(34);
    const std::string file = runs_->path().substr(runs_->path().rfind('/') + 1),
                      names[] = {ws.info.title.empty() ? "this run" : ws.info.title, model.other_name.empty() ? file : model.other_name};
    const float wider = std::max(text_width(ws.fonts.small, names[0]), text_width(ws.fonts.small, names[1])),
                names_width = std::min(ws.px(kLegendUnits), std::ceil(wider));
    const auto legend = [&](const std::string& name, bool outline) {
        ImGui::SetCursorPos({ws.px(12), y});
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float side = ws.px(10), line = std::max(1.0F, std::floor(ws.scale)), top = at.y + ws.px(3);
        ImDrawList* list = ImGui::GetWindowDrawList();
        if (outline) {
            list->AddRect({at.x, top}, {at.x + side, top + side}, theme.text, 0, 0, 2 * line);
        } else {
            list->AddRectFilled({at.x, top}, {at.x + side, top + side}, theme.accent);
        }
        ImGui::SetCursorPos({ws.px(28), y});
        text_cut(ws.fonts.small, theme.text, name, names_width);
        ImGui::SetCursorPos({ws.px(28) + names_width + ws.px(12), y});
    };
    const bool two = wants_other();
    if (two) {
        legend(names[0], false);
    } else {
        ImGui::SetCursorPos({ws.px(12), y});
    }
    draw_percentiles(ws, axis, pair.own, nullptr);
    y += ws.px(kLineUnits);
    if (!two) return y + ws.px(2);
    legend(names[1], true);
    const RunPair::Taken* other = runs_->other();
    const float room = ImGui::GetWindowContentRegionMax().x - ImGui::GetCursorPosX() - ws.px(8);
    if (other == nullptr) {
        text_cut(ws.fonts.small, theme.accent, fmt::format("reading {:.0f} %", 100 * runs_->other_share()), room);
    } else if (!other->error.empty()) {
        text_cut(ws.fonts.small, theme.warn, other->error, room);
    } else if (pair.other == nullptr) {
        text_cut(ws.fonts.small, theme.text_faint, "measured nothing of the kind", room);
    } else {
        draw_percentiles(ws, axis, *pair.other, &pair.own);
    }
    return y + ws.px(kLineUnits + 2);
}

// `now`: of the run that is looked at, where the panel is the other's: each is followed by how many times it the newer one is.
void HistogramView::draw_percentiles(Workspace& ws, const Axis& axis, const HistogramPanel& panel, const HistogramPanel* now) {
    const Theme& theme = *ws.theme;
    const std::array<std::tuple<const char*, double, double>, 4> marks = {{{"p50", panel.p50, now != nullptr ? now->p50 : -1},
                                                                           {"p90", panel.p90, now != nullptr ? now->p90 : -1},
                                                                           {"p99", panel.p99, now != nullptr ? now->p99 : -1},
                                                                           {"p99.9", panel.p999, now != nullptr ? now->p999 : -1}}};
    const float right = ImGui::GetWindowContentRegionMax().x, y = ImGui::GetCursorPosY();  // words of two fonts would sink along the line
    bool first = true;
    for (const auto& [word, value, newer] : marks) {
        const bool known = value > panel.resolution;
        const std::string says = value < 0 ? "not measured" : known ? axis.text(value) : "below resolution",
                          ratio = known && newer > 0 ? compared_ratio_text(value, newer) : "";
        const float width = text_width(ws.fonts.small, word) + text_width(ws.fonts.mono_small, says + ratio) + ws.px(16);
        if (!first) ImGui::SameLine(0, ws.px(16));
        if (!first && ImGui::GetCursorPosX() + width > right) return;  // what is left out is in the chart, and in a wider panel
        first = false;
        ImGui::SetCursorPosY(y);
        fact(ws, word, says, known ? theme.text : theme.text_faint);
        if (ratio.empty()) continue;
        const Verdict verdict = verdict_of(value, newer, false);
        ImGui::SameLine(0, ws.px(6));
        ImGui::SetCursorPosY(y);
        text(ws.fonts.mono_small, verdict == Verdict::kBetter ? theme.good : verdict == Verdict::kWorse ? theme.bad : theme.text_faint, ratio);
        if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{} of this run is {} that of the other", word, ratio);
    }
    if (panel.below_resolution == 0) return;
    ImGui::SameLine(0, ws.px(16));
    ImGui::SetCursorPosY(y);
    fact(ws, fmt::format("below resolution (≤ {:g})", panel.resolution).c_str(), format_count(panel.below_resolution), theme.warn);
}

void HistogramView::draw_strips(Workspace& ws, const HistogramModel& model, const Axis& axis, float width) {
    const std::vector<HistogramPanel>& panels = model.of(measured());
    const float x = ImGui::GetCursorScreenPos().x;
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("strips");
    for (std::size_t i = 0; i < panels.size(); ++i) {
        const float y = ImGui::GetCursorScreenPos().y;
        draw_strip(ws, pair_of(model, panels[i]), axis, {x, y, x + width, y + ws.px(kStripUnits)}, i);
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void HistogramView::draw_strip(Workspace& ws, const Pair& pair, const Axis& axis, Rect area, std::size_t index) {
    const Theme& theme = *ws.theme;
    const HistogramPanel& panel = pair.own;
    ImGui::SetCursorScreenPos({area.x0, area.y0});
    const std::string name = fmt::format("histograms.panel.{}", index);
    if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, area.x1 - area.x0), std::max(1.0F, area.y1 - area.y0)})) chosen_ = index;
    publish_item(ws, name);
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (index == chosen_) {
        list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.accent_soft);
    } else if (ImGui::IsItemHovered()) {
        list->AddRectFilled({area.x0, area.y0}, {area.x1, area.y1}, theme.hover);
    }
    draw_text(list, ws.fonts.text, {area.x0 + ws.px(12), area.y0 + ws.px(4)}, theme.text, panel.title);
    draw_text(list, ws.fonts.mono_small, {area.x0 + ws.px(12), area.y0 + ws.px(21)}, theme.text_faint,
              panel.measured ? format_count(panel.samples) : "");
    if (!panel.measured) {
        draw_text(list, ws.fonts.small, {axis.x0, area.y0 + ws.px(12)}, theme.text_faint, "not measured");
        return;
    }
    draw_chart(ws, pair, axis, {axis.x0, area.y0 + ws.px(2), axis.x1, area.y1 - ws.px(4)}, false);
    if (panel.bars.empty())
        draw_text(list, ws.fonts.small, {axis.x0 + ws.px(8), area.y0 + ws.px(12)}, theme.text_faint, "all below resolution");
}

void HistogramView::take_drag(Workspace& ws, const Axis& axis, Rect area) {
    ImGui::SetCursorScreenPos({area.x0, area.y0});
    ImGui::InvisibleButton("range", {std::max(1.0F, area.x1 - area.x0), std::max(1.0F, area.y1 - area.y0)});
    const ImGuiIO& io = ImGui::GetIO();
    const float from = std::clamp(io.MouseClickedPos[0].x, area.x0, area.x1), to = std::clamp(io.MousePos.x, area.x0, area.x1);
    const bool dragged = std::abs(to - from) >= ws.px(kDragUnits);
    const std::string rule = range_rule(measured(), axis.value_at(std::min(from, to)), axis.value_at(std::max(from, to)), axis.ticks_per_ns);
    if (ImGui::IsItemActive() && dragged) {
        ImGui::GetWindowDrawList()->AddRectFilled({std::min(from, to), area.y0}, {std::max(from, to), area.y1}, with_alpha(ws.theme->accent, 0.2F));
        ws.hovered = rule;
    } else if (ImGui::IsItemHovered() && ws.hovered.empty()) {
        ws.hovered = "drag over a range of lengths to filter events by it";
    }
    if (!ImGui::IsItemDeactivated() || !dragged) return;
    if (!rule.empty()) ws.filter = rule;
    ws.frames_wanted = std::max(ws.frames_wanted, 3);
}

}  // namespace coroscope::views
