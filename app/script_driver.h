// Runs a script's commands against a window, one frame at a time.
//
// The window calls step() before each wait and inject() between the platform's and ImGui's new frame. Clicks move the mouse, press and
// release it in frames of their own, exactly as a hand would; keys go through the same table as real ones. Pictures and dumps
// wait until everything shown belongs to one Moment and nothing is under way (the Moment is held meanwhile).
//
// Thread: the frame's. Tested with a window of synthetic data in tests/unit/app/window_test.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/monkey.h"
#include "app/script.h"
#include "views/requests.h"
#include "views/workspace.h"

namespace coroscope::app {

// What the last frame took, without the drawing of its triangles.
struct FrameCost {
    double wall_ms = 0, processor_ms = 0;
    bool of_session = false;  // it showed a Moment
};

// What a script may do to the window.
class ScriptHost {
public:
    virtual ~ScriptHost() = default;
    virtual bool show_view(const std::string& name) = 0;
    virtual bool use_preset(const std::string& name) = 0;
    virtual bool use_theme(const std::string& name) = 0;
    // "" when done, else why not.
    virtual std::string select(const std::vector<std::string>& what) = 0;
    virtual std::string set_time(std::int64_t ns) = 0;  // -1 = end
    virtual std::optional<views::Rect> widget(const std::vector<std::string>& name) = 0;
    virtual void press(const std::string& chord) = 0;
    virtual void run_action(const std::string& id) = 0;
    virtual nlohmann::json facts() = 0;
    // True while something is being opened (attach, replay, launch).
    virtual bool opening() = 0;
    // Why the last request failed, once; "" when it did not.
    virtual std::string take_refusal() = 0;
    virtual bool settled() = 0;
    virtual void hold(bool on) = 0;
    virtual base::Status screenshot(const std::string& file) = 0;
    virtual base::Status dump(const std::string& file) = 0;
    virtual void request(views::Request request) = 0;
    // For random inputs.
    virtual MonkeyToys toys() = 0;
    virtual void resize(int width, int height) = 0;
    virtual void set_scale(float scale) = 0;
    virtual FrameCost last_frame() const = 0;
};

class ScriptDriver {
public:
    ScriptDriver(std::vector<ScriptCommand> commands, std::string file, ScriptHost& host);

    enum class Next : std::uint8_t {
        kDraw,  // draw a frame, then step again
        kWait,  // wait for a change (a short while at most), draw, then step again
        kDone,  // finished or failed: see problem()
    };
    Next step();
    // Overwrites ImGui's mouse and keys for the frame that begins, from the first command that has used either.
    void inject();
    // Why the script failed; ok when it did not. kUsage: it asks for what is not there; kUnreadable: a condition did not come true.
    const base::Status& problem() const { return problem_; }
    // Whether it ended with `quit`: then the window closes, too.
    bool quits() const { return quits_; }
    // Random inputs do not end the window.
    bool may_quit() const { return monkey_ == nullptr; }

private:
    using Clock = std::chrono::steady_clock;

    Next run(const ScriptCommand& command);
    Next run_pointer(const ScriptCommand& command);
    Next run_drag(const ScriptCommand& command);
    Next run_drag_within(const ScriptCommand& command);
    Next run_wheel(const ScriptCommand& command);
    Next run_key(const ScriptCommand& command);
    Next run_step(const ScriptCommand& command);
    Next run_wait(const ScriptCommand& command);
    Next run_capture(const ScriptCommand& command);
    Next run_request(const ScriptCommand& command);
    Next run_monkey(const ScriptCommand& command);
    void note_frame();
    void begin_input(const MonkeyInput& input);
    void request_of(const MonkeyInput& input);
    void begin_key(const std::string& chord);
    Next fail(base::ErrorCode code, const std::string& why);
    Next advance();

    std::vector<ScriptCommand> commands_;
    std::string file_;
    ScriptHost& host_;
    std::size_t at_ = 0;
    int phase_ = 0;  // of the present command
    Clock::time_point began_;
    base::Status problem_ = base::ok_status();
    bool quits_ = false;
    // Input for the frame that comes.
    bool has_hands_ = false;
    bool mouse_known_ = false;
    float mouse_x_ = 0, mouse_y_ = 0, drag_to_x_ = 0, drag_to_y_ = 0;
    int mouse_down_ = -1;  // button
    int key_down_ = -1;    // ImGuiKey_
    bool ctrl_ = false, shift_ = false, alt_ = false;
    float wheel_ = 0;
    std::string typed_;
    // Random inputs: only while they are made.
    std::unique_ptr<Monkey> monkey_;
    MonkeyInput monkey_input_;
    std::uint64_t monkey_done_ = 0, monkey_frames_ = 0, session_frames_ = 0, frozen_frames_ = 0;
    FrameCost slowest_, busiest_;                // by what passed, and by what this thread computed
    std::string slowest_after_, busiest_after_;  // the inputs before them
};

}  // namespace coroscope::app
