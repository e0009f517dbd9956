// See main_window.h. Here: what the window is made of and how a frame is put together; its frame (bars, sheet) is in main_bars.cpp, its
// keys in main_actions.cpp.
#include "views/main_window.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "views/all_views.h"
#include "views/describe.h"
#include "views/said_panel.h"
#include "views/stack_view.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr float kTopBarUnits = 44;
constexpr float kStatusLineUnits = 28;
constexpr float kMarginUnits = 4;

}  // namespace

MainWindow::MainWindow(std::function<void()> wake) : ws_(std::move(wake)), panels_(&views_) {
    add_views();
    add_actions();
    use_preset("overview");
}

// Views hold textures and computations; they go before the workspace they use.
MainWindow::~MainWindow() {
    stepper_.cancel();
    views_.clear();
}

void MainWindow::add_views() {
    for (const ViewEntry& entry : all_views()) {
        auto view = entry.make();
        CHECK(view->name() == std::string_view(entry.name));
        views_[entry.name] = std::move(view);
    }
}

void MainWindow::set_up(const Theme& theme, float scale, TextureStore& textures) {
    ws_.scale = scale;
    ws_.textures = &textures;
    ws_.fonts = load_fonts(scale);
    status_widths_.clear();
    set_theme(theme);
}

void MainWindow::set_theme(const Theme& theme) {
    ws_.theme = &theme;
    apply_theme(theme, ws_.scale);
    ws_.frames_wanted = std::max(ws_.frames_wanted, 2);
}

void MainWindow::open(std::shared_ptr<traces::Session> session) {
    for (auto& [name, view] : views_)
        view->reset();
    stepper_.reset();
    saver_.reset();
    ws_.open(std::move(session));
    start_page_.focus();
    held_ = false;
    hold_said_ = hold_steps_ = 0;
    hold_sentence_.clear();
    status_widths_.clear();
    palette_.close();
    (void)ws_.notes.open("");  // nowhere: nothing is read
}

View* MainWindow::view(const std::string& name) {
    const auto found = views_.find(name);
    return found != views_.end() ? found->second.get() : nullptr;
}

bool MainWindow::show(const std::string& view) {
    if (views_.find(view) == views_.end()) return false;
    ws_.frames_wanted = std::max(ws_.frames_wanted, 2);
    return panels_.show(view);
}

bool MainWindow::use_preset(const std::string& name) {
    const Preset* preset = find_preset(name);
    if (preset == nullptr) return false;
    const auto own = arranged_.find(name);
    auto parsed = parse_layout(own != arranged_.end() ? own->second : preset->layout);
    if (!parsed.ok()) parsed = parse_layout(preset->layout);  // what was remembered is no layout
    CHECK(parsed.ok());
    panels_.set(std::move(parsed).value());
    preset_ = name;
    ws_.frames_wanted = std::max(ws_.frames_wanted, 2);
    return true;
}

void MainWindow::remember_arrangements(const std::string& preset, std::map<std::string, std::string> arranged) {
    arranged_ = std::move(arranged);
    if (!use_preset(preset)) use_preset("overview");
}

void MainWindow::set_zoom(float zoom) {
    constexpr float kZoomMin = 0.6F, kZoomMax = 3;
    zoom_ = std::clamp(std::round(zoom * 20) / 20, kZoomMin, kZoomMax);
    ws_.frames_wanted = std::max(ws_.frames_wanted, 2);
}

void MainWindow::say(const std::string& sentence, bool is_error) {
    if (!is_error) hold_sentence_ = sentence;
    if (is_error) ws_.notice = sentence;
    ws_.notice_is_error = is_error;
    ws_.frames_wanted = std::max(ws_.frames_wanted, 1);
}

void MainWindow::rearranged() {
    arranged_[preset_] = panels_.layout_text();
    ws_.frames_wanted = std::max(ws_.frames_wanted, 2);
}

bool MainWindow::settled() const {
    if (!ws_.settled() || ws_.frames_wanted > 0 || ws_.background.busy() || ws_.searches.busy()) return false;
    if (stepper_.busy(ws_) || saver_.busy() || palette_.busy(ws_)) return false;
    const auto names = ws_.session != nullptr ? panels_.visible() : std::vector<std::string>{};
    return std::none_of(names.begin(), names.end(),
                        [this](const std::string& name) { return views_.at(name)->busy(); });
}

bool MainWindow::behind() const {
    return ws_.session != nullptr && !held_ && ws_.session->moment() != ws_.moment;
}

