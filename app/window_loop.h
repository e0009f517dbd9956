// One window: its views, its session, its script, and the loop that drives them. run_window() (window.h) makes one.
//
// Separate from run_window so that tests can put a session of synthetic data into it and look at the pictures.
//
// Thread: the main thread; ImGui's context must exist and the platform outlive it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/platform.h"
#include "app/script_driver.h"
#include "app/window.h"
#include "app/window_session.h"
#include "views/main_window.h"

namespace coroscope::app {

class WindowLoop : public ScriptHost {
public:
    WindowLoop(Platform& platform, const views::Theme& theme);

    // What the command line asked to open. Failures show in the window and end a script.
    void start(const WindowOptions& options);
    // A session made elsewhere.
    void open(std::shared_ptr<traces::Session> session);
    void use_script(std::vector<ScriptCommand> commands, const std::string& file);
    // Whether the window stays after its script has ended.
    void set_interactive(bool on) { interactive_ = on; }
    // Until the window is closed, quit, or the script ends. Errors: the script's.
    base::Status run();
    // Remembers theme and arrangement.
    void save();
    views::MainWindow& main() { return main_; }

    bool show_view(const std::string& name) override;
    bool use_preset(const std::string& name) override;
    bool use_theme(const std::string& name) override;
    std::string select(const std::vector<std::string>& what) override;
    std::string set_time(std::int64_t ns) override;
    std::optional<views::Rect> widget(const std::vector<std::string>& name) override;
    void press(const std::string& chord) override;
    void run_action(const std::string& id) override;
    nlohmann::json facts() override;
    bool opening() override { return session_.opening(); }
    std::string take_refusal() override { return session_.take_refusal(); }
    bool settled() override;
    void hold(bool on) override { main_.hold(on); }
    base::Status screenshot(const std::string& file) override;
    base::Status dump(const std::string& file) override;
    void request(views::Request request) override;
    MonkeyToys toys() override;
    void resize(int width, int height) override;
    void set_scale(float scale) override;
    FrameCost last_frame() const override { return last_frame_; }

private:
    void draw_frame();
    void take_picture();

    Platform& platform_;
    // Writers: session, background and opener threads (release) after they published; reader: the loop (acquire) [window.changed]
    std::atomic<bool> changed_{true};
    views::MainWindow main_;
    WindowSession session_;
    std::unique_ptr<ScriptDriver> script_;
    bool interactive_ = true;
    std::uint64_t frames_drawn_ = 0;
    std::chrono::steady_clock::time_point input_at_ = std::chrono::steady_clock::now();  // the last
    FrameCost last_frame_;
    std::string title_;
};

}  // namespace coroscope::app
