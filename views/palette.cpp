// See palette.h.
#include "views/palette.h"

#include <imgui.h>
#include <imgui_stdlib.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr std::size_t kLinesMax = 14, kHitsMax = 200, kHitsOfAKindMax = 40;
constexpr float kHitUnits = 28, kFieldUnits = 44, kPaletteUnits = 680, kTopUnits = 72;

// What was typed before the field had the keyboard; ImGui would let go of it at the end of the frame.
void take_typed(std::string& text) {
    ImVector<ImWchar>& queue = ImGui::GetIO().InputQueueCharacters;
    for (const ImWchar c : queue) {
        if (c < 0x20) continue;
        char utf8[5] = {};
        if (c < 0x80) {
            utf8[0] = static_cast<char>(c);
        } else if (c < 0x800) {
            utf8[0] = static_cast<char>(0xc0 | c >> 6);
            utf8[1] = static_cast<char>(0x80 | (c & 0x3f));
        } else {
            utf8[0] = static_cast<char>(0xe0 | c >> 12);
            utf8[1] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
            utf8[2] = static_cast<char>(0x80 | (c & 0x3f));
        }
        text += utf8;
    }
    queue.resize(0);
}

// The caret stands behind what was typed before, which is not selected: the next letter goes on.
int put_caret_at_end(ImGuiInputTextCallbackData* data) {
    auto* wanted = static_cast<bool*>(data->UserData);
    if (!*wanted) return 0;
    data->CursorPos = data->BufTextLen;
    data->SelectionStart = data->SelectionEnd = data->BufTextLen;
    *wanted = false;
    return 0;
}

}  // namespace

void Palette::open(Mode mode) {
    mode_ = mode;
    ++opened_;
    text_.clear();
    hits_.clear();
    at_ = first_ = 0;
    field_active_ = enter_ = clicked_ = false;
    focus_wanted_ = true;
    found_for_.clear();
}

void Palette::toggle(Mode mode) {
    if (mode_ == mode) {
        close();
    } else {
        open(mode);
    }
}

void Palette::ask(const std::string& title, const std::string& text, std::function<void(const std::string&)> done) {
    open(Mode::kQuestion);
    title_ = title;
    text_ = text;
    done_ = std::move(done);
}

void Palette::close() {
    mode_ = Mode::kClosed;
    state_hits_.reset();
    done_ = nullptr;
}

bool Palette::press(const std::string& chord) {
    if (!is_open()) return false;
    const std::size_t count = hits_.size(), page = kLinesMax - 1;
    if (chord == "escape") {
        close();
    } else if (chord == "enter") {
        enter_ = true;
    } else if (chord == "down" && count != 0) {
        at_ = (at_ + 1) % count;
    } else if (chord == "up" && count != 0) {
        at_ = (at_ + count - 1) % count;
    } else if (chord == "pagedown" && count != 0) {
        at_ = std::min(at_ + page, count - 1);
    } else if (chord == "pageup") {
        at_ -= std::min(at_, page);
    } else if (chord == "ctrl+shift+p" && mode_ != Mode::kQuestion) {
        toggle(Mode::kCommands);
    } else if (chord == "ctrl+p" && mode_ != Mode::kQuestion) {
        toggle(Mode::kEverything);
    } else {
        return false;
    }
    return true;
}

bool Palette::busy(const Workspace& ws) const {
    return mode_ == Mode::kEverything && ws.moment != nullptr && (!whole_ || found_for_ != text_);
}

void Palette::find(Workspace& ws, const Actions& actions) {
    // Whoever has gone to a line stays on it when more is found.
    std::optional<PaletteHit> stood_on;
    if (found_for_ == text_ && at_ != 0 && at_ < hits_.size()) stood_on = hits_[at_];
    if (found_for_ != text_) at_ = first_ = 0;
    found_for_ = text_;
    hits_ = find_actions(actions, text_);
    whole_ = true;
    if (mode_ == Mode::kEverything && !text_.empty() && ws.moment != nullptr) {
        state_hits_.want(ws.background, {ws.moment, text_},
                         [moment = ws.moment, text = text_] { return find_in_state(*moment, text, kHitsOfAKindMax); });
        // Those of a Moment before are shown meanwhile, those of another text are not.
        const std::vector<PaletteHit>* found = state_hits_.value();
        whole_ = state_hits_.current({ws.moment, text_});
        if (found != nullptr && whole_) hits_.insert(hits_.end(), found->begin(), found->end());
        if (const auto t = time_of(text_, ws.moment->t); t.has_value()) {
            PaletteHit hit;
            hit.kind = PaletteHit::Kind::kTime;
            const traces::TimeNs within = std::clamp(*t, ws.info.begin, std::max(ws.info.begin, ws.info.end));
            hit.title = "Go to " + format_time(within);
            hit.detail = within != *t ? "the nearest to what was typed" : "";
            hit.number = static_cast<std::uint64_t>(within);
            hit.score = 1'000'000;
            hits_.push_back(std::move(hit));
        }
    }
    put_in_order(hits_, kHitsMax);
    if (mode_ == Mode::kEverything && !text_.empty() && ws.session != nullptr) {
        PaletteHit hit;
        hit.kind = PaletteHit::Kind::kFilter;
        hit.title = fmt::format("Filter all views by “{}”", text_);
        hit.id = text_;
        hits_.push_back(std::move(hit));
    }
    if (stood_on.has_value()) {
        const auto again = std::find_if(hits_.begin(), hits_.end(), [&](const PaletteHit& hit) {
            return hit.kind == stood_on->kind && hit.title == stood_on->title && hit.number == stood_on->number && hit.id == stood_on->id;
        });
        at_ = again != hits_.end() ? static_cast<std::size_t>(again - hits_.begin()) : 0;
    }
    if (at_ >= hits_.size()) at_ = 0;
}

