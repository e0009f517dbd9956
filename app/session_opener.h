// Opening sessions off the frame: attaching and reading a trace's index take a moment, waiting for a launched program's runtime longer.
//
// One at a time: starting another cancels the one under way, whose result is dropped; the other begins when that has ended.
//
// Thread: the frame's, which never waits here; the work runs on a thread of its own and calls `wake` when done. Only the destructor waits for it
// (waits for a program to appear are cut into slices of 100 ms that notice a cancel).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/session.h"

namespace coroscope::app {

class SessionOpener {
public:
    using Opened = base::Result<std::unique_ptr<traces::Session>>;

    explicit SessionOpener(std::function<void()> wake) : wake_(std::move(wake)) {}
    ~SessionOpener() {  // waits for what is under way
        cancel();
        if (thread_.joinable()) thread_.join();
    }

    // Folders in which sessions opened from now on look for separate debug files, too.
    void set_debug_paths(std::vector<std::string> paths) { debug_paths_ = std::move(paths); }
    void set_listening(traces::Listening listening) { listening_ = listening; }
    void attach(std::uint32_t pid);
    // Waits for the runtime of a program just launched, in it or in a descendant.
    void attach_when_started(std::uint32_t root_pid);
    // A trace or a core; `binary` stands for the core's program where that is not "".
    void open_file(const std::string& path, const std::string& binary);
    // Does not wait: what was under way ends by itself, and what is opened next begins after it.
    void cancel();
    bool busy() const { return task_ != nullptr; }
    // What was opened, once; nothing while it is under way.
    std::optional<Opened> take();

private:
    struct Task {
        std::atomic<bool> cancelled{false};  // writer: frame; reader: the task, between slices
        std::atomic<bool> done{
            false};  // writer: the task (release) after `result`; reader: frame (acquire) [opener.done]
        std::optional<Opened> result;
    };
    void start(std::function<Opened(const Task&)> work);

    traces::LiveOptions live_options() const;

    std::function<void()> wake_;
    std::vector<std::string> debug_paths_;
    traces::Listening listening_ = traces::Listening::kAffordable;
    std::shared_ptr<Task> task_;
    std::thread thread_;
};

}  // namespace coroscope::app
