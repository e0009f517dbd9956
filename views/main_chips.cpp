// The chips under the top bar (main_window.h): what narrows down what all views tell of — filter, range of time, pinned coroutines — each with
// what takes it away. There is no such line where nothing does.
#include <imgui.h>

#include <cmath>

#include <fmt/format.h>

#include "views/format.h"
#include "views/main_window.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kChipsUnits = 30;
constexpr float kChipUnits = 24;
constexpr float kValueUnits = 340;
constexpr std::size_t kPinsShownMax = 8;

}  // namespace

float MainWindow::chips_height() const {
    const bool any = !ws_.filter.empty() || ws_.selection().range.has_value() || !ws_.pins().empty();
    return any ? ws_.px(kChipsUnits) : 0;
}

// "label value ×"; publishes NAME, and NAME.close for the ×. True when the value was clicked.
bool MainWindow::draw_chip(const std::string& name, const std::string& label, const std::string& value, const char* hint, float* x, Rect bar) {
    const Theme& theme = *ws_.theme;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float height = ws_.px(kChipUnits), y = bar.y0 + std::floor((bar.y1 - bar.y0 - height) / 2), pad = ws_.px(8), close = ws_.px(22);
    const std::string shown = cut_to(ws_.fonts.text, value, ws_.px(kValueUnits));
    const float label_width = label.empty() ? 0 : text_width(ws_.fonts.small, label) + ws_.px(6);
    const float width = std::ceil(pad + label_width + text_width(ws_.fonts.text, shown) + ws_.px(4) + close);
    if (*x + width > bar.x1 - pad) return false;  // the others say it in the palette and in their views
    list->AddRectFilled({*x, y}, {*x + width, y + height}, theme.accent_soft, ws_.px(12));
    const float text_y = y + std::floor((height - ws_.fonts.text->FontSize) / 2);
    draw_text(list, ws_.fonts.small, {*x + pad, text_y + ws_.px(1)}, theme.text_dim, label);
    draw_text(list, ws_.fonts.text, {*x + pad + label_width, text_y}, theme.text, shown);
    ImGui::SetCursorScreenPos({*x, y});
    const bool clicked = ImGui::InvisibleButton(("###" + name).c_str(), {std::max(1.0F, width - close), height});
    publish_item(ws_, name);
    if (ImGui::IsItemHovered()) ws_.hovered = value + hint;
    ImGui::SetCursorScreenPos({*x + width - close, y});
    const bool closed = ImGui::InvisibleButton(("###" + name + ".close").c_str(), {close, height});
    publish_item(ws_, name + ".close");
    draw_text(list, ws_.fonts.text, {*x + width - close / 2, text_y}, ImGui::IsItemHovered() ? theme.text : theme.text_dim, "×", 0.5F);
    *x += width + ws_.px(6);
    if (!closed) return clicked;
    ws_.frames_wanted = std::max(ws_.frames_wanted, 3);
    if (name == "chip.filter") ws_.filter.clear();
    if (name == "chip.range") ws_.select_range(std::nullopt);
    if (name.starts_with("chip.pin.")) ws_.toggle_pin(std::stoull(name.substr(9)));
    return false;
}

void MainWindow::draw_chips(Rect bar) {
    float x = bar.x0 + ws_.px(8);
    if (!ws_.filter.empty()) {
        const FilterMatch* match = ws_.matching();
        const bool wrong = match != nullptr && !match->mistake.empty();
        const std::string label = match == nullptr          ? "filter"
                                  : wrong                   ? "no rule"
                                  : match->about_events     ? "steps by"
                                                            : fmt::format("filter, {} match", format_count(match->count));
        if (draw_chip("chip.filter", label, ws_.filter, "  (click: change it; Ctrl+Shift+F: everything again)", &x, bar)) actions_.run("find");
    }
    if (const auto& range = ws_.selection().range; range.has_value()) {
        const std::string text = fmt::format("{} – {} ({})", format_time(range->begin), format_time(range->end),
                                             format_duration(range->end - range->begin));
        if (draw_chip("chip.range", "range", text, "  (click: go to its beginning)", &x, bar)) ws_.session->set_time(range->begin);
    }
    const std::vector<std::uint64_t> pins = ws_.pins();
    for (std::size_t i = 0; i < pins.size() && i < kPinsShownMax; ++i) {
        std::string text = std::to_string(pins[i]);
        const auto* pinned = ws_.moment != nullptr ? ws_.moment->state.coroutine_of(pins[i]) : nullptr;
        if (pinned != nullptr) text += fmt::format(" {}", ws_.moment->state.coroutine_name(*pinned));
        if (pinned == nullptr) text += ", not alive now";
        if (draw_chip(fmt::format("chip.pin.{}", pins[i]), i == 0 ? "pinned" : "", text, "  (click: select it)", &x, bar))
            ws_.select_coroutine(pins[i]);
    }
}

}  // namespace coroscope::views
