// What a window has open: a session, and the program it launched, with its output. The part of the window that deals with processes.
//
// Requests of the views and of scripts arrive here; results show in the MainWindow's workspace. A launched program is ended with the window,
// as a terminal would; a program that was attached to goes on.
//
// Thread: the frame's. Nothing blocks but the launch itself (posix_spawn).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/launcher.h"
#include "app/program_output.h"
#include "app/saved_state.h"
#include "app/session_opener.h"
#include "views/main_window.h"

namespace coroscope::app {

class WindowSession {
public:
    WindowSession(views::MainWindow& main, std::function<void()> wake);
    ~WindowSession();

    void act(const views::Request& request);
    // Looks after processes and what is being opened; true when something changed. Call it often.
    bool tick();

    void set_debug_paths(std::vector<std::string> paths) { opener_.set_debug_paths(std::move(paths)); }
    void set_listening(traces::Listening listening) { opener_.set_listening(listening); }
    bool opening() const { return opener_.busy() || next_launch_.has_value(); }
    // Something whose output or end has to be looked for without being woken.
    bool watching() const { return program_ != nullptr && (output_open_ || !program_ended_); }
    bool wants_quit() const { return wants_quit_; }
    // Why the last request failed, once.
    std::string take_refusal() { return std::exchange(refusal_, {}); }
    SavedState& saved() { return saved_; }

private:
    void launch(const views::LaunchSpec& spec);
    void open(SessionOpener::Opened opened);
    void refuse(const std::string& why);
    bool pump_program();
    void show_program();
    bool refresh_lists();

    views::MainWindow& main_;
    SavedState saved_;
    std::unique_ptr<LaunchedProgram> program_;
    std::optional<views::LaunchSpec> next_launch_;  // as soon as the present program has ended
    views::LaunchSpec launched_;
    ProgramOutput output_;
    bool output_open_ = false;
    bool program_ended_ = true;
    SessionOpener opener_;
    std::string opening_trace_;
    bool opening_launched_ = false;
    bool wants_quit_ = false;
    std::string refusal_;
    // Lists programs; wakes the window only with another list than before, so that a start page at which nothing happens draws nothing.
    std::atomic<bool> list_news_{false};  // by the lister's thread alone
    views::Background lister_;
    views::Computed<std::uint64_t, std::vector<views::AttachCandidate>> candidates_;
    std::uint64_t candidates_asked_ = 0;
    const std::vector<views::AttachCandidate>* candidates_shown_ = nullptr;
    std::chrono::steady_clock::time_point candidates_at_{};
};

}  // namespace coroscope::app
