// See flame_view.h. What is asked for, and how it is drawn.
#include "views/flame_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kFlameRowUnits = 20, kFlameHeadUnits = 76;
constexpr float kLabelUnitsMin = 28;  // narrower boxes say nothing
constexpr float kClickUnitsMin = 6;   // narrower ones have no name for scripts

// As far as it is there.
std::uint32_t frame_at(const FlameTree& tree, const std::vector<std::string>& path) {
    std::uint32_t at = 0;
    for (const std::string& name : path) {
        const auto& children = tree.frames[at].children;
        const auto next = std::find_if(children.begin(), children.end(),
                                       [&](std::uint32_t child) { return tree.frames[child].name == name; });
        if (next == children.end()) break;
        at = *next;
    }
    return at;
}

}  // namespace

void FlameView::reset() {
    past_.reset();
    moment_.reset();
    shown_.reset();
    kept_.reset();
    tree_ = nullptr;
    seen_past_ = past_.changes();
    zoom_ = chosen_ = 0;
    zoom_path_.clear();
    chosen_path_.clear();
    drawn_ = no_past_ = moving_ = false;
    seen_ = {};
    behind_of_ = nullptr;
    site_filter_.clear();
    whom_before_ = nullptr;
}

bool FlameView::busy() const {
    if (!drawn_) return false;
    if (moving_) return true;
    return flame_of_past(mode()) && !no_past_ ? past_.in_flight() || seen_past_ != past_.changes() : moment_.in_flight();
}

FlameWish FlameView::wish(const Workspace& ws) const {
    FlameWish wish;
    wish.mode = mode();
    if (flame_of_past(wish.mode)) wish.range = ws.selection().range;
    wish.whom = filters_here(ws) ? whom_before_ : ws.past_filter();
    if (whom_ == 1) wish.coroutine = ws.selection().coroutine;
    if (whom_ == 2) {
        if (const auto* selected = ws.selected(); selected != nullptr) wish.site = ws.moment->state.site_text(selected->site);
    }
    return wish;
}

nlohmann::json FlameView::dump(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) return nullptr;
    FlameWish asked = wish(ws);
    asked.whom = past_filter(*ws.moment, filters_here(ws) ? filter_before_ : ws.filter);
    const auto replay = flame_of_past(asked.mode) ? ws.session->replay() : nullptr;
    const bool past = replay != nullptr;
    if (!past && flame_of_past(asked.mode)) asked.mode = FlameMode::kParked;
    traces::Search search;
    const Flame flame = past ? past_flame(replay, asked, search) : moment_flame(*ws.session, *ws.moment, asked, true);
    nlohmann::json out = to_json(flame.tree);
    out["mode"] = kWords[static_cast<std::size_t>(asked.mode)];
    out["past"] = past;
    out["from_ns"] = flame.from;
    out["to_ns"] = flame.to;
    out["error"] = flame.error;
    out["folded"] = flame_folded(flame.tree, 0);
    out["zoom"] = tree_ != nullptr && zoom_ < tree_->frames.size() ? tree_->frames[zoom_].name : "all";
    out["search"] = search_;
    const FlameFound found = find_in_flame(flame.tree, search_);
    out["found"] = {{"matches", found.matches}, {"share", found.share}};
    return out;
}

const Flame* FlameView::want(Workspace& ws) {
    FlameWish asked = wish(ws);
    const auto replay = flame_of_past(asked.mode) ? ws.session->replay() : nullptr;
    no_past_ = flame_of_past(asked.mode) && replay == nullptr;
    if (replay != nullptr) {
        // What grows is asked about once, until somebody wants to know anew.
        if (kept_ == nullptr || kept_for_ != asked_again_ || !(kept_wish_ == asked)) {
            kept_ = replay;
            kept_for_ = asked_again_;
            kept_wish_ = asked;
        }
        can_update_ = kept_ != replay;
        past_.want(ws.searches, {kept_, asked, asked_again_},
                   [replay = kept_, asked](traces::Search& search) { return past_flame(replay, asked, search); });
        const Flame* flame = past_.value();
        if (flame != nullptr && seen_past_ != past_.changes()) generation_++;
        seen_past_ = past_.changes();
        return flame;
    }
    can_update_ = false;
    if (no_past_) asked.mode = FlameMode::kParked;
    moment_.want(ws.background, {ws.moment, asked, ws.session->name_progress().answered},
                 [session = ws.session, moment = ws.moment, asked] { return moment_flame(*session, *moment, asked, false); });
    if (shown_ != moment_.shared()) {
        shown_ = moment_.shared();
        generation_++;
    }
    return shown_.get();
}

