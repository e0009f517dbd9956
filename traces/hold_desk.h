// HoldDesk: a live session's hold on its program, on a thread of its own (control.h says what can be asked).
//
// A pause may take as long as a coroutine computes, and whoever asks is the frame: so wishes are queued, done one after the other, and what came of
// the last one is a value to look at. What is held goes on when the desk ends.
//
// Thread: every function from any thread, returns at once; the destructor waits for what is under way. Tested in
// tests/e2e/ctl_test.py.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "traces/control.h"
#include "traces/session.h"

namespace coroscope::traces {

class HoldDesk {
public:
    // `changed` is called on the desk's thread when something came of a wish.
    HoldDesk(std::uint32_t pid, std::function<void()> changed);
    ~HoldDesk();

    void ask(HoldWish wish);
    HoldState state() const;

private:
    void loop();
    void act(Control& control, const HoldWish& wish);
    void say(const std::string& sentence, bool error);
    void look_at_running(Control& control);
    void stop_thread(Control& control, std::uint64_t identity);

    const std::uint32_t pid_;
    const std::function<void()> changed_;
    mutable std::mutex lock_;  // guards what follows, but for what is the thread's
    std::condition_variable asked_;
    std::deque<HoldWish> wishes_;
    HoldState state_;
    bool stop_ = false;
    std::unique_ptr<Control> control_;           // the thread's
    std::unique_ptr<inspect::ThreadStop> stopped_;  // the thread's
    std::thread thread_;                         // last: starts when the rest exists
};

}  // namespace coroscope::traces
