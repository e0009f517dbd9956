// When a live session looks again: at once where something happens, ever more rarely where nothing does.
//
// A look at a program that stands still copies, unwinds and draws what is known already. So each look that found nothing done doubles
// the time until the next, up to kQuietMs; and whoever waits asks now and then, for next to nothing, whether the program has stirred
// meanwhile. Processor time is among what it is judged by, because a program can change its state without a switch or an event that
// anybody listens to; what its agent and idle threads take of it (kIdleShare) is nothing done.
//
// Pure; one thread. Tested in tests/unit/traces/look_pace_test.cpp; what it leaves of a quiet window's load in tests/e2e/idle_test.py.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace coroscope::traces {

// What a program has done since it began. Any of it may be 0 where it is not known.
struct Activity {
    std::uint64_t switches = 0, events = 0, cpu_ns = 0;
};

class LookPace {
public:
    using Milliseconds = std::chrono::milliseconds;
    static constexpr Milliseconds kQuietMs{5000};
    static constexpr double kIdleShare = 0.01;

    explicit LookPace(Milliseconds least) : least_(least), interval_(least) {}

    // After a look: how long until the next. `since_last`: since the look before.
    Milliseconds after_look(const Activity& now, std::chrono::nanoseconds since_last) {
        interval_ = stirred(now, since_last) ? least_
                                             : std::clamp(interval_ * 2, least_, std::max(least_, kQuietMs));
        seen_ = now;
        return interval_;
    }
    // Whether something has been done since the last look, `since` ago.
    bool stirred(const Activity& now, std::chrono::nanoseconds since) const {
        const double idle_ns = kIdleShare * static_cast<double>(since.count());
        return now.switches != seen_.switches || now.events != seen_.events ||
               static_cast<double>(now.cpu_ns - std::min(now.cpu_ns, seen_.cpu_ns)) > idle_ns;
    }
    // What was known at the last look; whoever asks between two looks knows no newer switches.
    const Activity& seen() const { return seen_; }
    Milliseconds least() const { return least_; }

private:
    Milliseconds least_, interval_;
    Activity seen_;
};

}  // namespace coroscope::traces
