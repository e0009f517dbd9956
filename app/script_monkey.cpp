// The script's word `monkey COUNT SEED [WHAT…]`: so many random inputs (monkey.h), each over two or three frames; and what they led to, on stderr:
// each frame that took longer than somebody who looks would forgive, with the input before it, and how many there were.
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "app/script_driver.h"
#include "views/start_page.h"

namespace coroscope::app {
namespace {

using Kind = MonkeyInput::Kind;
constexpr double kFrozenMs = 100;

views::Request opening(const std::string& what) {
    views::Request request;
    if (what.ends_with(".coro")) {
        request.kind = views::RequestKind::kOpenTrace;
        request.path = what;
    } else if (what.find_first_not_of("0123456789") == std::string::npos) {
        request.kind = views::RequestKind::kAttach;
        request.pid = static_cast<std::uint32_t>(std::strtoul(what.c_str(), nullptr, 10));
    } else {
        request.kind = views::RequestKind::kLaunch;
        const std::vector<std::string> words = views::split_words(what);
        request.launch.program = words.front();
        request.launch.arguments.assign(words.begin() + 1, words.end());
    }
    return request;
}

}  // namespace

void ScriptDriver::note_frame() {
    const FrameCost cost = host_.last_frame();
    ++monkey_frames_;
    if (cost.of_session) ++session_frames_;
    if (cost.wall_ms > slowest_.wall_ms) {
        slowest_ = cost;
        slowest_after_ = monkey_input_.said;
    }
    if (cost.processor_ms > busiest_.processor_ms) {
        busiest_ = cost;
        busiest_after_ = monkey_input_.said;
    }
    if (cost.wall_ms < kFrozenMs) return;
    ++frozen_frames_;
    fmt::print(stderr, "monkey: a frame of {:.0f} ms ({:.0f} ms of them computing) after input {}: {}\n",
               cost.wall_ms, cost.processor_ms, monkey_done_, monkey_input_.said);
}

void ScriptDriver::request_of(const MonkeyInput& input) {
    views::Request request;
    switch (input.kind) {
        case Kind::kOpen:
            request = opening(input.text);
            break;
        case Kind::kKill:
            request.kind = views::RequestKind::kKill;
            request.signal = 9;
            break;
        case Kind::kRestart:
            request.kind = views::RequestKind::kRestart;
            break;
        default:
            request.kind = views::RequestKind::kCloseSession;
            break;
    }
    host_.request(std::move(request));
}

void ScriptDriver::begin_input(const MonkeyInput& input) {
    ctrl_ = input.ctrl;
    shift_ = input.shift;
    switch (input.kind) {
        case Kind::kMove:
        case Kind::kClick:
        case Kind::kDrag:
        case Kind::kWheel:
            mouse_known_ = true;
            mouse_x_ = input.x;
            mouse_y_ = input.y;
            if (input.kind == Kind::kWheel) wheel_ = input.wheel;
            break;
        case Kind::kKey:
            begin_key(input.text);
            break;
        case Kind::kType:
            typed_ = input.text;
            break;
        case Kind::kResize:
            host_.resize(input.width, input.height);
            break;
        case Kind::kTime:
            (void)host_.set_time(input.time_ns);  // without a session there is no time
            break;
        case Kind::kOpen:
        case Kind::kKill:
        case Kind::kRestart:
        case Kind::kClose:
            request_of(input);
            break;
    }
}

// Phases: choose and move; press; (drag) pull; release.
ScriptDriver::Next ScriptDriver::run_monkey(const ScriptCommand& command) {
    if (monkey_ == nullptr) {
        monkey_ = std::make_unique<Monkey>(
            std::stoull(command.arguments[1]),
            std::vector<std::string>(command.arguments.begin() + 2, command.arguments.end()));
        monkey_done_ = monkey_frames_ = session_frames_ = frozen_frames_ = 0;
        slowest_ = busiest_ = {};
    } else {
        note_frame();
    }
    (void)host_.take_refusal();  // what cannot be opened is said in the window
    if (phase_ == 0) {
        if (monkey_done_ == std::stoull(command.arguments[0])) {
            fmt::print(stderr, "monkey: {} inputs from seed {}, {} frames, {} of a session, {} of them over {:.0f} ms, the slowest {:.0f} ms ({}); ",
                       monkey_done_, command.arguments[1], monkey_frames_, session_frames_, frozen_frames_, kFrozenMs, slowest_.wall_ms,
                       slowest_after_);
            fmt::print(stderr, "the most that one computed {:.0f} ms ({})\n", busiest_.processor_ms, busiest_after_);
            monkey_.reset();
            return advance();
        }
        monkey_input_ = monkey_->next(host_.toys());
        ++monkey_done_;
        begin_input(monkey_input_);
        ++phase_;
        return Next::kDraw;
    }
    wheel_ = 0;
    key_down_ = -1;
    const bool button = monkey_input_.kind == Kind::kClick || monkey_input_.kind == Kind::kDrag;
    if (button && phase_ == 1) {
        mouse_down_ = monkey_input_.button;
        phase_ = monkey_input_.kind == Kind::kDrag ? 2 : 3;
        return Next::kDraw;
    }
    if (button && phase_ == 2) {
        mouse_x_ = monkey_input_.to_x;
        mouse_y_ = monkey_input_.to_y;
        phase_ = 3;
        return Next::kDraw;
    }
    mouse_down_ = -1;
    ctrl_ = shift_ = alt_ = false;
    phase_ = 0;
    return Next::kDraw;
}

}  // namespace coroscope::app