void Palette::draw_field(Workspace& ws, float width) {
    const char* hint = mode_ == Mode::kCommands     ? "Type to find a command"
                       : mode_ == Mode::kEverything ? "Coroutine, channel, lock, site, view, command, or a time such as 1.5s"
                                                    : "Type, and press Enter";
    if (!field_active_) {
        take_typed(text_);
        focus_wanted_ = true;
        if (!ImGui::IsMouseDown(0)) ImGui::SetKeyboardFocusHere();  // a click on a line keeps the mouse until it is over
    }
    ImGui::SetNextItemWidth(width);
    ImGui::PushStyleColor(ImGuiCol_FrameBg, 0);
    ImGui::PushStyleColor(ImGuiCol_Border, 0);
    const std::string id = fmt::format("###palette.text.{}", opened_);
    ImGui::InputTextWithHint(id.c_str(), hint, &text_, ImGuiInputTextFlags_CallbackAlways, put_caret_at_end, &focus_wanted_);
    ImGui::PopStyleColor(2);
    publish_item(ws, "palette.text");
    field_active_ = ImGui::IsItemActive();
    if (!field_active_) ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

void Palette::draw_hit(Workspace& ws, const PaletteHit& hit, ImVec2 at, float width, bool lit) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Theme& theme = *ws.theme;
    const float height = ws.px(kHitUnits), pad = ws.px(12);
    if (lit) list->AddRectFilled({at.x + ws.px(6), at.y}, {at.x + width - ws.px(6), at.y + height}, theme.accent_soft, ws.px(4));
    const float y = at.y + std::floor((height - ws.fonts.text->FontSize) / 2);
    const std::string right = hit.kind == PaletteHit::Kind::kAction ? hit.keys : kind_name(hit.kind);
    ImFont* right_font = hit.kind == PaletteHit::Kind::kAction ? ws.fonts.mono_small : ws.fonts.small;
    draw_text(list, right_font, {at.x + width - pad, y + ws.px(1)}, theme.text_faint, right, 1);
    const float room = width - 3 * pad - text_width(right_font, right);
    const std::string title = cut_to(ws.fonts.text, hit.title, room);
    draw_text(list, ws.fonts.text, {at.x + pad, y}, hit.possible ? theme.text : theme.text_faint, title);
    const float used = text_width(ws.fonts.text, title) + ws.px(12);
    if (room - used > ws.px(60)) {
        const std::string more = hit.possible ? hit.detail : hit.detail + ": not possible now";
        draw_text(list, ws.fonts.small, {at.x + pad + used, y + ws.px(1)}, theme.text_faint, cut_to(ws.fonts.small, more, room - used));
    }
}

void Palette::draw_hits(Workspace& ws, ImVec2 at, float width, std::size_t lines) {
    const float height = ws.px(kHitUnits);
    if (const float wheel = ImGui::GetIO().MouseWheel; wheel != 0 && hits_.size() > lines) {
        const auto steps = static_cast<std::size_t>(std::max(1.0F, std::abs(wheel) * 3));
        first_ = wheel > 0 ? first_ - std::min(first_, steps) : std::min(first_ + steps, hits_.size() - lines);
        at_ = std::clamp(at_, first_, first_ + lines - 1);
    }
    if (at_ < first_) first_ = at_;
    if (at_ >= first_ + lines) first_ = at_ + 1 - lines;
    const ImVec2 moved = ImGui::GetIO().MouseDelta;
    for (std::size_t i = first_; i < std::min(first_ + lines, hits_.size()); ++i) {
        const ImVec2 line = {at.x, at.y + height * static_cast<float>(i - first_)};
        ImGui::SetCursorScreenPos(line);
        const std::string name = fmt::format("palette.{}", i);
        if (ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height})) {
            at_ = i;
            clicked_ = true;
        }
        publish_item(ws, name);
        if (ImGui::IsItemHovered() && (moved.x != 0 || moved.y != 0)) at_ = i;
        draw_hit(ws, hits_[i], line, width, i == at_);
    }
    if (hits_.empty()) {
        draw_text(ImGui::GetWindowDrawList(), ws.fonts.text, {at.x + ws.px(12), at.y + ws.px(6)}, ws.theme->text_faint,
                  whole_ ? "Nothing is called that." : "Looking …");
    }
}