bool MainWindow::may_take() const {
    if (held_) return false;
    return ws_.moment == nullptr ||
           (!ws_.background.busy() && std::chrono::steady_clock::now() >= idle_since_ + worked_);
}

void MainWindow::take_newest() {
    const auto now = std::chrono::steady_clock::now();
    const bool busy = ws_.background.busy();
    if (was_busy_ && !busy) {
        idle_since_ = now;
        worked_ = now - taken_at_;
    }
    was_busy_ = busy;
    if (!may_take()) {
        ws_.refresh_analyses();
        return;
    }
    const auto* before = ws_.moment.get();
    ws_.refresh();
    if (ws_.moment.get() != before) taken_at_ = now;
}

void MainWindow::draw() {
    ws_.begin_widgets();
    take_newest();
    take_hold_state();
    take_steps();
    take_saved();
    take_size_answer();
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(size);
    ImGui::Begin("main", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                     ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoSavedSettings |
                     ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoNavInputs);
    const float top = ws_.px(kTopBarUnits), bottom = size.y - ws_.px(kStatusLineUnits),
                margin = ws_.px(kMarginUnits);
    const bool start = ws_.session == nullptr && !ws_.program.present;
    if (start) {
        start_page_.draw(ws_, {0, 0, size.x, bottom});
    } else {
        const auto visible = panels_.visible();
        ws_.code_in_front = std::find(visible.begin(), visible.end(), "code") != visible.end();
        draw_top_bar({0, 0, size.x, top});
        const float chips = chips_height();
        if (chips > 0) draw_chips({0, top, size.x, top + chips});
        panels_.draw(ws_, {margin, top + chips, size.x - margin, bottom});
        if (panels_.take_rearranged()) rearranged();
        if (!ws_.view_wanted.empty()) show(std::exchange(ws_.view_wanted, {}));
    }
    draw_notice({0, 0, size.x, bottom});
    draw_status_line({0, bottom, size.x, size.y});
    draw_key_sheet();
    ImGui::End();
    if (const auto hit = palette_.draw(ws_, actions_); hit.has_value()) take_choice(*hit);
    if (last_hovered_ != ws_.hovered) {
        last_hovered_ = ws_.hovered;
        ws_.frames_wanted = std::max(ws_.frames_wanted, 1);
    }
}

std::string MainWindow::copyable() const {
    if (!ws_.hovered.empty()) return ws_.hovered;
    const auto found = views_.find("stack");
    return found != views_.end() ? static_cast<const StackView&>(*found->second).as_text() : std::string();
}

nlohmann::json MainWindow::dump() {
    nlohmann::json selection = nullptr;
    const Selection& selected = ws_.selection();
    if (selected.coroutine != 0 || selected.slot.has_value() || !selected.channel.empty()) {
        selection = {{"coroutine", selected.coroutine}, {"channel", selected.channel}};
        if (selected.frame != Selection::kOwnFrame) selection["frame"] = selected.frame;
        if (selected.slot.has_value())
            selection["slot"] = {{"pool", selected.slot->pool}, {"slot", selected.slot->slot}};
        if (const auto* coroutine = ws_.selected(); coroutine != nullptr && ws_.moment != nullptr) {
            selection["name"] = ws_.moment->state.coroutine_name(*coroutine);
            selection["text"] = one_line(*ws_.moment, *coroutine);
            selection["says"] = SaidPanel::dump(ws_);
        }
    }
    nlohmann::json shown = nlohmann::json::object();
    const auto visible = ws_.session != nullptr || ws_.program.present ? panels_.visible()
                                                                       : std::vector<std::string>{};
    for (const std::string& name : visible)
        shown[name] = views_.at(name)->dump(ws_);
    nlohmann::json out = {{"page", visible.empty() ? "start" : "session"},
                          {"time_ns", ws_.moment != nullptr ? ws_.moment->t : 0},
                          {"visible", visible},
                          {"layout", panels_.layout_text()},
                          {"preset", preset_},
                          {"palette", palette_.dump()},
                          {"theme", ws_.theme != nullptr ? ws_.theme->name : ""},
                          {"selection", std::move(selection)},
                          {"facts", ws_.facts()},
                          {"said", hold_sentence_},
                          {"hovered", last_hovered_},
                          {"views", std::move(shown)},
                          {"lit", ws_.lit_widgets()},
                          {"widgets", ws_.widget_names()}};
    for (const std::string& name : ws_.widget_names())  // in pixels: for those who click from outside
        if (const auto at = ws_.published(name); at.has_value()) out["places"][name] = {at->x0, at->y0, at->x1, at->y1};
    return out;
}

}  // namespace coroscope::views
