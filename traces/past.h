// Past: what a trace says of any time, while it is still written as well: one thread rebuilds the Moment that was asked for last.
//
//   a trace that is closed     Moments of it
//   one that is followed       looked at for more four times a second, less often where that takes long (kShareMax of a processor); with no time
//                              chosen its end is rebuilt each time
//   one that a live session keeps   looked at for more only when a time is asked for that lies behind what is known
//
// Thread: every function from any thread; they return at once but for wait_moment(). `changed` is called on the Past's thread after something new was
// published. Tested in tests/unit/traces/growing_trace_test.cpp, replay_test.cpp, and end to end.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "instrumentation/base/result.h"
#include "traces/replay.h"

namespace coroscope::traces {

class Past {
public:
    enum class Follow : std::uint8_t { kNo, kYes };

    // Begins with time `first`. `changed` may be called before the constructor and until the destructor returns: it is given the Past.
    Past(std::shared_ptr<const Replay> replay, Follow follow, std::optional<TimeNs> first, std::function<void(const Past&)> changed);
    ~Past();
    Past(const Past&) = delete;
    Past& operator=(const Past&) = delete;

    // Look at time t from now on; nullopt = at the end.
    void set_time(std::optional<TimeNs> t);
    std::optional<TimeNs> time() const;
    // The newest Moment for the time chosen, or for the one before it while that is rebuilt; nullptr before the first.
    std::shared_ptr<const Moment> moment() const;
    // Blocks until that of the time chosen is there. Errors: those of Replay::moment_at.
    base::Result<std::shared_ptr<const Moment>> wait_moment() const;
    // What is known of the trace by now.
    std::shared_ptr<const Replay> replay() const;
    // Why there is no Moment for the time chosen; "" = there is, or will be.
    std::string error() const;
    // What is known becomes newer, soon, but not more often than a trace that is followed.
    void look_soon();
    // More may come.
    bool growing() const;

private:
    void loop();
    bool look_for_more();
    void rebuild(std::unique_lock<std::mutex>& lock);

    const Follow follow_;
    const std::function<void(const Past&)> changed_call_;
    mutable std::mutex lock_;  // guards everything below
    mutable std::condition_variable changed_;
    std::shared_ptr<const Replay> replay_;
    std::optional<TimeNs> time_;
    std::uint64_t wanted_ = 1, done_ = 0;  // numbers of the times asked for and rebuilt
    std::shared_ptr<const Moment> moment_;
    base::Error error_;
    bool growing_;
    bool look_wanted_ = false;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace coroscope::traces