std::optional<PaletteHit> Palette::draw(Workspace& ws, const Actions& actions) {
    if (!is_open()) return std::nullopt;
    const Theme& theme = *ws.theme;
    const ImVec2 screen = ImGui::GetIO().DisplaySize;
    const float width = std::floor(std::min(ws.px(kPaletteUnits), screen.x - ws.px(32))), field = ws.px(kFieldUnits);
    const float top = std::floor(std::min(ws.px(kTopUnits), screen.y / 8)), caption = ws.px(mode_ == Mode::kQuestion ? 28 : 0);
    const float room = screen.y - top - field - ws.px(24);
    const auto lines_max = static_cast<std::size_t>(std::max(1.0F, room / ws.px(kHitUnits)));
    const std::size_t lines = mode_ == Mode::kQuestion ? 0 : std::min({kLinesMax, lines_max, std::max<std::size_t>(1, hits_.size())});
    ImGui::SetNextWindowPos({std::floor((screen.x - width) / 2), top});
    ImGui::SetNextWindowSize({width, caption + field + ws.px(kHitUnits) * static_cast<float>(lines) + ws.px(lines != 0 ? 8 : 0)});
    ImGui::SetNextWindowFocus();
    ImGui::PushStyleColor(ImGuiCol_WindowBg, theme.raised);
    ImGui::PushStyleColor(ImGuiCol_Border, theme.line_strong);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, ws.px(8));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 1);
    ImGui::Begin("palette", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                     ImGuiWindowFlags_NoScrollWithMouse);
    const ImVec2 at = ImGui::GetWindowPos();
    if (mode_ == Mode::kQuestion)
        draw_text(ImGui::GetWindowDrawList(), ws.fonts.strong, {at.x + ws.px(12), at.y + ws.px(10)}, theme.text, title_);
    ImGui::SetCursorScreenPos({at.x + ws.px(4), at.y + caption + std::floor((field - ImGui::GetFrameHeight()) / 2)});
    draw_field(ws, width - ws.px(8));
    std::optional<PaletteHit> chosen;
    const float line_y = at.y + caption + field;
    if (mode_ != Mode::kQuestion) {
        ImGui::GetWindowDrawList()->AddRectFilled({at.x, line_y - std::max(1.0F, std::floor(ws.scale))}, {at.x + width, line_y}, theme.line);
        find(ws, actions);
        draw_hits(ws, {at.x, line_y + ws.px(4)}, width, std::max<std::size_t>(1, lines));
        if ((clicked_ || (enter_ && whole_)) && at_ < hits_.size() && hits_[at_].possible) chosen = hits_[at_];
        if (enter_ && whole_) enter_ = false;
        if (enter_) ws.frames_wanted = std::max(ws.frames_wanted, 1);
    }
    const bool outside = ImGui::IsMouseClicked(0) && !ImGui::IsWindowHovered(ImGuiHoveredFlags_AllowWhenBlockedByActiveItem);
    ImGui::End();
    ImGui::PopStyleVar(2);
    ImGui::PopStyleColor(2);
    clicked_ = false;
    if (mode_ == Mode::kQuestion && enter_) {
        const auto done = std::exchange(done_, nullptr);
        const std::string text = text_;
        close();
        if (done) done(text);
    } else if (chosen.has_value() || outside) {
        close();
    }
    return chosen;
}

nlohmann::json Palette::dump() const {
    if (!is_open()) return nullptr;
    nlohmann::json hits = nlohmann::json::array();
    for (const PaletteHit& hit : hits_)
        hits.push_back({{"kind", kind_name(hit.kind)}, {"title", hit.title}, {"detail", hit.detail}, {"keys", hit.keys}, {"possible", hit.possible}});
    return {{"text", text_}, {"at", at_}, {"question", mode_ == Mode::kQuestion ? title_ : ""}, {"hits", std::move(hits)}};
}

}  // namespace coroscope::views