// Another tree: what was zoomed into and chosen is looked for by its names.
void FlameView::take(const Flame* flame) {
    tree_ = flame == nullptr ? nullptr : &flame->tree;
    if (tree_ == nullptr || tree_->frames.empty()) return;
    if (taken_ == generation_ && taken_tree_ == tree_ && searched_ == search_) return;
    if (taken_ != generation_ || taken_tree_ != tree_) {
        zoom_ = frame_at(*tree_, zoom_path_);
        chosen_ = frame_at(*tree_, chosen_path_);
    }
    taken_ = generation_;
    taken_tree_ = tree_;
    searched_ = search_;
    found_ = find_in_flame(*tree_, search_);
}

void FlameView::draw(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) {
        empty_state(ws, "No stacks yet", "They appear with the first look at the program.");
        return;
    }
    drawn_ = true;
    const Flame* flame = want(ws);
    take(flame);
    draw_head(ws, flame);
    if (flame == nullptr) return;
    ImGui::SetCursorPos({0, ws.px(kFlameHeadUnits)});
    if (!flame->error.empty()) {
        empty_state(ws, "No stacks can be shown", flame->error.c_str());
    } else if (tree_->frames[0].total <= 0) {
        const bool narrowed = whom_ != 0 || ws.selection().range.has_value() || wish(ws).whom != nullptr;
        empty_state(ws, "No stack counts here",
                    narrowed ? "All, instead of what is selected, a longer range or no filter shows more."
                             : "Nobody was there for as long as this tells of.");
    } else {
        draw_frames(ws, *tree_);
    }
}

void FlameView::draw_head(Workspace& ws, const Flame* flame) {
    static constexpr const char* kWhom[] = {"All", "Selected", "Its site"};
    ImGui::SetCursorPos({ws.px(8), ws.px(6)});
    choice(ws, "flame.mode", kTitles, static_cast<int>(kFlameModesCount), &mode_);
    const float width = ImGui::GetWindowContentRegionMax().x;
    ImGui::SameLine(0, ws.px(20));
    if (width - ImGui::GetCursorPosX() > ws.px(180)) choice(ws, "flame.of", kWhom, 3, &whom_);
    if (ws.selection().range && flame_of_past(mode())) {
        const std::string label = fmt::format("{} – {}  ×", format_time(ws.selection().range->begin),
                                              format_time(ws.selection().range->end));
        ImGui::SameLine(0, ws.px(12));
        if (width - ImGui::GetCursorPosX() > text_width(ws.fonts.text, label) + ws.px(24) &&
            button(ws, "flame.range", label.c_str(), ButtonKind::kPlain, "Only this range is told; a click drops it"))
            ws.select_range(std::nullopt);
    }
    ImGui::NewLine();
    draw_second_line(ws, flame);
}

void FlameView::draw_second_line(Workspace& ws, const Flame* flame) {
    const Theme& theme = *ws.theme;
    const float width = ImGui::GetWindowContentRegionMax().x, top = ws.px(42);
    ImGui::SetCursorPos({ws.px(8), top});
    if (focus_search_) ImGui::SetKeyboardFocusHere();
    focus_search_ = false;
    if (text_field(ws, "flame.search", "Find a function or file", &search_, std::min(ws.px(200), width - ws.px(16))))
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    const auto room = [&] { return width - ImGui::GetCursorPosX() - ws.px(8); };
    if (zoom_ != 0) {
        ImGui::SameLine(0, ws.px(8));
        ImGui::SetCursorPosY(top);
        if (room() > ws.px(90) && button(ws, "flame.out", "Zoom out", ButtonKind::kQuiet, "To all (Backspace: one step)")) {
            zoom_ = 0;
            zoom_path_.clear();
        }
    }
    ImGui::SameLine(0, ws.px(4));
    ImGui::SetCursorPosY(top);
    if (room() > ws.px(60) && button(ws, "flame.copy", "Copy", ButtonKind::kQuiet, "Copy as folded text: one line a stack"))
        ImGui::SetClipboardText(folded().c_str());
    if (can_update_) {
        ImGui::SameLine(0, ws.px(4));
        ImGui::SetCursorPosY(top);
        if (room() > ws.px(80) && button(ws, "flame.update", "Update", ButtonKind::kQuiet, "More has happened since")) update();
    }
    std::string says;
    ImU32 colour = theme.text_faint;
    const bool reading = flame_of_past(mode()) && !no_past_ && past_.in_flight();
    if (reading) {
        says = fmt::format("reading {:.0f} %", 100 * past_.share());
        colour = theme.accent;
    } else if (!search_.empty() && tree_ != nullptr) {
        says = fmt::format("{} {}, {} of all", format_count(found_.matches), found_.matches == 1 ? "frame" : "frames",
                           format_share(found_.share));
        colour = theme.warn;
    } else if (flame != nullptr && flame->error.empty()) {
        says = about(ws, *flame);
        if (no_past_) colour = theme.warn;
    }
    ImGui::SameLine(0, ws.px(12));
    if (room() < ws.px(48)) {
        ImGui::NewLine();
        return;
    }
    ImGui::SetCursorPosY(top);
    ImGui::AlignTextToFramePadding();
    text_cut(ws.fonts.small, colour, says, room());
}

