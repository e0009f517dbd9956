// See script_driver.h.
#include "app/script_driver.h"

#include <imgui.h>

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/start_page.h"

namespace coroscope::app {
namespace {

constexpr auto kSettleTime = std::chrono::seconds(60);
constexpr auto kWidgetTime = std::chrono::seconds(10);

// ImGui's own keys for chords that text fields and lists understand.
int imgui_key(const std::string& word) {
    static const std::map<std::string, int> keys = {{"enter", ImGuiKey_Enter},
                                                    {"escape", ImGuiKey_Escape},
                                                    {"tab", ImGuiKey_Tab},
                                                    {"backspace", ImGuiKey_Backspace},
                                                    {"delete", ImGuiKey_Delete},
                                                    {"left", ImGuiKey_LeftArrow},
                                                    {"right", ImGuiKey_RightArrow},
                                                    {"up", ImGuiKey_UpArrow},
                                                    {"down", ImGuiKey_DownArrow},
                                                    {"home", ImGuiKey_Home},
                                                    {"end", ImGuiKey_End},
                                                    {"pageup", ImGuiKey_PageUp},
                                                    {"pagedown", ImGuiKey_PageDown},
                                                    {"space", ImGuiKey_Space},
                                                    {"a", ImGuiKey_A},
                                                    {"c", ImGuiKey_C},
                                                    {"v", ImGuiKey_V},
                                                    {"x", ImGuiKey_X},
                                                    {"y", ImGuiKey_Y},
                                                    {"z", ImGuiKey_Z}};
    const auto found = keys.find(word);
    return found != keys.end() ? found->second : -1;
}

}  // namespace

ScriptDriver::ScriptDriver(std::vector<ScriptCommand> commands, std::string file, ScriptHost& host)
    : commands_(std::move(commands)), file_(std::move(file)), host_(host), began_(Clock::now()) {}

ScriptDriver::Next ScriptDriver::fail(base::ErrorCode code, const std::string& why) {
    problem_ = base::error(code,
                           file_.empty() ? why : fmt::format("{}:{}: {}", file_, commands_[at_].line, why));
    host_.hold(false);
    return Next::kDone;
}

ScriptDriver::Next ScriptDriver::advance() {
    ++at_;
    phase_ = 0;
    began_ = Clock::now();
    return Next::kDraw;
}

ScriptDriver::Next ScriptDriver::step() {
    if (!problem_.ok() || at_ >= commands_.size()) return Next::kDone;
    return run(commands_[at_]);
}

ScriptDriver::Next ScriptDriver::run(const ScriptCommand& command) {
    const auto unless = [&](bool done, const std::string& why) {
        return done ? advance() : fail(base::ErrorCode::kUsage, why);
    };
    switch (command.word) {
        case ScriptWord::kView:
            return unless(host_.show_view(command.arguments[0]),
                          fmt::format("there is no view '{}'", command.arguments[0]));
        case ScriptWord::kPreset:
            return unless(host_.use_preset(command.arguments[0]),
                          fmt::format("there is no preset '{}'", command.arguments[0]));
        case ScriptWord::kTheme:
            return unless(host_.use_theme(command.arguments[0]),
                          fmt::format("there is no theme '{}'", command.arguments[0]));
        case ScriptWord::kSelect: {
            const std::string why = host_.select(command.arguments);
            return unless(why.empty(), why);
        }
        case ScriptWord::kTime: {
            const std::string why = host_.set_time(command.number);
            return unless(why.empty(), why);
        }
        case ScriptWord::kClick:
        case ScriptWord::kHover:
            return run_pointer(command);
        case ScriptWord::kDrag:
            return command.shares.empty() ? run_drag(command) : run_drag_within(command);
        case ScriptWord::kWheel:
            return run_wheel(command);
        case ScriptWord::kKey:
            return run_key(command);
        case ScriptWord::kStep:
            return run_step(command);
        case ScriptWord::kType:
            for (const std::string& word : command.arguments)
                typed_ += (typed_.empty() ? "" : " ") + word;
            return advance();
        case ScriptWord::kResize:
            host_.resize(std::stoi(command.arguments[0]), std::stoi(command.arguments[1]));
            return advance();
        case ScriptWord::kScale:
            host_.set_scale(static_cast<float>(command.shares[0]));
            return advance();
        case ScriptWord::kWaitFor:
        case ScriptWord::kExpect:
            return run_wait(command);
        case ScriptWord::kScreenshot:
        case ScriptWord::kDump:
            return run_capture(command);
        case ScriptWord::kAttach:
        case ScriptWord::kReplay:
        case ScriptWord::kLaunch:
        case ScriptWord::kRestart:
        case ScriptWord::kKill:
        case ScriptWord::kClose:
            return run_request(command);
        case ScriptWord::kMonkey:
            return run_monkey(command);
        case ScriptWord::kQuit:
            quits_ = true;
            at_ = commands_.size();
            return Next::kDone;
    }
    return advance();
}

// Phases: one frame; find it and move there; (click) press; release; one frame to see the effect.
ScriptDriver::Next ScriptDriver::run_pointer(const ScriptCommand& command) {
    std::vector<std::string> name = command.arguments;
    const bool right = name.size() > 1 && name.back() == "right";
    if (right) name.pop_back();
    switch (phase_) {
        case 0:
            break;  // what was asked for just before may move it
        case 1: {
            const auto rect = host_.widget(name);
            if (!rect.has_value()) {
                if (Clock::now() - began_ < kWidgetTime) return Next::kWait;
                std::string words;
                for (const std::string& word : name)
                    words += (words.empty() ? "" : " ") + word;
                return fail(base::ErrorCode::kUnreadable, fmt::format("'{}' is not on the screen", words));
            }
            mouse_known_ = true;
            mouse_x_ = (rect->x0 + rect->x1) / 2;
            mouse_y_ = (rect->y0 + rect->y1) / 2;
            break;
        }
        case 2:
            break;  // the widget has seen the mouse
        case 3:
            if (command.word == ScriptWord::kHover) return advance();
            mouse_down_ = right ? 1 : 0;
            break;
        case 4:
            mouse_down_ = -1;
            break;
        default:
            return advance();
    }
    ++phase_;
    return Next::kDraw;
}

// Phases: one frame; move to the first; press; a little way; to the other; release; one frame to see the effect.
ScriptDriver::Next ScriptDriver::run_drag(const ScriptCommand& command) {
    constexpr float kLittleWay = 12, kNearEdge = 0.08F;
    const std::string& name = command.arguments[phase_ < 4 ? 0 : 1];
    const auto rect = host_.widget({name});
    if (!rect.has_value() && (phase_ == 1 || phase_ == 4)) {
        if (Clock::now() - began_ < kWidgetTime) return Next::kWait;
        return fail(base::ErrorCode::kUnreadable, fmt::format("'{}' is not on the screen", name));
    }
    switch (phase_) {
        case 0:
        case 2:
            break;
        case 1:
            mouse_known_ = true;
            mouse_x_ = (rect->x0 + rect->x1) / 2;
            mouse_y_ = (rect->y0 + rect->y1) / 2;
            break;
        case 3:
            mouse_down_ = 0;
            break;
        case 4: {
            const std::string side = command.arguments.size() == 3 ? command.arguments[2] : "";
            const float across = side == "left" ? kNearEdge : side == "right" ? 1 - kNearEdge : 0.5F;
            const float down = side == "above" ? kNearEdge : side == "below" ? 1 - kNearEdge : 0.5F;
            drag_to_x_ = rect->x0 + (rect->x1 - rect->x0) * across;
            drag_to_y_ = rect->y0 + (rect->y1 - rect->y0) * down;
            mouse_y_ += kLittleWay;
            break;
        }
        case 5:
            mouse_x_ = drag_to_x_;
            mouse_y_ = drag_to_y_;
            break;
        case 6:
            break;  // who is dragged over sees it
        case 7:
            mouse_down_ = -1;
            break;
        default:
            return advance();
    }
    ++phase_;
    return Next::kDraw;
}

// Phases as of a drag from widget to widget.
ScriptDriver::Next ScriptDriver::run_drag_within(const ScriptCommand& command) {
    const std::string& name = command.arguments[0];
    const bool middle = command.arguments.size() == 6 && command.arguments[5] == "middle";
    const bool right = command.arguments.size() == 6 && command.arguments[5] == "right";
    const auto share = [&](std::size_t i) { return static_cast<float>(command.shares[i]); };
    switch (phase_) {
        case 1: {
            const auto rect = host_.widget({name});
            if (!rect.has_value()) {
                if (Clock::now() - began_ < kWidgetTime) return Next::kWait;
                return fail(base::ErrorCode::kUnreadable, fmt::format("'{}' is not on the screen", name));
            }
            // The last pixel is still inside.
            const float width = std::max(0.0F, rect->x1 - rect->x0 - 1), height = std::max(0.0F, rect->y1 - rect->y0 - 1);
            mouse_known_ = true;
            mouse_x_ = rect->x0 + width * share(0);
            mouse_y_ = rect->y0 + height * share(1);
            drag_to_x_ = rect->x0 + width * share(2);
            drag_to_y_ = rect->y0 + height * share(3);
            break;
        }
        case 3:
            mouse_down_ = middle ? 2 : right ? 1 : 0;
            break;
        case 4:
            mouse_x_ = (mouse_x_ + drag_to_x_) / 2;
            mouse_y_ = (mouse_y_ + drag_to_y_) / 2;
            break;
        case 5:
            mouse_x_ = drag_to_x_;
            mouse_y_ = drag_to_y_;
            break;
        case 7:
            mouse_down_ = -1;
            break;
        case 9:
            return advance();
        default:
            break;
    }
    ++phase_;
    return Next::kDraw;
}

// Phases: one frame; move there; one frame; the notches, with the key; one frame to see the effect.
ScriptDriver::Next ScriptDriver::run_wheel(const ScriptCommand& command) {
    switch (phase_) {
        case 1: {
            const auto rect = host_.widget({command.arguments[0]});
            if (!rect.has_value()) {
                if (Clock::now() - began_ < kWidgetTime) return Next::kWait;
                return fail(base::ErrorCode::kUnreadable, fmt::format("'{}' is not on the screen", command.arguments[0]));
            }
            mouse_known_ = true;
            mouse_x_ = (rect->x0 + rect->x1) / 2;
            mouse_y_ = (rect->y0 + rect->y1) / 2;
            break;
        }
        case 3:
            wheel_ = static_cast<float>(command.shares[0]);
            ctrl_ = command.arguments.size() == 3 && command.arguments[2] == "ctrl";
            shift_ = command.arguments.size() == 3 && command.arguments[2] == "shift";
            break;
        case 4:
            wheel_ = 0;
            ctrl_ = shift_ = false;
            break;
        case 5:
            return advance();
        default:
            break;
    }
    ++phase_;
    return Next::kDraw;
}

void ScriptDriver::begin_key(const std::string& chord) {
    ctrl_ = chord.find("ctrl+") != std::string::npos;
    shift_ = chord.find("shift+") != std::string::npos;
    alt_ = chord.find("alt+") != std::string::npos;
    const std::size_t plus = chord.size() > 1 ? chord.rfind('+', chord.size() - 2) : std::string::npos;
    key_down_ = imgui_key(plus == std::string::npos ? chord : chord.substr(plus + 1));
    host_.press(chord);
}

ScriptDriver::Next ScriptDriver::run_key(const ScriptCommand& command) {
    if (phase_ == 0) {
        begin_key(command.arguments[0]);
        ++phase_;
        return Next::kDraw;
    }
    key_down_ = -1;
    ctrl_ = shift_ = alt_ = false;
    if (phase_++ == 1) return Next::kDraw;
    return advance();
}

ScriptDriver::Next ScriptDriver::run_step(const ScriptCommand& command) {
    if (phase_++ == 0) {
        host_.run_action(fmt::format("step.{}{}", command.arguments.size() == 2 ? "rule-" : "", command.arguments[0]));
        return Next::kDraw;
    }
    if (phase_ > 2 && !host_.facts().value("step.busy", false)) return advance();
    if (Clock::now() - began_ > kSettleTime) return fail(base::ErrorCode::kUnreadable, "the step was not found in time");
    return phase_ > 2 ? Next::kWait : Next::kDraw;
}

ScriptDriver::Next ScriptDriver::run_wait(const ScriptCommand& command) {
    std::string now;
    if (const std::string why = host_.take_refusal(); !why.empty())
        return fail(base::ErrorCode::kUnreadable, why);
    if (holds(command.condition, host_.facts(), &now)) return advance();
    const Condition& condition = command.condition;
    if (command.word == ScriptWord::kExpect) {
        return fail(base::ErrorCode::kUnreadable,
                    fmt::format("expected {}, but {} is {}", condition.text, condition.name, now));
    }
    if (Clock::now() - began_ >= std::chrono::nanoseconds(command.number)) {
        return fail(base::ErrorCode::kUnreadable, fmt::format("waited {:g} s for {}, but {} is {}",
                                                              static_cast<double>(command.number) / 1e9,
                                                              condition.text, condition.name, now));
    }
    return Next::kWait;
}

ScriptDriver::Next ScriptDriver::run_capture(const ScriptCommand& command) {
    if (const std::string why = host_.take_refusal(); !why.empty()) {
        // What was wanted at the start could not be had; there is nothing to take a picture of.
        problem_ = base::error(base::ErrorCode::kUnreadable, why);
        return Next::kDone;
    }
    if (host_.opening()) {
        if (Clock::now() - began_ > kSettleTime)
            return fail(base::ErrorCode::kUnreadable, "what is being opened did not open in time");
        return Next::kWait;
    }
    if (phase_ == 0) {  // what is there now, and two frames for what was asked for just before
        host_.hold(true);
        phase_ = 1;
        return Next::kDraw;
    }
    if (!host_.settled()) {
        if (Clock::now() - began_ > kSettleTime)
            return fail(base::ErrorCode::kUnreadable, "the window did not come to rest in time");
        return Next::kWait;
    }
    if (phase_ < 3) {
        ++phase_;
        return Next::kDraw;
    }
    const std::string& file = command.arguments[0];
    base::Status written = command.word == ScriptWord::kScreenshot ? host_.screenshot(file) : host_.dump(file);
    // A dump or another picture that follows at once is of the same Moment.
    const bool more = at_ + 1 < commands_.size() && (commands_[at_ + 1].word == ScriptWord::kScreenshot ||
                                                     commands_[at_ + 1].word == ScriptWord::kDump);
    if (!more) host_.hold(false);
    if (!written.ok()) {
        problem_ = written.error();
        return Next::kDone;
    }
    return advance();
}

ScriptDriver::Next ScriptDriver::run_request(const ScriptCommand& command) {
    if (phase_ == 0) {
        views::Request request;
        switch (command.word) {
            case ScriptWord::kAttach:
                request.kind = views::RequestKind::kAttach;
                request.pid = static_cast<std::uint32_t>(
                    std::strtoul(command.arguments[0].c_str(), nullptr, 10));
                break;
            case ScriptWord::kReplay:
                request.kind = views::RequestKind::kOpenTrace;
                request.path = command.arguments[0];
                break;
            case ScriptWord::kLaunch:
                request.kind = views::RequestKind::kLaunch;
                request.launch.program = command.arguments[0];
                request.launch.arguments.assign(command.arguments.begin() + 1, command.arguments.end());
                break;
            case ScriptWord::kRestart:
                request.kind = views::RequestKind::kRestart;
                break;
            case ScriptWord::kKill:
                request.kind = views::RequestKind::kKill;
                request.signal = 9;
                break;
            default:
                request.kind = views::RequestKind::kCloseSession;
                break;
        }
        host_.request(std::move(request));
        ++phase_;
        return Next::kDraw;
    }
    if (host_.opening()) return Next::kWait;
    if (const std::string why = host_.take_refusal(); !why.empty())
        return fail(base::ErrorCode::kUnreadable, why);
    return advance();
}

void ScriptDriver::inject() {
    // As long as a script only waits and looks, mouse and keys are those of whoever sits there.
    has_hands_ |= mouse_known_ || key_down_ >= 0 || !typed_.empty();
    if (!has_hands_) return;
    ImGuiIO& io = ImGui::GetIO();
    io.MousePos = mouse_known_ ? ImVec2(mouse_x_, mouse_y_) : ImVec2(-FLT_MAX, -FLT_MAX);
    for (int button = 0; button < 3; ++button)
        io.MouseDown[button] = button == mouse_down_;
    for (bool& down : io.KeysDown)
        down = false;
    if (key_down_ >= 0 && io.KeyMap[key_down_] >= 0) io.KeysDown[io.KeyMap[key_down_]] = true;
    io.KeyCtrl = ctrl_;
    io.KeyShift = shift_;
    io.KeyAlt = alt_;
    io.MouseWheel = wheel_;
    if (!typed_.empty()) {
        io.AddInputCharactersUTF8(typed_.c_str());
        typed_.clear();
    }
}

}  // namespace coroscope::app
