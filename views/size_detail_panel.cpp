// See size_detail_panel.h.
#include "views/size_detail_panel.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kLineUnits = 20, kPadUnits = 6;
constexpr float kShareMax = 0.45F;  // of the view

std::string place_text(const BinaryPlace& place) {
    return fmt::format("{}+{:#x}", place.binary.substr(place.binary.rfind('/') + 1), place.address);
}

std::string frame_name(const std::string& function) {
    std::string name = short_function(function);
    while (name.ends_with("::"))
        name.resize(name.size() - 2);
    return name.empty() ? function : name;
}

}  // namespace

float SizeDetailPanel::height(const Workspace& ws, float room) const {
    if (detail_.lines.empty()) return 0;
    const float wanted = ws.px(kLineUnits) * static_cast<float>(detail_.lines.size()) + 2 * ws.px(kPadUnits);
    return std::floor(std::min(wanted, room * kShareMax));
}

void SizeDetailPanel::update(const std::shared_ptr<const SizeTable>& table, const std::string& site) {
    if (table_ == table && detail_.site == site) return;
    const bool other = detail_.site != site;
    table_ = table;
    detail_ = table != nullptr && !site.empty() ? size_detail(*table, site) : SizeDetail{};
    if (other) {
        chosen_ = 0;
        scroll_ = true;
    }
    chosen_ = detail_.frames.empty() ? 0 : std::min(chosen_, detail_.frames.size() - 1);
    detail_.site = site;
}

void SizeDetailPanel::reset() {
    table_ = nullptr;
    detail_ = {};
    chosen_ = 0;
    opened_.reset();
}

nlohmann::json SizeDetailPanel::dump() const {
    nlohmann::json out = to_json(detail_);
    out["frame"] = has_frames() ? nlohmann::json(chosen_) : nlohmann::json(nullptr);
    return out;
}

void SizeDetailPanel::move(Workspace& ws, int by) {
    if (!has_frames()) return;
    const auto last = static_cast<std::ptrdiff_t>(detail_.frames.size()) - 1;
    chosen_ = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(chosen_) + by, 0, last));
    scroll_ = true;
    ws.frames_wanted = std::max(ws.frames_wanted, 2);
}

std::optional<BinaryPlace> SizeDetailPanel::take_opened() {
    return std::exchange(opened_, std::nullopt);
}

void SizeDetailPanel::open_chosen() {
    if (has_frames()) opened_ = detail_.lines[detail_.frames[chosen_]].place;
}

void SizeDetailPanel::draw(Workspace& ws, float height) {
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x, line = std::max(1.0F, std::floor(ws.scale));
    ImGui::GetWindowDrawList()->AddRectFilled(corner, {corner.x + width, corner.y + line}, ws.theme->line_strong);
    ws.publish("sizes.detail", {corner.x, corner.y, corner.x + width, corner.y + height});
    ImGui::SetCursorScreenPos({corner.x, corner.y + ws.px(kPadUnits)});
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {0, 0});
    ImGui::BeginChild("detail", {width, height - ws.px(kPadUnits)});
    const float row = ws.px(kLineUnits);
    if (std::exchange(scroll_, false)) {
        const float y = has_frames() && chosen_ != 0 ? static_cast<float>(detail_.frames[chosen_]) * row : 0;
        const float view = ImGui::GetWindowHeight();
        if (y < ImGui::GetScrollY() || y + row > ImGui::GetScrollY() + view) ImGui::SetScrollY(scroll_to_middle(y, row, view));
    }
    ImGuiListClipper clipper;
    clipper.Begin(static_cast<int>(detail_.lines.size()), row);
    while (clipper.Step()) {
        for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i)
            draw_line(ws, static_cast<std::size_t>(i), ImGui::GetContentRegionAvail().x);
    }
    ImGui::EndChild();
    ImGui::PopStyleVar();
}

void SizeDetailPanel::draw_line(Workspace& ws, std::size_t index, float width) {
    const Theme& theme = *ws.theme;
    const DetailLine& line = detail_.lines[index];
    const auto frame = std::lower_bound(detail_.frames.begin(), detail_.frames.end(), index);
    if (frame != detail_.frames.end() && *frame == index) {
        draw_frame(ws, index, static_cast<std::size_t>(frame - detail_.frames.begin()), width);
        return;
    }
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float height = ws.px(kLineUnits);
    const bool headline = line.kind == DetailKind::kProven || line.kind == DetailKind::kUnproven || line.kind == DetailKind::kWrong;
    ImFont* font = headline ? ws.fonts.strong : ws.fonts.small;
    const ImU32 colour = line.kind == DetailKind::kProven   ? theme.good
                         : line.kind == DetailKind::kWrong  ? theme.bad
                         : headline                         ? theme.warn
                         : line.kind == DetailKind::kReason ? theme.text
                         : line.kind == DetailKind::kFrame  ? theme.text_dim
                         : line.kind == DetailKind::kCaption ? theme.text_faint
                                                            : theme.text_dim;
    const float indent = ws.px(line.kind == DetailKind::kAssumption ? 24 : line.kind == DetailKind::kFrame ? 36 : 12);
    const float y = corner.y + std::floor((height - font->FontSize) / 2);
    ImDrawList* list = ImGui::GetWindowDrawList();
    draw_text(list, font, {corner.x + indent, y}, colour, cut_to(font, line.text, width - indent - ws.px(12)));
    ImGui::InvisibleButton(fmt::format("line{}", index).c_str(), {std::max(1.0F, width), height});
    if (ImGui::IsItemHovered()) ws.hovered = line.text;
}

// "→ demo::weigh        demo+0x1234"
void SizeDetailPanel::draw_frame(Workspace& ws, std::size_t index, std::size_t frame, float width) {
    const Theme& theme = *ws.theme;
    const DetailLine& line = detail_.lines[index];
    const ImVec2 corner = ImGui::GetCursorScreenPos();
    const float height = ws.px(kLineUnits), indent = ws.px(24);
    const std::string name = fmt::format("sizes.frame.{}", frame);
    const bool pressed = ImGui::InvisibleButton(name.c_str(), {std::max(1.0F, width), height});
    publish_item(ws, name);
    const bool hovered = ImGui::IsItemHovered(), shown = ws.code_place == line.place;
    ImDrawList* list = ImGui::GetWindowDrawList();
    if (hovered || shown || frame == chosen_)
        list->AddRectFilled(corner, {corner.x + width, corner.y + height}, shown ? theme.accent_soft : theme.hover);
    if (frame == chosen_) list->AddRectFilled(corner, {corner.x + ws.px(2), corner.y + height}, theme.accent);
    const float y = corner.y + std::floor((height - ws.fonts.small->FontSize) / 2);
    draw_text(list, ws.fonts.small, {corner.x + indent, y}, theme.text_faint, "→");
    const std::string place = place_text(*line.place);
    const float right = corner.x + width - ws.px(12), left = corner.x + indent + ws.px(16);
    const float place_width = text_width(ws.fonts.mono_small, place);
    const float room = right - left - place_width - ws.px(16);
    const bool both = room > ws.px(96);
    draw_text(list, ws.fonts.small, {left, y}, hovered ? theme.accent : theme.code_name,
              cut_to(ws.fonts.small, frame_name(line.text), both ? room : right - left));
    if (both) draw_text(list, ws.fonts.mono_small, {right, y}, theme.text_faint, place, 1);
    if (hovered) ws.hovered = fmt::format("{}  {}+{:#x}  {}", line.text, line.place->binary, line.place->address, line.place->mark);
    if (!pressed) return;
    chosen_ = frame;
    open_chosen();
}

}  // namespace coroscope::views