// What is told of, and that it is so.
std::string FlameView::about(const Workspace& ws, const Flame& flame) const {
    if (no_past_) return "who is parked now: no events are kept that would tell times (E listens always)";
    const std::string all = flame_value_text(flame.tree, flame.tree.frames.empty() ? 0 : flame.tree.frames[0].total);
    switch (flame.mode) {
        case FlameMode::kOnCpu:
            return fmt::format("{} on workers, by the stack at which each run ended; {} to {}", all, format_time(flame.from),
                               format_time(flame.to));
        case FlameMode::kOffCpu:
            return fmt::format("{} parked, by stack and reason; {} to {}", all, format_time(flame.from), format_time(flame.to));
        case FlameMode::kParked:
            return fmt::format("{} parked at {}", all, format_time(ws.moment->t));
        case FlameMode::kStackMemory:
            return fmt::format("{} in use on parked stacks at {}", all, format_time(ws.moment->t));
    }
    return {};
}

void FlameView::draw_frames(Workspace& ws, const FlameTree& tree) {
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("frames", {0, 0}, false, ImGuiWindowFlags_NoScrollWithMouse);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float margin = ws.px(8), width = ImGui::GetContentRegionAvail().x - 2 * margin, row = ws.px(kFlameRowUnits);
    move_window(ws, tree);
    const std::vector<FlameBox> boxes = flame_boxes(tree, seen_, width);
    std::uint32_t rows = 0;
    for (const FlameBox& box : boxes)
        rows = std::max(rows, box.row + 1);
    ImGui::InvisibleButton("canvas",
                           {std::max(1.0F, width + 2 * margin), std::max(1.0F, row * static_cast<float>(rows) + margin)});
    publish_item(ws, "flame.canvas");
    const bool hovered = ImGui::IsItemHovered(), clicked = ImGui::IsItemClicked(ImGuiMouseButton_Left);
    const auto* other = ws.moment->state.coroutine_of(ws.hovered_coroutine());
    lit_root_ = other != nullptr ? root_of(*ws.moment, *other) : std::string();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const float y0 = ImGui::GetWindowPos().y, y1 = y0 + ImGui::GetWindowHeight();
    if (bring_chosen_ && chosen_ < tree.frames.size()) {
        const float y = row * static_cast<float>(tree.frames[chosen_].depth);
        if (y < ImGui::GetScrollY() || y + row > ImGui::GetScrollY() + (y1 - y0))
            ImGui::SetScrollY(scroll_to_middle(y, row, y1 - y0));
        bring_chosen_ = false;
    }
    std::uint32_t hit = FlameBox::kMerged;
    for (const FlameBox& box : boxes) {
        const Rect place = {at.x + margin + std::floor(box.x0), at.y + row * static_cast<float>(box.row),
                            at.x + margin + std::floor(box.x1), at.y + row * static_cast<float>(box.row + 1)};
        if (place.y1 < y0 || place.y0 > y1) continue;
        const bool under = hovered && mouse.x >= place.x0 && mouse.x < place.x1 && mouse.y >= place.y0 && mouse.y < place.y1;
        draw_box(ws, tree, box, place, under);
        if (!under) continue;
        hit = box.frame;
        ws.hovered = box.frame == FlameBox::kMerged
                         ? fmt::format("{} narrow frames: {}", format_count(box.merged), flame_value_text(tree, box.total))
                         : who_stands_behind(ws, tree, box.frame) + flame_line(tree, box.frame);
    }
    if (clicked && hit != FlameBox::kMerged) {
        chosen_ = hit;
        chosen_path_ = flame_path(tree, chosen_);
        select_behind(ws, tree, hit);
        zoom_in();
        ws.frames_wanted = std::max(ws.frames_wanted, 2);
    }
    if (hovered) take_wheel(ws, tree, hit);
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

ImU32 FlameView::colour_of(const Workspace& ws, const FlameFrame& frame) const {
    const Theme& theme = *ws.theme;
    // Surfaces are light where text is dark, so that one text colour reads on all of them.
    const auto tint = [&](ImU32 colour, float share) { return mix(theme.panel, colour, share); };
    switch (frame.kind) {
        case FlameKind::kAll:
            return theme.raised;
        case FlameKind::kRoot:
            return tint(theme.look(Look::kRunning), 0.34F);
        case FlameKind::kOwn:
            return tint(theme.accent, 0.38F);
        case FlameKind::kRuntime:
            return tint(theme.look(Look::kLock), 0.36F);
        case FlameKind::kLibrary:
            return tint(theme.look(Look::kTimer), 0.30F);
        case FlameKind::kReason:
            return tint(theme.look(Look::kSelect), 0.40F);
        case FlameKind::kUnknown:
            break;
    }
    return tint(theme.text_faint, 0.30F);
}

void FlameView::draw_box(Workspace& ws, const FlameTree& tree, const FlameBox& box, Rect place, bool under) {
    const Theme& theme = *ws.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float gap = std::max(1.0F, std::floor(ws.scale));
    const float right = std::max(place.x0 + 1, place.x1 - (place.x1 - place.x0 > 3 * gap ? gap : 0));
    const ImVec2 low = {place.x0, place.y0}, high = {right, place.y1 - gap};
    if (box.frame == FlameBox::kMerged) {
        list->AddRectFilled(low, high, under ? theme.text_faint : mix(theme.panel, theme.text_faint, 0.22F));
        return;
    }
    const FlameFrame& frame = tree.frames[box.frame];
    const bool looking = !found_.frames.empty(), matches = looking && box.frame < found_.frames.size() && found_.frames[box.frame];
    ImU32 fill = colour_of(ws, frame);
    if (matches) fill = mix(theme.panel, theme.warn, 0.55F);
    if (looking && !matches) fill = mix(fill, theme.panel, 0.6F);
    if (under) fill = mix(fill, theme.text, 0.16F);
    list->AddRectFilled(low, high, fill, ws.px(2));
    if (frame.kind == FlameKind::kRoot && !lit_root_.empty() && frame.name == lit_root_) {
        list->AddRect(low, high, theme.text, ws.px(2), 0, std::max(1.0F, ws.px(1.5F)));
        ws.show_lit(fmt::format("flame.frame.{}", box.frame));
    }
    if (box.frame == chosen_ && chosen_ != 0) list->AddRect(low, high, theme.accent, ws.px(2), 0, std::max(1.0F, ws.px(1.5F)));
    const float width = high.x - low.x;
    if (width >= ws.px(kClickUnitsMin)) ws.publish(fmt::format("flame.frame.{}", box.frame), {low.x, low.y, high.x, high.y});
    if (width < ws.px(kLabelUnitsMin)) return;
    const float room = width - ws.px(8);
    std::string label = box.frame == 0 ? "all" : frame.name;
    if (text_width(ws.fonts.small, label) > room && frame.kind != FlameKind::kRoot) label = short_function(frame.name);
    const float y = low.y + std::floor((high.y - low.y - ws.fonts.small->FontSize) / 2);
    draw_text(list, ws.fonts.small, {low.x + ws.px(4), y}, looking && !matches ? theme.text_dim : theme.text,
              cut_to(ws.fonts.small, label, room));
}

void FlameView::zoom_in() {
    if (tree_ == nullptr || chosen_ >= tree_->frames.size()) return;
    zoom_ = chosen_;
    zoom_path_ = flame_path(*tree_, zoom_);
}

void FlameView::zoom_out() {
    if (tree_ == nullptr || zoom_ >= tree_->frames.size()) return;
    zoom_ = tree_->frames[zoom_].parent;
    zoom_path_ = flame_path(*tree_, zoom_);
}

void FlameView::step(FlameStep step) {
    if (tree_ == nullptr || tree_->frames.empty()) return;
    chosen_ = flame_step(*tree_, chosen_, step);
    chosen_path_ = flame_path(*tree_, chosen_);
    bring_chosen_ = true;
}

std::string FlameView::folded() const {
    return tree_ == nullptr || tree_->frames.empty() ? std::string() : flame_folded(*tree_, zoom_);
}

}  // namespace coroscope::views
