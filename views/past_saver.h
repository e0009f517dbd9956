// PastSaver: writes what a live session keeps of the past to a trace file of its own, for people who see something and want to keep it.
//
// The file is NAME-PID.coro in the folder that the window was started in, NAME-PID-2.coro where there is one already: nothing is overwritten. What is
// kept, and so what is saved, reaches as far back as events were listened to without a break, within the session's memory.
//
// Thread: the frame's; it is written on the workspace's thread for searches. Blocks: never. Tested in tests/e2e/save_past_test.py.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "views/workspace.h"

namespace coroscope::views {

class PastSaver {
public:
    struct Answer {
        std::string sentence;  // where it is and how long it covers, or why there is nothing
        bool is_error = false;
        std::string path;  // of the file; "" when there is none
    };
    // Begins, unless one is under way.
    void save(const Workspace& ws);
    // What came of it, once. Once a frame.
    std::optional<Answer> poll(Workspace& ws);
    bool busy() const { return wanted_ || writing_ != nullptr; }
    // Nobody waits for the answer any more; what has begun is written.
    void reset();

private:
    // Shared with the thread that writes.
    struct Writing {
        std::mutex mutex;
        std::optional<Answer> answer;  // guarded by mutex
    };

    bool wanted_ = false;
    std::chrono::steady_clock::time_point wanted_since_{};
    std::shared_ptr<Writing> writing_;
};

}  // namespace coroscope::views
